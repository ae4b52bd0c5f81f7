import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { eventTypes } from '../../src/domain/audit.js';
import { table } from '../../src/permissions/table.js';
import { actingAs } from '../harness/administration.js';
import { startApp, type Answer, type TestApp } from '../harness/app.js';
import { codeOf, refresh, revoke, signIn, signUp } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { enter, join, joinAs, newcomer, ownerOf, type Person } from '../harness/people.js';

let app: TestApp;
let look: Look;
let owner: Person;
let house: ReturnType<typeof actingAs>;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
  house = actingAs(app, owner);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

interface Event {
  type: string;
  outcome: string;
  actor: string | null;
  subject: string | null;
  details: Record<string, unknown> | null;
  ip_address: string | null;
  user_agent: string | null;
  request_id: string | null;
}

/** What was recorded while `act` ran. */
async function recordedBy(act: () => Promise<Answer>): Promise<{ events: Event[]; answer: Answer }> {
  const seen = await look<{ id: string }>('select id from audit_events');
  const answer = await act();
  const events = await look<Event>(
    'select * from audit_events where not (id = any($1)) order by occurred_at, id',
    [seen.map(({ id }) => id)],
  );
  return { events, answer };
}

const asPerson = (person: Person, query: string, variables: object = {}) =>
  app.graphql(query, { ...variables }, { bearer: person.access });
/** The table keeps digests only, so the test puts a secret of its own in the place of the mailed one. */
async function mailedToken(person: Person): Promise<string> {
  const token = randomBytes(32).toString('base64url');
  await look(
    'update one_time_tokens set secret_hash = sha256($2::text::bytea) where user_id = $1 and used_at is null',
    [person.id, token],
  );
  return token;
}

interface Deed {
  /** What is done, by whom and to whom; whatever it needs is made before the recording starts. */
  prepare: () => Promise<{ act: () => Promise<Answer>; actor: string | null; subject?: string | null }>;
  events: string[];
}
const byAna = (act: (ana: Person) => Promise<Answer>, events: string[]): Deed => ({
  events,
  prepare: async () => {
    const ana = await join(app);
    return { act: () => act(ana), actor: ana.id, subject: ana.id };
  },
});
const toAna = (
  act: (ana: Person) => Promise<Answer>,
  events: string[],
  before: (ana: Person) => Promise<unknown> = async () => undefined,
): Deed => ({
  events,
  prepare: async () => {
    const ana = await join(app);
    await before(ana);
    return { act: () => act(ana), actor: owner.id, subject: ana.id };
  },
});
let made = 0;
const makeRole = () => house.createRole({ name: `audited-${++made}`, rank: 5, permissions: ['users:read'] });
const toRole = (act: (id: string) => Promise<Answer>, events: string[]): Deed => ({
  events,
  prepare: async () => {
    const id = (await makeRole()).data['createRole'].id as string;
    return { act: () => act(id), actor: owner.id, subject: id };
  },
});
const changes =
  'mutation ($c: String!, $n: String!) { changePassword(currentPassword: $c, newPassword: $n) { passwordChangedAt } }';

const rotateKey = () => asPerson(owner, 'mutation { rotateSigningKey { kid } }');

/** Every mutation that changes anything, and what it must leave on record. */
const DEEDS: Record<string, Deed> = {
  signUp: {
    events: ['account.created', 'sign_in.succeeded'],
    prepare: async () => ({ act: () => signUp(app, newcomer()), actor: null }),
  },
  signIn: byAna((ana) => signIn(app, ana.username, ana.password), ['sign_in.succeeded']),
  refresh: byAna(async (ana) => (await refresh(app, ana.refresh)).answer, ['refresh.rotated']),
  revoke: byAna((ana) => revoke(app, ana.access), ['session.ended']),
  verifyEmail: {
    events: ['email.verified'],
    prepare: async () => {
      const ana = await join(app);
      const t = await mailedToken(ana);
      return {
        act: () => app.graphql('mutation ($t: String!) { verifyEmail(token: $t) }', { t }),
        actor: ana.id,
        subject: ana.id,
      };
    },
  },
  signOut: byAna((ana) => asPerson(ana, 'mutation { signOut }'), ['session.ended']),
  revokeSession: byAna((ana) => actingAs(app, ana).revokeSession(ana.sessionId), ['session.ended']),
  revokeUserSessions: toAna(
    (ana) => house.revokeUserSessions(ana.id),
    ['session.ended', 'session.ended'],
    (ana) => enter(app, ana),
  ),
  updateMe: byAna((ana) => actingAs(app, ana).updateMe({ phone: '+351 900' }), ['account.updated']),
  changePassword: byAna(
    (ana) => asPerson(ana, changes, { c: ana.password, n: 'nine-purple-Kettles' }),
    ['password.changed'],
  ),
  deleteMe: byAna((ana) => actingAs(app, ana).deleteMe(ana.password), ['account.deleted', 'session.ended']),
  updateUser: toAna((ana) => house.updateUser(ana.id, { lastName: 'Ng' }), ['account.updated']),
  deleteUser: toAna((ana) => house.deleteUser(ana.id), ['account.deleted', 'session.ended']),
  restoreUser: toAna(
    (ana) => house.restoreUser(ana.id),
    ['account.restored'],
    (ana) => house.deleteUser(ana.id),
  ),
  suspendUser: toAna((ana) => house.suspendUser(ana.id), ['account.suspended', 'session.ended']),
  reinstateUser: toAna(
    (ana) => house.reinstateUser(ana.id),
    ['account.reinstated'],
    (ana) => house.suspendUser(ana.id),
  ),
  setUserRoles: toAna((ana) => house.setUserRoles(ana.id, []), ['roles.set']),
  createRole: { events: ['role.created'], prepare: async () => ({ act: makeRole, actor: owner.id }) },
  updateRole: toRole((id) => house.updateRole(id, { rank: 6, permissions: [] }), ['role.updated']),
  deleteRole: toRole((id) => house.deleteRole(id), ['role.deleted']),
  rotateSigningKey: {
    events: ['signing_key.published'],
    prepare: async () => {
      // The one that waits already would be answered.
      await look("delete from signing_keys where state = 'published'");
      return { act: rotateKey, actor: owner.id };
    },
  },
  revokeSigningKey: {
    events: ['signing_key.revoked'],
    prepare: async () => {
      const { kid } = (await rotateKey()).data['rotateSigningKey'];
      const query = 'mutation ($kid: ID!) { revokeSigningKey(kid: $kid) { state } }';
      return { act: () => asPerson(owner, query, { kid }), actor: owner.id };
    },
  },
};
/** Asks for mail, and changes nothing about anybody. */
const SILENT = ['resendVerificationEmail'];

describe('the record', () => {
  it('is asked of every mutation here', () => {
    expect([...Object.keys(DEEDS), ...SILENT].sort()).toEqual(Object.keys(table['Mutation'] ?? {}).sort());
  });

  it.each(Object.entries(DEEDS))(
    '%s leaves its events: who, whom, from where, and nothing that is not allowed',
    async (_, deed) => {
      const { act, actor, subject } = await deed.prepare();
      const { events, answer } = await recordedBy(act);
      expect(answer.errors).toEqual([]);
      expect(events.map(({ type }) => type).sort()).toEqual(deed.events);
      for (const event of events) {
        expect(event).toMatchObject({ outcome: 'SUCCESS', ip_address: '127.0.0.1' });
        expect(event.request_id).toBe(answer.headers.get('x-request-id'));
        if (actor !== null) expect(event.actor).toBe(actor);
        if (subject !== undefined) expect(event.subject).toBe(subject);
        const allowed: readonly string[] = eventTypes[event.type as keyof typeof eventTypes];
        expect(Object.keys(event.details ?? {}).filter((name) => !allowed.includes(name))).toEqual([]);
      }
    },
  );

  it.each(Object.entries(DEEDS))('%s is undone where its record cannot be written', async (_, deed) => {
    const { act } = await deed.prepare();
    const tables = [
      'users',
      'user_roles',
      'roles',
      'role_permissions',
      'sessions',
      'refresh_tokens',
      'revocations',
    ];
    const state = async () => {
      const seen: unknown[] = [await look('select kid, state from signing_keys order by 1')];
      for (const name of tables) seen.push(await look(`select t::text from ${name} t order by 1`));
      return seen;
    };
    const before = await state();
    await look(
      "create function refuse_record() returns trigger language plpgsql as $$ begin raise exception 'no room'; end $$",
    );
    await look(
      'create trigger no_room before insert on audit_events for each row execute function refuse_record()',
    );
    try {
      expect(codeOf(await act())).toBe('INTERNAL_SERVER_ERROR');
      expect(await state()).toEqual(before);
    } finally {
      await look('drop trigger no_room on audit_events');
      await look('drop function refuse_record');
    }
  });

  it('says of a change of roles and of a role what was before and what is after', async () => {
    const ana = await join(app);
    const staff = await joinAs(app, owner, 'STAFF');
    const id = (await makeRole()).data['createRole'].id as string;
    const set = await recordedBy(() => house.setUserRoles(ana.id, [id]));
    expect(set.events[0]?.details).toEqual({ before: ['USER'], after: [`audited-${made}`] });
    const changed = await recordedBy(() =>
      house.updateRole(id, { name: `audited-${made}-x`, rank: 7, permissions: ['roles:read'] }),
    );
    expect(changed.events[0]?.details).toEqual({
      role: `audited-${made}`,
      before: { rank: 5, permissions: ['users:read'] },
      after: { rank: 7, permissions: ['roles:read'] },
    });
    const profile = await recordedBy(() =>
      actingAs(app, staff).updateUser(ana.id, { phone: '+351 900', lastName: 'Ng' }),
    );
    expect(profile.events).toMatchObject([
      { actor: staff.id, subject: ana.id, details: { changed: ['lastName', 'phone'] } },
    ]);
  });

  it('has sign-ins that failed, and why, and who was meant where there is such an account', async () => {
    const ana = await join(app);
    const wrong = await recordedBy(() => signIn(app, ana.email, 'not the password'));
    expect(wrong.events).toMatchObject([
      {
        type: 'sign_in.failed',
        outcome: 'FAILURE',
        actor: null,
        subject: ana.id,
        details: { reason: 'credentials' },
      },
    ]);
    const unknown = await recordedBy(() => signIn(app, 'nobody-at-all', 'x'));
    expect(unknown.events).toMatchObject([
      { type: 'sign_in.failed', outcome: 'FAILURE', subject: null, details: { reason: 'credentials' } },
    ]);
    await house.suspendUser(ana.id);
    expect((await recordedBy(() => signIn(app, ana.email, ana.password))).events).toMatchObject([
      { subject: ana.id, details: { reason: 'suspended' } },
    ]);
    await house.deleteUser(ana.id);
    expect((await recordedBy(() => signIn(app, ana.email, ana.password))).events).toMatchObject([
      { subject: ana.id, details: { reason: 'deleted' } },
    ]);
    const bo = await join(app);
    const guess = await recordedBy(() => actingAs(app, bo).deleteMe('not the password'));
    expect(guess.events).toMatchObject([
      { type: expect.stringMatching(/^password\./), outcome: 'FAILURE', actor: bo.id },
    ]);
  });

  it('leaves no trace of what was refused or changed nothing, as it happened not', async () => {
    const ana = await join(app);
    await house.deleteUser(ana.id);
    const refused = [
      () => house.deleteUser(ana.id),
      () => house.updateUser(ana.id, { firstName: 'Eve' }),
      () => actingAs(app, owner).setUserRoles(owner.id, []),
      () => house.createRole({ name: 'owner', rank: 5, permissions: [] }),
    ];
    for (const act of refused) expect((await recordedBy(act)).events).toEqual([]);
  });

  it('can only grow: nothing in it is changed, removed or emptied', async () => {
    const before = await look('select count(*)::int as count from audit_events');
    for (const attempt of [
      "update audit_events set type = 'x'",
      'delete from audit_events',
      'truncate audit_events',
      'truncate audit_events cascade',
    ])
      await expect(look(attempt)).rejects.toThrow('audit events are never changed or removed');
    expect(await look('select count(*)::int as count from audit_events')).toEqual(before);
  });

  it('holds no name, address or secret of anybody', async () => {
    const ana = await join(app, {
      firstName: 'Xanthippe',
      lastName: 'Quux',
      phone: '+351 987 654 321',
      telegram: '@xanthippe',
    });
    await signIn(app, ana.email, 'the wrong Secret of hers');
    await signIn(app, 'no-such-Login-as-this', 'the wrong Secret of hers');
    await asPerson(ana, changes, { c: ana.password, n: 'another-Secret-of-hers' });
    await house.updateUser(ana.id, {
      email: `new-${ana.email}`,
      username: `new-${ana.username}`,
      firstName: 'Zenobia',
    });
    await refresh(app, ana.refresh);
    await house.deleteUser(ana.id);
    const record = (await look<{ text: string }>('select e::text as text from audit_events e'))
      .map(({ text }) => text)
      .join('\n');
    const secrets = [
      ana.email,
      ana.username,
      'Xanthippe',
      'Quux',
      'Zenobia',
      '987 654',
      'no-such-Login',
      'Secret',
      ana.password,
      ana.refresh,
      ana.access,
      ana.access.split('.')[2],
    ];
    expect(secrets.filter((secret) => record.includes(secret ?? ''))).toEqual([]);
  });
});
