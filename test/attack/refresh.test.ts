import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type Answer, type TestApp } from '../harness/app.js';
import { codeOf, refresh, revoke, whoAmI } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { join, joinAs, ownerOf, roleId, verify, type Person } from '../harness/people.js';
import { until } from '../harness/until.js';
import { layWire, type Wire } from '../harness/wire.js';

let app: TestApp;
let look: Look;
let owner: Person;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

const sessionOf = async ({ sessionId }: Person) =>
  (
    await look('select ended_at is not null as ended, end_reason as reason from sessions where id = $1', [
      sessionId,
    ])
  )[0];
const eventsOf = async ({ sessionId }: Person, type: string) =>
  look("select * from audit_events where details->>'session' = $1 and type = $2", [sessionId, type]);

describe('a stolen refresh token', () => {
  it('that is used after its owner moved on ends the session, for thief and owner alike', async () => {
    const ana = await join(app);
    const second = await refresh(app, ana.refresh);
    const newest = await refresh(app, second.refresh);

    const theft = await refresh(app, ana.refresh);
    expect(theft.code).toBe('REFRESH_TOKEN_REUSED');
    expect(theft.answer.body).not.toMatch(/agr_|eyJ/);

    expect((await refresh(app, newest.refresh)).code).toBe('REFRESH_TOKEN_INVALID');
    expect((await refresh(app, second.refresh)).code).toBe('REFRESH_TOKEN_REUSED');
    for (const access of [ana.access, second.access, newest.access])
      expect(await verify(app, access)).toEqual({ valid: false, reason: 'REVOKED' });
    expect(codeOf(await whoAmI(app, newest.access))).toBe('UNAUTHENTICATED');
  });

  it('is on record, once, with the session it cost', async () => {
    const ana = await join(app);
    const { refresh: second } = await refresh(app, ana.refresh);
    await refresh(app, second);
    const codes = await Promise.all(
      [ana.refresh, second, ana.refresh, ana.refresh].map(async (token) => (await refresh(app, token)).code),
    );
    // The second token is its owner's honest retry where it comes before the thief's.
    expect(codes.filter((code) => code === 'REFRESH_TOKEN_REUSED').length).toBeGreaterThanOrEqual(3);
    expect(await eventsOf(ana, 'refresh.reused')).toMatchObject([{ outcome: 'DENIED', subject: ana.id }]);
    expect(await eventsOf(ana, 'session.ended')).toMatchObject([
      { details: { reason: 'refresh_reused' }, subject: ana.id },
    ]);
    expect(await sessionOf(ana)).toEqual({ ended: true, reason: 'refresh_reused' });
  });

  it('is recognised by a service that was started since', async () => {
    const ana = await join(app);
    const { refresh: second } = await refresh(app, ana.refresh);
    await refresh(app, second);
    const restarted = await app.replica();
    expect((await refresh(restarted, ana.refresh)).code).toBe('REFRESH_TOKEN_REUSED');
    const later = await app.replica();
    expect((await refresh(later, second)).code).toBe('REFRESH_TOKEN_REUSED');
    expect(await verify(later, ana.access)).toEqual({ valid: false, reason: 'REVOKED' });
  });

  it('gives its thief no chain of its own: within the window both hold the same successor, and one use shuts it', async () => {
    const ana = await join(app);
    const owners = await refresh(app, ana.refresh);
    const thiefs = await refresh(app, ana.refresh);
    expect(thiefs.refresh).toBe(owners.refresh);
    const owners2 = await refresh(app, owners.refresh);
    const thiefs2 = await refresh(app, thiefs.refresh);
    expect(thiefs2.refresh).toBe(owners2.refresh);
    await refresh(app, owners2.refresh);
    expect((await refresh(app, thiefs.refresh)).code).toBe('REFRESH_TOKEN_REUSED');
    expect(await sessionOf(ana)).toMatchObject({ ended: true });
  });

  it('cannot be turned against the other sessions of its owner', async () => {
    const ana = await join(app);
    const phone = await app.graphql(
      'mutation ($input: SignInInput!) { signIn(input: $input) { ... on AuthPayload { accessToken } } }',
      { input: { login: ana.username, password: ana.password } },
    );
    const { refresh: second } = await refresh(app, ana.refresh);
    await refresh(app, second);
    expect((await refresh(app, ana.refresh)).code).toBe('REFRESH_TOKEN_REUSED');
    expect(await verify(app, phone.data['signIn'].accessToken)).toEqual({ valid: true, reason: null });
  });
});

/** A refresh token taken apart and put together again with a right checksum, as only a reader of the source can. */
function forge(token: string, change: (body: Buffer) => void): string {
  const body = Buffer.from(token.slice('agr_'.length), 'base64url').subarray(0, 48);
  change(body);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  return `agr_${Buffer.concat([body, checksum]).toString('base64url')}`;
}

describe('a forged refresh token', () => {
  it('with the id of a live one and another secret gets nothing and costs its owner nothing', async () => {
    const ana = await join(app);
    const forged = forge(ana.refresh, (body) => randomBytes(32).copy(body, 16));
    const before = await look.census();
    expect((await refresh(app, forged)).code).toBe('REFRESH_TOKEN_INVALID');
    await revoke(app, forged);
    expect(await look.census()).toEqual(before);
    expect((await refresh(app, ana.refresh)).code).toBeUndefined();
  });

  it('with the id of a spent one and another secret is no reuse', async () => {
    const ana = await join(app);
    const { refresh: second } = await refresh(app, ana.refresh);
    await refresh(app, second);
    const forged = forge(ana.refresh, (body) => void body.writeUInt8(body.readUInt8(47) ^ 1, 47));
    expect((await refresh(app, forged)).code).toBe('REFRESH_TOKEN_INVALID');
    expect(await sessionOf(ana)).toMatchObject({ ended: false });
  });

  it('with an id that nobody has gets nothing', async () => {
    const ana = await join(app);
    const forged = forge(ana.refresh, (body) => randomBytes(48).copy(body));
    expect((await refresh(app, forged)).code).toBe('REFRESH_TOKEN_INVALID');
  });
});

describe('tokens of other kinds', () => {
  it('an access token is no refresh token, nor the reverse', async () => {
    const ana = await join(app);
    expect((await refresh(app, ana.access)).code).toBe('REFRESH_TOKEN_INVALID');
    expect(await verify(app, ana.refresh)).toEqual({ valid: false, reason: 'MALFORMED' });
    expect(codeOf(await whoAmI(app, ana.refresh))).toBe('UNAUTHENTICATED');
    expect(await sessionOf(ana)).toMatchObject({ ended: false });
  });

  it('an access token that ran out, or none at all, is no hindrance to a refresh', async () => {
    const ana = await join(app);
    expect((await refresh(app, ana.refresh, { bearer: 'eyJhbGciOiJub25lIn0.e30.' })).code).toBeUndefined();
  });
});

describe('an account that is not to be trusted any more', () => {
  it.each([
    [
      'suspendUser',
      'ACCOUNT_SUSPENDED',
      'Your account has been suspended. You have been logged out.',
      'account_suspended',
    ],
    [
      'deleteUser',
      'ACCOUNT_DELETED',
      'Your account has been deleted. You have been logged out.',
      'account_deleted',
    ],
  ])('after %s is told %s, and has no session left', async (mutation, code, message, reason) => {
    const ana = await join(app);
    await app.graphql(
      `mutation ($id: ID!) { ${mutation}(id: $id) { id } }`,
      { id: ana.id },
      { bearer: owner.access },
    );
    const { answer } = await refresh(app, ana.refresh);
    expect(answer.errors[0]).toMatchObject({ message, extensions: { code } });
    expect(await sessionOf(ana)).toEqual({ ended: true, reason });
  });

  it('is not helped by a refresh that runs at the same time', async () => {
    for (let round = 0; round < 5; round++) {
      const ana = await join(app);
      const [refreshed] = await Promise.all([
        refresh(app, ana.refresh),
        app.graphql(
          'mutation ($id: ID!) { suspendUser(id: $id) { id } }',
          { id: ana.id },
          { bearer: owner.access },
        ),
      ]);
      expect(await sessionOf(ana)).toMatchObject({ ended: true });
      if (refreshed.code === undefined)
        expect(await verify(app, refreshed.access)).toEqual({ valid: false, reason: 'SUBJECT_DISABLED' });
      expect((await refresh(app, refreshed.refresh || ana.refresh)).code).toBe('ACCOUNT_SUSPENDED');
    }
  });
});

describe('a stolen copy of the database', () => {
  it('holds no token that anybody could use', async () => {
    const ana = await join(app);
    const second = await refresh(app, ana.refresh);
    const third = await refresh(app, second.refresh);
    const dump = await look.dump();
    // What a dump would have to hold for this test to see it: the digest that is kept is there.
    const secretOf = (token: string) => Buffer.from(token.slice('agr_'.length), 'base64url').subarray(16, 48);
    expect(dump).toContain(createHash('sha256').update(secretOf(third.refresh)).digest('hex'));

    for (const token of [ana.refresh, second.refresh, third.refresh]) {
      const secret = secretOf(token);
      for (const spelling of ['hex', 'base64', 'base64url', 'latin1', 'utf8'] as const)
        expect(dump).not.toContain(secret.toString(spelling));
      expect(dump).not.toContain(token);
      expect(dump).not.toContain(Buffer.from(token).toString('hex'));
    }
    for (const access of [ana.access, second.access, third.access]) {
      expect(dump).not.toContain(access.split('.')[2]);
      expect(dump).not.toContain(Buffer.from(access).toString('hex').slice(-80));
    }
    expect(dump).not.toContain(ana.password);
  });
});

describe('between the service and its database', () => {
  let wire: Wire;
  let far: TestApp;
  beforeAll(async () => {
    wire = await layWire(app.databaseUrl);
    far = await app.replica({ DATABASE_URL: wire.url });
  });
  afterEach(() => wire.mend());
  afterAll(async () => {
    await far.close();
    await wire.close();
  });

  it('a mistyped token is refused without a question to the database', async () => {
    const ana = await join(app);
    wire.cut();
    const started = performance.now();
    const typos = [
      ana.refresh.slice(0, -1),
      `${ana.refresh}A`,
      ana.refresh.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
      ana.refresh.slice(0, 20) + (ana.refresh[20] === 'x' ? 'y' : 'x') + ana.refresh.slice(21),
      ana.refresh.toUpperCase(),
      ` ${ana.refresh}`,
      `${ana.refresh}\n`,
      ana.refresh.replace('agr_', 'ags_'),
      ana.access,
      '',
      'agr_',
      '\u0000',
      '\ud800',
      'a'.repeat(90_000),
    ];
    for (const typo of typos) expect((await refresh(far, typo)).code).toBe('REFRESH_TOKEN_INVALID');
    expect(performance.now() - started).toBeLessThan(2000);
    // The right one would have needed it.
    expect((await refresh(far, ana.refresh)).code).toBe('SERVICE_UNAVAILABLE');
    wire.mend();
    await until('it is back', async () => (await refresh(far, ana.refresh)).code === undefined);
  });

  it('an answer to a commit that is lost spends nothing twice: the retry gets the same successor', async () => {
    const ana = await join(app);
    wire.loseNextCommit();
    const lost = await refresh(far, ana.refresh);
    expect(lost.code).toBe('SERVICE_UNAVAILABLE');
    // It was carried out.
    expect(
      await look('select state from refresh_tokens where session_id = $1 order by id', [ana.sessionId]),
    ).toEqual([{ state: 'rotated' }, { state: 'active' }]);
    const retry = await refresh(far, ana.refresh);
    expect(retry.code).toBeUndefined();
    expect((await refresh(app, retry.refresh)).code).toBeUndefined();
    expect(await eventsOf(ana, 'refresh.reused')).toEqual([]);
  });

  it('a database process that dies at the commit spends nothing: the retry works', async () => {
    const ana = await join(app);
    const lock = await look.another();
    await lock.query(`
      create function wait_for_the_test() returns trigger language plpgsql as
        $$ begin perform pg_advisory_xact_lock(4711); return null; end $$;
      create constraint trigger dawdle after insert on refresh_tokens deferrable initially deferred
        for each row execute function wait_for_the_test();
      select pg_advisory_lock(4711)`);
    const lost = refresh(app, ana.refresh);
    const killed = await until('the commit waits', async () => {
      const waiting = `select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and query ~* '^commit|rotate_refresh_token' and wait_event_type = 'Lock'`;
      return (await look(waiting)).length;
    });
    expect(killed).toBe(1);
    expect((await lost).code).toBe('SERVICE_UNAVAILABLE');
    await lock.query('drop trigger dawdle on refresh_tokens; select pg_advisory_unlock(4711)');
    expect(await look('select state from refresh_tokens where session_id = $1', [ana.sessionId])).toEqual([
      { state: 'active' },
    ]);
    expect((await refresh(app, ana.refresh)).code).toBeUndefined();
    expect(await eventsOf(ana, 'refresh.reused')).toEqual([]);
  });

  it('a lock that another process holds for a moment is waited for', async () => {
    const ana = await join(app);
    const lock = await look.another();
    await lock.query('begin');
    await lock.query('select 1 from sessions where id = $1 for update', [ana.sessionId]);
    const waiting = refresh(app, ana.refresh);
    await look('select pg_sleep(1.8)');
    await lock.query('commit');
    expect((await waiting).code).toBeUndefined();
  });
});

describe('while a refresh is under way', () => {
  const GATE = 4713;
  beforeAll(async () => {
    await look(`
      create function wait_at_the_record() returns trigger language plpgsql as
        $$ begin perform pg_advisory_xact_lock(${GATE}, hashtext(new.type)); return new; end $$;
      create trigger gate before insert on audit_events for each row execute function wait_at_the_record()`);
  });
  afterAll(() => look('drop trigger gate on audit_events; drop function wait_at_the_record'));

  const lockAt = (type: string) => `(${GATE}, hashtext('${type}'))`;
  const AT_THE_GATE = `locktype = 'advisory' and classid = ${GATE}`;
  const FOR_A_ROW = "locktype in ('transactionid', 'tuple')";
  const waits = (what: string, lock: string) =>
    until(what, async () => (await look(`select 1 from pg_locks where not granted and ${lock}`)).length > 0);

  /** Begins an act, holds it where it writes to the record, does `meanwhile`, and lets it go on. */
  async function holding<T>(
    type: string,
    begin: () => Promise<T>,
    meanwhile: () => Promise<unknown>,
  ): Promise<T> {
    const gate = await look.another();
    await gate.query(`select pg_advisory_lock${lockAt(type)}`);
    const begun = begin();
    await waits(`it waits to record ${type}`, AT_THE_GATE);
    const rest = await meanwhile();
    await gate.query(`select pg_advisory_unlock${lockAt(type)}`);
    await rest;
    return begun;
  }

  /** Begins it, and goes on when it waits behind the one that is held; what it answers comes later. */
  const behind = async (begin: () => Promise<Answer>) => {
    const begun = begin();
    await waits('it waits for the session', FOR_A_ROW);
    return () => begun;
  };
  const asOwner = (mutation: string, variables: Record<string, unknown>) =>
    app.graphql(mutation, variables, { bearer: owner.access });
  const suspend = ({ id }: Person) => asOwner('mutation ($u: ID!) { suspendUser(id: $u) { id } }', { u: id });
  const remove = ({ id }: Person) => asOwner('mutation ($u: ID!) { deleteUser(id: $u) { id } }', { u: id });
  const signOut = ({ access }: Person) => app.graphql('mutation { signOut }', {}, { bearer: access });

  it.each([
    ['a suspension', suspend, 'ACCOUNT_SUSPENDED', 'SUBJECT_DISABLED'],
    ['a deletion', remove, 'ACCOUNT_DELETED', 'SUBJECT_DELETED'],
    ['a sign-out', signOut, 'REFRESH_TOKEN_INVALID', 'REVOKED'],
  ])('%s waits for it, and ends what it gave', async (_act, act, code, reason) => {
    const ana = await join(app);
    let later: (() => Promise<Answer>) | undefined;
    const next = await holding(
      'refresh.rotated',
      () => refresh(app, ana.refresh),
      async () => {
        later = await behind(() => act(ana));
      },
    );
    expect([next.code, codeOf(await later!())]).toEqual([undefined, undefined]);
    expect(await verify(app, next.access)).toEqual({ valid: false, reason });
    expect((await refresh(app, next.refresh)).code).toBe(code);
  });

  it.each([
    ['a suspension', suspend, 'account.suspended', 'ACCOUNT_SUSPENDED'],
    ['a deletion', remove, 'account.deleted', 'ACCOUNT_DELETED'],
    ['a sign-out', signOut, 'session.ended', 'REFRESH_TOKEN_INVALID'],
  ])('that came after %s, it waits for that, and gives nothing', async (_act, act, type, code) => {
    const ana = await join(app);
    let later: (() => Promise<Answer>) | undefined;
    const done = await holding(
      type,
      () => act(ana),
      async () => {
        later = await behind(async () => (await refresh(app, ana.refresh)).answer);
      },
    );
    const answer = await later!();
    expect([codeOf(done), codeOf(answer)]).toEqual([undefined, code]);
    expect(answer.body).not.toMatch(/agr_|eyJ/);
    expect(await eventsOf(ana, 'refresh.rotated')).toEqual([]);
  });

  it('a role that is taken away is gone for the token that it gives', async () => {
    const ana = await joinAs(app, owner, 'STAFF');
    const none = { u: ana.id, r: [await roleId(app, owner, 'USER')] };
    const { access } = await holding(
      'refresh.rotated',
      () => refresh(app, ana.refresh),
      () => asOwner('mutation ($u: ID!, $r: [ID!]!) { setUserRoles(userId: $u, roleIds: $r) { id } }', none),
    );
    expect(await verify(app, access)).toEqual({ valid: true, reason: null });
    expect(codeOf(await app.graphql('{ users { totalCount } }', {}, { bearer: access }))).toBe('FORBIDDEN');
  });

  it('of another process with the same token, both get the same successor', async () => {
    const ana = await join(app);
    const other = await app.replica();
    let later: (() => Promise<Answer>) | undefined;
    const first = await holding(
      'refresh.rotated',
      () => refresh(app, ana.refresh),
      async () => {
        later = await behind(async () => (await refresh(other, ana.refresh)).answer);
      },
    );
    const second = await later!();
    expect(second.data['refresh'].refreshToken).toBe(first.refresh);
    expect(await eventsOf(ana, 'refresh.rotated')).toHaveLength(1);
  });
});

describe('refreshes that share a statement', () => {
  const GATE = 4714;
  beforeAll(async () => {
    await look(`
      create function wait_at_the_token() returns trigger language plpgsql as
        $$ begin perform pg_advisory_xact_lock(${GATE}, hashtext(new.session_id::text)); return new; end $$;
      create trigger gate before update on refresh_tokens for each row execute function wait_at_the_token()`);
  });
  afterAll(() => look('drop trigger gate on refresh_tokens; drop function wait_at_the_token'));

  /** What the service sends where both come in one moment. */
  const wishFor = ({ id, sessionId, refresh: text }: Person, nth: number) => {
    const token = Buffer.from(text.slice('agr_'.length), 'base64url').subarray(0, 16).toString('hex');
    const event = { id: randomUUID(), type: 'refresh.rotated', actor: id, mac: '' };
    const successor = { successor: randomUUID(), hash: '\\x00', box: '\\x00' };
    return { nth, token, session: sessionId, ...successor, ...event, rows: true };
  };

  it.each([
    ['has ended', 'update sessions set ended_at = now() where id = $1', [0]],
    ['is gone', 'delete from sessions where id = $1', [0]],
    ['has another token', "update refresh_tokens set state = 'rotated' where session_id = $1", [0]],
    ['was raised', 'update sessions set aal = 2 where id = $1', [0, 1]],
  ])('take up no session as it was when they began: one that %s since', async (_what, meanwhile, got) => {
    const [ana, ben] = [await join(app), await join(app)];
    const gate = await look.another();
    await gate.query(`select pg_advisory_lock(${GATE}, hashtext($1))`, [ana.sessionId]);
    const both = (await look.another()).query<{ nth: number; session: { aal: number } }>(
      'select nth, session from rotate_refresh_tokens(3600, $1)',
      [JSON.stringify([ana, ben].map(wishFor))],
    );
    const waiting = `select 1 from pg_locks where not granted and locktype = 'advisory' and classid = ${GATE}`;
    await until('it is at the first of them', async () => (await look(waiting)).length > 0);
    await look(meanwhile, [ben.sessionId]);
    await gate.query('select pg_advisory_unlock_all()');
    const { rows } = await both;
    expect(rows.map(({ nth }) => nth)).toEqual(got);
    if (rows[1]) expect(rows[1].session.aal).toBe(2);
    expect(await eventsOf(ben, 'refresh.rotated')).toHaveLength(got.length - 1);
  });
});

describe('a refresh token that this process has handed out itself', () => {
  it('is refused with another secret, and costs its owner nothing', async () => {
    const ana = await join(app);
    const { refresh: second } = await refresh(app, ana.refresh);
    const forged = forge(second, (body) => void body.writeUInt8(body.readUInt8(47) ^ 1, 47));
    expect((await refresh(app, forged)).code).toBe('REFRESH_TOKEN_INVALID');
    expect((await refresh(app, second)).code).toBeUndefined();
  });

  it('is nothing any more once its session is forgotten', async () => {
    const ana = await join(app);
    const { refresh: second } = await refresh(app, ana.refresh);
    await look('delete from sessions where id = $1', [ana.sessionId]);
    expect((await refresh(app, second)).code).toBe('REFRESH_TOKEN_INVALID');
  });
});
