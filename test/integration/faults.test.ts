import { rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createApp } from '../../src/app.js';
import { loadConfig } from '../../src/config.js';
import { isUnavailable } from '../../src/errors.js';
import { ask, startApp, testEnvironment, type Answer, type Asking, type TestApp } from '../harness/app.js';
import { codeOf, refresh, revoke, signIn, signUp, whoAmI } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { mailsIn } from '../harness/mail.js';
import { join, newcomer, ownerOf, verify, type Person } from '../harness/people.js';
import { createDatabase } from '../harness/postgres.js';
import { startProgram } from '../harness/program.js';
import { quantile, until } from '../harness/until.js';
import { layWire, type Wire } from '../harness/wire.js';

const GOOD = { valid: true, reason: null };

let app: TestApp;
let look: Look;
let owner: Person;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100', PASSWORD_HASH_COST: '10' });
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

const isWaiting = `datname = current_database() and application_name = 'authgraph' and wait_event_type = 'Lock'`;
const countWaiting = async () => (await look(`select 1 from pg_stat_activity where ${isWaiting}`)).length;

describe('a database process that is killed in the middle of', () => {
  /** Each is caught when it writes its record, after its deed and before the commit. */
  const acts: [string, (ana: Person) => Promise<Answer>][] = [
    ['a sign-up', () => signUp(app, stranger)],
    ['a sign-in', (ana) => signIn(app, ana.username, ana.password)],
    ['a refresh', async (ana) => (await refresh(app, ana.refresh)).answer],
    ['a revocation', (ana) => revoke(app, ana.refresh)],
    ['a sign-out everywhere', (ana) => as(ana, 'mutation { signOut(everywhere: true) }')],
    [
      'a change of the profile',
      (ana) => as(ana, 'mutation { updateMe(input: { firstName: "Eva" }) { id } }'),
    ],
    [
      'a change of the password',
      (ana) =>
        as(
          ana,
          'mutation ($p: String!) { changePassword(currentPassword: $p, newPassword: "a-Set-of-new-words") { passwordChangedAt } }',
          {
            p: ana.password,
          },
        ),
    ],
    [
      'a change of roles',
      ({ id }) => as(owner, 'mutation ($id: ID!) { setUserRoles(userId: $id, roleIds: []) { id } }', { id }),
    ],
    ['a suspension', ({ id }) => as(owner, 'mutation ($id: ID!) { suspendUser(id: $id) { id } }', { id })],
    [
      'the end of an account',
      (ana) => as(ana, 'mutation ($p: String!) { deleteMe(password: $p) }', { p: ana.password }),
    ],
  ];
  let stranger = newcomer();
  const as = (person: Person, query: string, variables: Record<string, unknown> = {}, asking: Asking = {}) =>
    app.graphql(query, variables, { bearer: person.access, ...asking });

  beforeAll(async () => {
    await look(`create function wait_for_the_test() returns trigger language plpgsql as
      $$ begin perform pg_advisory_xact_lock(4712); return new; end $$`);
    await look(
      `create trigger dawdle before insert on audit_events for each row execute function wait_for_the_test()`,
    );
  });
  afterAll(() => look('drop trigger dawdle on audit_events'));

  it.each(acts)('%s leaves nothing half done; trying again works', async (_, act) => {
    const ana = await join(app);
    stranger = newcomer();
    const before = await look.picture();
    await look('select pg_advisory_lock(4712)');
    const lost = act(ana);
    await until('it has come to its record', async () => {
      const kill = `select pg_terminate_backend(pid) from pg_stat_activity where ${isWaiting} and wait_event = 'advisory'`;
      return (await look(kill)).length > 0;
    });
    const answer = await lost;
    await look('select pg_advisory_unlock(4712)');
    expect(answer.errors).toMatchObject([
      {
        message: 'The service cannot answer right now; trying again is safe.',
        extensions: { code: 'SERVICE_UNAVAILABLE' },
      },
    ]);
    expect(await look.picture()).toBe(before);
    expect(await verify(app, ana.access)).toEqual(GOOD);
    expect(codeOf(await act(ana))).toBeUndefined();
  });
});

describe('when every connection is taken', () => {
  it('callers are told within seconds, verification goes on, and afterwards all is well', async () => {
    const small = await app.replica({ DATABASE_POOL_SIZE: '2' });
    const ana = await join(small);
    const lock = await look.another();
    await lock.query('begin; lock table users in access exclusive mode');
    const timed = async (call: Promise<Answer>) => {
      const started = performance.now();
      return { code: codeOf(await call), took: performance.now() - started };
    };
    try {
      const stuck = Array.from({ length: 12 }, () => timed(signIn(small, ana.username, ana.password)));
      await until('the pool is taken', async () => (await countWaiting()) === 2);
      const waits: number[] = [];
      for (let at = 0; at < 100; at++) {
        const started = performance.now();
        expect(await verify(small, ana.access)).toEqual(GOOD);
        waits.push(performance.now() - started);
        await delay(5);
      }
      // None of them waited for a connection, which would have been 1.5 s and more.
      expect(quantile(waits, 0.5)).toBeLessThan(50);
      expect(quantile(waits, 0.95)).toBeLessThan(500);
      const told = await Promise.all(stuck);
      expect(new Set(told.map(({ code }) => code))).toEqual(new Set(['SERVICE_UNAVAILABLE']));
      // A lock is waited for 1.5 s, a connection 2 s; the unlucky wait for both.
      expect(Math.max(...told.map(({ took }) => took))).toBeLessThan(4000);
    } finally {
      await lock.query('rollback');
    }
    expect(codeOf(await signIn(small, ana.username, ana.password))).toBeUndefined();
  });
});

describe('when PostgreSQL', () => {
  let wire: Wire;
  let far: TestApp;
  beforeAll(async () => {
    wire = await layWire(app.databaseUrl);
    far = await app.replica({ DATABASE_URL: wire.url, DATABASE_POOL_SIZE: '2' });
  });
  afterEach(() => wire.mend());
  afterAll(async () => {
    await far.close();
    await wire.close();
  });

  it('fails over, no session is lost and nobody is taken for a thief', async () => {
    const people = [await join(far), await join(far), await join(far), await join(far)];
    const first = await Promise.all(people.map((person) => refresh(far, person.refresh)));
    wire.cut();
    await look(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
    );
    const during = await Promise.all(first.map((tokens) => refresh(far, tokens.refresh)));
    expect(during.map(({ code }) => code)).toEqual(Array(4).fill('SERVICE_UNAVAILABLE'));
    expect(await verify(far, first[0]!.access)).toEqual(GOOD);
    wire.mend();
    await until('it is ready again', async () => (await fetch(`${far.url}/health/ready`)).ok);
    for (const [at, person] of people.entries()) {
      const again = await refresh(far, first[at]!.refresh);
      expect(again.code).toBeUndefined();
      expect(await verify(far, again.access)).toEqual(GOOD);
      expect((await refresh(app, again.refresh)).code).toBeUndefined();
      expect(await look('select end_reason from sessions where id = $1', [person.sessionId])).toEqual([
        { end_reason: null },
      ]);
    }
  });

  it('hangs, whoever finds every connection taken is told within seconds', async () => {
    const ana = await join(far);
    await whoAmI(far, ana.access);
    wire.hold();
    const stuck = [whoAmI(far, ana.access), whoAmI(far, ana.access)];
    const started = performance.now();
    const late = await Promise.all([
      signIn(far, ana.username, 'x'),
      signIn(far, ana.email, 'x'),
      whoAmI(far, ana.access),
    ]);
    for (const answer of late) expect(TOLD).toContain(codeOf(answer));
    expect(performance.now() - started).toBeLessThan(3000);
    expect(await verify(far, ana.access)).toEqual(GOOD);
    wire.mend();
    // Whoever hung on a connection gets an answer; whoever was about to open one had none.
    for (const answer of await Promise.all(stuck)) expect([undefined, ...TOLD]).toContain(codeOf(answer));
  });

  const TOLD = ['SERVICE_UNAVAILABLE'];
  it('does not answer at all, that counts as being away: "timeout expired"', async () => {
    wire.hold();
    const client = new pg.Client({ connectionString: wire.url, connectionTimeoutMillis: 50 });
    const error = await client.connect().catch((reason: unknown) => reason);
    expect(isUnavailable(error)).toBe(true);
  });

  it('takes no writes, those are told to come back while reading and verifying go on', async () => {
    const ana = await join(app);
    const name = (await look('select current_database() as name'))[0]!['name'] as string;
    const makeReadOnly = async (value: 'on' | 'off') => {
      await look(`alter database "${name}" set default_transaction_read_only = ${value}`);
      await look(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like 'authgraph%'`,
      );
    };
    await makeReadOnly('on');
    try {
      await until(
        'new connections are read-only',
        async () => codeOf(await revoke(app, ana.access)) === 'SERVICE_UNAVAILABLE',
      );
      for (const answer of [
        await signUp(app, newcomer()),
        await signIn(app, ana.username, ana.password),
        (await refresh(app, ana.refresh)).answer,
      ])
        expect(codeOf(answer)).toBe('SERVICE_UNAVAILABLE');
      expect(codeOf(await whoAmI(app, ana.access))).toBeUndefined();
      expect(await verify(app, ana.access)).toEqual(GOOD);
    } finally {
      await makeReadOnly('off');
    }
    await until('it takes writes again', async () => (await refresh(app, ana.refresh)).code === undefined);
    await until('it is ready again', async () => (await fetch(`${app.url}/health/ready`)).ok);
  });
});

describe('when mail cannot leave', () => {
  it('people sign up all the same, and their mail goes out later, whichever replica gets hold of it', async () => {
    const nobodyListens = 'smtp://127.0.0.1:9';
    const stuck = await startApp({ SMTP_URL: nobodyListens });
    const inside = await lookInto(stuck.databaseUrl);
    const ana = await join(stuck);
    const waiting = () =>
      inside<{ tries: number }>('select tries from mail_outbox where recipient = $1', [ana.email]);
    await until('it was tried', async () => (await waiting())[0]!.tries > 0);
    await until('it is nobody’s again', async () => {
      const due = "select 1 from mail_outbox where next_try_at < now() + interval '30 seconds'";
      return (await inside(due)).length > 0;
    });
    expect(await mailsIn(stuck)).toEqual([]);
    await inside("update mail_outbox set next_try_at = now() - interval '1 second'");
    await stuck.replica({ SMTP_URL: '' });
    await until('it is delivered', async () => (await mailsIn(stuck)).length === 1);
    expect((await mailsIn(stuck))[0]).toMatchObject({ to: ana.email });
    await until('it has left the outbox', async () => (await waiting()).length === 0);
    await inside.close();
    await stuck.close();
  });

  it('nobody has to wait for a replica that has stopped with mail in its hands', async () => {
    const mute = createServer();
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const { port } = mute.address() as AddressInfo;
    const stuck = await app.replica({ SMTP_URL: `smtp://127.0.0.1:${port}?greetingTimeout=1000` });
    const people = await Promise.all([join(stuck), join(stuck), join(stuck)]);
    await stuck.close();
    mute.close();
    const leased = await look(
      "select 1 from mail_outbox where recipient = any($1) and next_try_at > now() + interval '30 seconds'",
      [people.map(({ email }) => email)],
    );
    expect(leased).toEqual([]);
  });
});

describe('when the counters of limits', () => {
  it('are locked, people sign in all the same, by their address as by their name', async () => {
    const ana = await join(app);
    const keeper = await look.another();
    await keeper.query('begin; lock table limit_counters in exclusive mode');
    const answers = await Promise.all(
      [ana.email, ana.username].map((login) => signIn(app, login, ana.password)),
    );
    await keeper.query('rollback');
    expect(answers.map(codeOf)).toEqual([undefined, undefined]);
  });
});

describe('ten at once', () => {
  it('start on an empty database: one brings the schema, one the owner, one the key, and all of them work', async () => {
    const database = await createDatabase();
    const { env } = await testEnvironment({ DATABASE_URL: database.url });
    const running = await Promise.all(Array.from({ length: 10 }, () => createApp(loadConfig(env))));
    const inside = await lookInto(database.url);
    const count = async (sql: string) =>
      (await inside<{ count: number }>(`select count(*)::int as count from ${sql}`))[0]!.count;
    expect(await count('users')).toBe(1);
    expect(await count("signing_keys where state = 'active'")).toBe(1);
    expect(await count('signing_keys')).toBe(1);
    expect(await count("audit_events where type = 'account.created'")).toBe(1);
    expect(running.filter(({ firstOwner }) => firstOwner !== undefined)).toHaveLength(1);

    const doors = running.map(({ url }) => ({
      graphql: (query: string, variables?: Record<string, unknown>) => ask(url, query, variables),
    }));
    const signedIn = await signIn(doors[0]!, env['OWNER_USERNAME'] ?? '', env['OWNER_PASSWORD'] ?? '');
    for (const door of doors) expect(await verify(door, signedIn.data['signIn'].accessToken)).toEqual(GOOD);
    await inside.close();
    await Promise.all(running.map((one) => one.close()));
    await database.drop();
  });
});

describe('the built program, told to stop', () => {
  it('says that it is not ready, goes on answering, finishes what is under way and ends well', async () => {
    const { env, drop } = await testEnvironment();
    const secret = 'qpwo-4471-znxm-9982-ruty-1036';
    const program = await startProgram({
      ...env,
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      GATEWAY_SECRETS: secret,
      LOG_LEVEL: 'info',
    });
    const inside = await lookInto(env.DATABASE_URL);
    const graphql: TestApp['graphql'] = (query, variables, asking) =>
      ask(program.url, query, variables, { ...asking, headers: { 'x-gateway-secret': secret } });
    const ana = await join({ graphql });
    const ready = async () => (await fetch(`${program.url}/health/ready`)).status;
    expect(await ready()).toBe(200);

    const lock = await inside.another();
    await lock.query('begin; lock table users in access exclusive mode');
    const underWay = signIn({ graphql }, ana.username, ana.password);
    await until(
      'it is under way',
      async () => (await inside(`select 1 from pg_stat_activity where ${isWaiting}`)).length > 0,
    );
    program.signal('SIGTERM');
    await until('it is not ready', async () => (await ready()) === 503, 1000);
    // Until the balancer has seen it, whoever comes is served.
    expect(await verify({ graphql }, ana.access)).toEqual(GOOD);
    expect((await fetch(`${program.url}/health/live`)).status).toBe(200);
    await lock.query('rollback');
    expect((await underWay).data['signIn'].user.id).toBe(ana.id);

    expect(await program.ended).toBe(0);
    await expect(fetch(`${program.url}/health/live`)).rejects.toThrow();
    expect(program.output()).not.toMatch(/agr_|eyJ|did not stop cleanly/);
    await inside.close();
    await drop();
    rmSync(env.DATA_DIR, { recursive: true, force: true });
  });
});
