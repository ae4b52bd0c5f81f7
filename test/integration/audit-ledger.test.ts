import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import pino from 'pino';
import { down, up } from '../../migrations/20261122000600_audit.js';
import { systemClock } from '../../src/app.js';
import { loadConfig } from '../../src/config.js';
import { migrate } from '../../src/db/migrate.js';
import { connectPostgres } from '../../src/db/postgres.js';
import { APP_ROLE } from '../../src/db/rights.js';
import { record, signWith } from '../../src/domain/audit.js';
import { openSealer } from '../../src/domain/ledger.js';
import { actingAs } from '../harness/administration.js';
import { startApp, testEnvironment, type TestApp } from '../harness/app.js';
import {
  AUDIT_ENV,
  AUDIT_KEY,
  auditedDatabase,
  findingsAfter,
  findingsOf,
  run,
  sealAll,
  sealSettled,
} from '../harness/audit.js';
import { lookInto, type Look } from '../harness/look.js';
import { join, ownerOf } from '../harness/people.js';
import { createDatabase, type Database } from '../harness/postgres.js';
import { makeTempDir } from '../harness/process.js';
import { startProgram } from '../harness/program.js';
import { sql } from '../harness/sql.js';
import { until } from '../harness/until.js';

const key = Buffer.from(AUDIT_KEY, 'base64');

/** A sealer of the test's own on a database, with nothing else of a service. */
async function withSealer(
  databaseUrl: string,
  work: (sealer: Awaited<ReturnType<typeof openSealer>>) => Promise<void>,
  overrides: Record<string, string> = {},
): Promise<void> {
  const { env } = await testEnvironment({ ...AUDIT_ENV, DATABASE_URL: databaseUrl, ...overrides });
  const db = connectPostgres(databaseUrl, 2, { role: APP_ROLE });
  signWith(db, [key]);
  const log = pino({ level: 'silent' });
  const sealer = await openSealer({
    db,
    duty: { isOnDuty: true },
    config: loadConfig(env),
    clock: systemClock,
    log,
  });
  try {
    await work(sealer);
  } finally {
    await sealer.close();
    await db.destroy();
  }
}

describe('while people come and go on two replicas', () => {
  let app: TestApp;
  let other: TestApp;
  beforeAll(async () => {
    app = await startApp(AUDIT_ENV);
    other = await app.replica();
  });
  afterAll(() => app.close());

  it('whatever is sealed at any moment is as it was written, and in the end everything is', async () => {
    const owner = await ownerOf(app);
    const ana = await join(other);
    const writers = Array.from({ length: 6 }, async (_, n) => {
      const door = n % 2 === 0 ? app : other;
      for (let round = 0; round < 8; round++) {
        const role = { name: `made-by-${n}-${round}`, rank: 5, permissions: [] };
        await actingAs(door, owner).createRole(role);
        await door.graphql('{ users { totalCount } }', {}, { bearer: ana.access });
      }
    });
    let isWriting = true;
    const watching = withSealer(app.databaseUrl, async (sealer) => {
      while (isWriting) {
        await Promise.all([sealer.seal(), sealer.seal()]);
        expect((await findingsOf({ url: app.databaseUrl })).lines).toEqual([]);
      }
    });
    await Promise.all(writers);
    isWriting = false;
    await watching;
    await other.close();
    // Denials are gathered, and written a moment later.
    await until('everything is sealed', async () => {
      await sealAll(app);
      return (await findingsOf({ url: app.databaseUrl })).unsealed === 0;
    });
    const { lines, seals } = await findingsOf({ url: app.databaseUrl });
    expect(lines).toEqual([]);
    expect(seals).toBeGreaterThan(2);
  });

  it('an event whose transaction began early and ends late is sealed with its like, and not missed', async () => {
    const db = connectPostgres(app.databaseUrl, 1);
    signWith(db, [key]);
    const late = await db.transaction();
    await record(late, undefined, { type: 'email.verified', subject: 'late' });
    await join(app);
    await sealSettled(app);
    const before = await findingsOf({ url: app.databaseUrl });
    expect(before.lines).toEqual([]);
    expect(before.unsealed).toBeGreaterThan(0);
    await late.commit();
    await db.destroy();
    await sealAll(app);
    expect(await findingsOf({ url: app.databaseUrl })).toMatchObject({ lines: [], unsealed: 0 });
  });

  it('what a key has signed that is not the first any more is still known', async () => {
    const fresh = randomBytes(32).toString('base64');
    const rotated = await app.replica({ ENCRYPTION_KEYS: `${fresh},${AUDIT_KEY}` });
    await join(rotated);
    await rotated.close();
    expect((await findingsOf({ url: app.databaseUrl }, { keys: [fresh, AUDIT_KEY] })).lines).toEqual([]);
    const { lines } = await findingsOf({ url: app.databaseUrl });
    expect(lines).toContainEqual(
      expect.stringMatching(/^event \S+: no key of ENCRYPTION_KEYS made its signature/),
    );
  });
});

describe('events from before there were signatures', () => {
  it('are taken in by the first seals, and from then on nothing unsigned is', async () => {
    const database = await createDatabase();
    await migrate(database.url);
    const db = connectPostgres(database.url, 1);
    await down(db);
    await db.raw(
      `insert into audit_events (id, type, outcome) select gen_random_uuid(), 'sign_in.succeeded', 'SUCCESS' from generate_series(1, 12000)`,
    );
    await up(db);
    await db.destroy();
    expect(await findingsOf(database)).toMatchObject({ lines: [], unsealed: 12_000 });
    await migrate(database.url);
    const app = await startApp({ ...AUDIT_ENV, DATABASE_URL: database.url });
    await sealAll(app);
    await app.close();
    expect(await findingsOf(database)).toMatchObject({ lines: [], unsealed: 0 });
    const look = await lookInto(database.url);
    const taken = await look(
      'select unsigned, sum(events)::int as events from audit_seals group by 1 order by 1 desc',
    );
    expect(taken[0]).toEqual({ unsigned: true, events: 12_000 });
    // As an old replica that is still running would.
    await look(
      "insert into audit_events (id, type, outcome) values (gen_random_uuid(), 'refresh.rotated', 'SUCCESS')",
    );
    await withSealer(database.url, (sealer) => sealer.seal());
    expect((await findingsOf(database)).lines).toEqual([expect.stringMatching(/has no signature/)]);
    const [{ soon } = { soon: new Date(0) }] = await look<{ soon: Date }>(
      "select now() + interval '1 minute' as soon",
    );
    expect((await findingsOf(database, { unsignedUntil: soon })).lines).toEqual([]);
    await look.close();
    await database.drop();
  });
});

describe('a database restored into a cluster that has counted fewer transactions', () => {
  it('goes on after its last seal, and nothing looks inserted', async () => {
    const database = await auditedDatabase();
    // Which is what lower transaction numbers come to.
    await sql({ databaseUrl: database.url }, 'update audit_shifts set shift = shift - 1000000');
    await sql({ databaseUrl: database.url }, 'select make_audit_position()');
    await goesOn(database);
  });

  it('goes on as well where its rows alone were restored, into a schema made anew', async () => {
    const database = await auditedDatabase();
    await sql({ databaseUrl: database.url }, 'update audit_shifts set shift = shift + 1000000');
    await goesOn(database);
  });

  async function goesOn(database: Database): Promise<void> {
    const app = await startApp({ ...AUDIT_ENV, DATABASE_URL: database.url });
    await join(app);
    await sealAll(app);
    await app.close();
    expect(await findingsOf(database)).toMatchObject({ lines: [], unsealed: 0 });
    await database.drop();
  }
});

/** A sealer leaves what is younger than a transaction that is open anywhere in the cluster, as those of other tests. */
const sealWhole = (database: Database, url = database.url) =>
  until('everything is sealed', async () => {
    await withSealer(url, (sealer) => sealer.seal());
    return (await findingsOf(database)).unsealed === 0;
  });

describe('events that need not be kept any longer', () => {
  let database: Database;
  let look: Look;
  beforeAll(async () => {
    database = await auditedDatabase();
    look = await lookInto(database.url);
    // A block of forty days ago: the record knows no other clock than the database's.
    const db = connectPostgres(database.url, 1);
    signWith(db, [key]);
    await look("set session_replication_role = 'replica'");
    await look('delete from audit_seals');
    await look("update audit_events set occurred_at = occurred_at - interval '40 days'");
    await look(
      `create function public.now() returns timestamptz language sql as $$ select pg_catalog.now() - interval '40 days' $$`,
    );
    const past = new URL(database.url);
    past.searchParams.set('options', '-c search_path=public,pg_catalog');
    await sealWhole(database, past.href);
    await look('drop function public.now()');
    for (let n = 0; n < 3; n++) await record(db, undefined, { type: 'email.verified', subject: 'young' });
    await sealWhole(database);
    await db.destroy();
  });
  afterAll(async () => {
    await look.close();
    await database.drop();
  });
  const purge = (days: string) =>
    withSealer(database.url, (sealer) => sealer.purge(), { AUDIT_RETENTION_DAYS: days });
  const count = async () => (await look('select count(*)::int as n from audit_events'))[0]?.['n'] as number;

  it('all stay where nothing is said, and where they are not old enough', async () => {
    expect((await findingsOf(database)).lines).toEqual([]);
    const before = await count();
    await purge('0');
    await purge('41');
    expect(await count()).toBe(before);
  });

  it('go in whole blocks, leaving word of it, and the record is still right', async () => {
    await purge('30');
    const types = await look('select type, count(*)::int as n from audit_events group by 1 order by 1');
    expect(types).toEqual([
      { type: 'audit.purged', n: 1 },
      { type: 'email.verified', n: 3 },
    ]);
    const { lines, events } = await findingsOf(database);
    expect(lines).toEqual([]);
    expect(events).toBe(4);
    expect(await look('select events > 15 as many from audit_retentions')).toEqual([{ many: true }]);
  });

  it('do not go without that word: it is found', async () => {
    for (const [statement, finding] of [
      ['delete from audit_retentions', /^seals? 1.* missing$/],
      ["delete from audit_events where type = 'email.verified'", /events are missing$/],
      [
        'update audit_retentions set to_position = to_position + 100',
        /^retention \d+: this record of a removal was changed/,
      ],
    ] as const) {
      expect((await findingsAfter(database, statement)).lines).toContainEqual(expect.stringMatching(finding));
    }
  });
});

describe('npm run audit:verify', () => {
  it('says so and ends with 0 where all is well; ends with 1 and a line for each finding where it is not', async () => {
    const database = await auditedDatabase();
    const env = { ENCRYPTION_KEYS: AUDIT_KEY, DATABASE_URL: database.url, DATA_DIR: makeTempDir() };
    const good = await run('audit-verify', env);
    expect(good).toMatchObject({ code: 0, lines: [] });
    const [, anchor = ''] = /Last seal: (\S+)/.exec(good.stderr) ?? [];
    expect((await run('audit-verify', env, ['--anchor', anchor])).code).toBe(0);
    const absent = `7:${'a'.repeat(64)}`;
    expect(await run('audit-verify', env, ['--anchor', absent])).toMatchObject({
      code: 1,
      lines: [`anchor ${absent}: no seal of the chain has this digest`],
    });
    expect((await run('audit-verify', env, ['--anchor', 'nonsense'])).code).toBe(2);
    const look = await lookInto(database.url);
    await look("set session_replication_role = 'replica'");
    await look("update audit_events set type = 'account.restored' where type = 'account.suspended'");
    await look.close();
    const bad = await run('audit-verify', env);
    expect(bad.code).toBe(1);
    expect(bad.lines).toHaveLength(6);
    await database.drop();
  });

  it('works on the database that comes along, while the service runs and afterwards', async () => {
    const env = { DATA_DIR: makeTempDir(), NODE_ENV: 'test', PASSWORD_HASH_COST: '10' };
    const program = await startProgram({ ...env, PORT: '0' });
    expect(await run('audit-verify', env)).toMatchObject({ code: 0, lines: [] });
    const socket = encodeURIComponent(`${env.DATA_DIR}/postgres`);
    const databaseUrl = `postgresql://postgres@localhost/authgraph?host=${socket}&sslmode=disable`;
    const users = await sql(
      { databaseUrl },
      "select distinct usename from pg_stat_activity where application_name like 'authgraph%'",
    );
    expect(users).toEqual([{ usename: 'authgraph_app' }]);
    program.signal('SIGTERM');
    await program.ended;
    const after = await run('audit-verify', env);
    expect(after).toMatchObject({ code: 0, lines: [] });
    expect(after.stderr).toMatch(/as it was written \(\d+ events under \d+ seals, 0 not sealed yet\)/);
  });
});
