import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actingAs } from '../harness/administration.js';
import { startApp, type Answer, type TestApp } from '../harness/app.js';
import { refresh, signIn } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { join, joinAs, ownerOf, type Person } from '../harness/people.js';

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
    // What is gathered is written when its time has come, whoever is looking.
    "select * from audit_events where not (id = any($1)) and type not in ('access.denied', 'token.refused') order by occurred_at, id",
    [seen.map(({ id }) => id)],
  );
  return { events, answer };
}

const asPerson = (person: Person, query: string, variables: object = {}) =>
  app.graphql(query, { ...variables }, { bearer: person.access });
let made = 0;
const makeRole = () => house.createRole({ name: `audited-${++made}`, rank: 5, permissions: ['users:read'] });
const changes =
  'mutation ($c: String!, $n: String!) { changePassword(currentPassword: $c, newPassword: $n) { passwordChangedAt } }';

describe('the record', () => {
  it('says of a change of roles and of a role what was before and what is after', async () => {
    const ana = await join(app);
    const staff = await joinAs(app, owner, 'STAFF');
    const id = (await makeRole()).data['createRole'].id as string;
    const set = await recordedBy(() => house.setUserRoles(ana.id, [id]));
    expect(set.events[0]?.details).toEqual({
      before: ['USER'],
      after: [`audited-${made}`],
      ranks: [10, 5],
      gained: ['users:read'],
    });
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
