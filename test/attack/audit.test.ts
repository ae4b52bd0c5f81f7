import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { actingAs } from '../harness/administration.js';
import { startApp, type TestApp } from '../harness/app.js';
import {
  AUDIT_ENV,
  AUDIT_KEY,
  auditedDatabase,
  findingsAfter,
  findingsOf,
  sealAll,
} from '../harness/audit.js';
import { codeOf, refresh } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { join, ownerOf } from '../harness/people.js';
import type { Database } from '../harness/postgres.js';
import { sql } from '../harness/sql.js';

/** Whoever owns the whole PostgreSQL: no right and no trigger stops them. */
const ALMIGHTY = "set session_replication_role = 'replica';";
/** An event under a seal. */
const EVENT =
  '(select id from audit_events where position >= s.from_position and position < s.to_position limit 1)';

const TAMPERING: [what: string, statement: string, finding: RegExp][] = [
  [
    'the type of an event edited',
    "update audit_events set type = 'account.restored' where type = 'account.suspended'",
    /^event \S+: it is not what was written/,
  ],
  [
    'the actor of an event edited',
    'update audit_events set actor = gen_random_uuid()::text where id = (select min(id::text)::uuid from audit_events where actor is not null)',
    /^event \S+: it is not what was written/,
  ],
  [
    'the details of an event edited',
    `update audit_events set details = details || '{"reason":"other"}' where type = 'sign_in.failed'`,
    /^event \S+: it is not what was written/,
  ],
  [
    'the address of an event wiped',
    'update audit_events set ip_address = null where ip_address is not null',
    /^event \S+: it is not what was written/,
  ],
  [
    'the time of an event moved',
    `update audit_events set occurred_at = occurred_at - interval '1 hour' where id = (select ${EVENT} from audit_seals s where seq = 1)`,
    /^seal 1: its events are not what was sealed/,
  ],
  [
    'an event deleted',
    `delete from audit_events where id = (select ${EVENT} from audit_seals s where seq = 2)`,
    /^seal 2: 1 of its \d+ events are missing/,
  ],
  [
    'all events of a block deleted',
    'delete from audit_events e using audit_seals s where s.seq = 1 and e.position < s.to_position',
    /^seal 1: (\d+) of its \1 events are missing/,
  ],
  [
    'an event inserted among sealed ones',
    `insert into audit_events (id, type, outcome, position) select gen_random_uuid(), 'sign_in.succeeded', 'SUCCESS', from_position from audit_seals where seq = 2`,
    /^seal 2: 1 events were added/,
  ],
  [
    'an event inserted at the end',
    "insert into audit_events (id, type, outcome) values (gen_random_uuid(), 'sign_in.succeeded', 'SUCCESS')",
    /^event \S+: it was not written by this service, as it has no signature/,
  ],
  [
    'an event inserted at the end with the signature of another',
    `insert into audit_events (id, type, outcome, actor, subject, ip_address, user_agent, request_id, details, mac)
      select gen_random_uuid(), type, outcome, actor, subject, ip_address, user_agent, request_id, details, mac from audit_events limit 1`,
    /^event \S+: it is not what was written/,
  ],
  [
    'an event put where no seal can reach',
    "insert into audit_events (id, type, outcome, position) values ('00000000-0000-0000-0000-000000000000', 'x', 'SUCCESS', -9223372036854775808)",
    /^event \S+: no seal can cover its place/,
  ],
  [
    'an event put before all others',
    "insert into audit_events (id, type, outcome, position) values ('00000000-0000-0000-0000-000000000000', 'x', 'SUCCESS', -5)",
    /^event \S+: no seal covers its place/,
  ],
  [
    'two events that have changed places',
    `with two as (select min(position) as a, max(position) as b from audit_events e join audit_seals s on s.seq = 1 and e.position < s.to_position)
     update audit_events set position = case when position = a then b else a end from two where position in (a, b)`,
    /^seal 1: its events are not what was sealed/,
  ],
  [
    'an event moved to another block',
    `update audit_events set position = (select to_position from audit_seals where seq = 1)
      where id = (select ${EVENT} from audit_seals s where seq = 1)`,
    /^seal 1: 1 of its \d+ events are missing/,
  ],
  [
    'the signature of an event replaced',
    `update audit_events e set mac = (select mac from audit_events o where o.id <> e.id limit 1) where id = (select ${EVENT} from audit_seals s where seq = 1)`,
    /^event \S+: it is not what was written/,
  ],
  [
    'the signature of an event taken off',
    `update audit_events set mac = null where id = (select ${EVENT} from audit_seals s where seq = 1)`,
    /^event \S+: it was not written by this service/,
  ],
  [
    'a seal edited',
    'update audit_seals set events = events - 1 where seq = 2',
    /^seal 2: it was changed or made up/,
  ],
  [
    'a seal made to fit an event that was removed',
    `with gone as (delete from audit_events where id = (select ${EVENT} from audit_seals s where seq = 1) returning id)
     update audit_seals set events = events - (select count(*) from gone) where seq = 1`,
    /^seal 1: it was changed or made up/,
  ],
  ['a seal deleted', 'delete from audit_seals where seq = 2', /^seal 2: it is missing/],
  ['the first seals deleted', 'delete from audit_seals where seq < 3', /^seals 1 to 2: they are missing/],
  [
    'two seals that have changed places',
    'update audit_seals set seq = case seq when 1 then -2 else -1 end where seq < 3; update audit_seals set seq = -seq where seq < 0',
    /^seal 1: it was changed or made up/,
  ],
  [
    'the last seal cut off',
    'delete from audit_seals where seq = (select max(seq) from audit_seals)',
    /^seals (\d+) to \1: they were made, and the end is cut off/,
  ],
  [
    'the last seal cut off with its events',
    `delete from audit_events where position >= (select max(from_position) from audit_seals);
     delete from audit_seals where seq = (select max(seq) from audit_seals)`,
    /the end is cut off/,
  ],
  ['everything gone', 'delete from audit_events; delete from audit_seals', /the end is cut off/],
  [
    'a record of a removal made up',
    `delete from audit_events where position < (select to_position from audit_seals where seq = 1);
     insert into audit_retentions select seq, digest, to_position, events, now(), mac from audit_seals where seq = 1`,
    /^retention 1: this record of a removal was changed or made up/,
  ],
];

describe('audit:verify', () => {
  let database: Database;
  beforeAll(async () => {
    database = await auditedDatabase();
  });
  afterAll(() => database.drop());

  it('finds nothing in a record that nobody has touched', async () => {
    const { lines, events, seals, unsealed } = await findingsOf(database);
    expect(lines).toEqual([]);
    expect(events).toBeGreaterThan(15);
    expect(seals).toBeGreaterThanOrEqual(3);
    expect(unsealed).toBe(0);
  });

  it.each(TAMPERING)('finds %s', async (_what, statement, finding) => {
    expect((await findingsAfter(database, statement)).lines).toContainEqual(expect.stringMatching(finding));
  });

  it('names the event that was edited, and only that one', async () => {
    const [event] = await sql(
      { databaseUrl: database.url },
      'select id from audit_events order by id limit 1',
    );
    const id = String(event?.['id']);
    const { lines } = await findingsAfter(
      database,
      `update audit_events set subject = 'x' where id = '${id}'`,
    );
    expect(lines).toEqual([`event ${id}: it is not what was written`]);
  });

  it('finds a chain that was made anew under a key of somebody else’s', async () => {
    const database = await auditedDatabase();
    const look = await lookInto(database.url);
    await look(`${ALMIGHTY} delete from audit_seals; alter sequence audit_last_seal restart`);
    const stranger = randomBytes(32).toString('base64');
    const app = await startApp({
      ...AUDIT_ENV,
      DATABASE_URL: database.url,
      ENCRYPTION_KEYS: `${stranger},${AUDIT_KEY}`,
    });
    await app.close();
    const { lines } = await findingsOf(database);
    expect(lines).toContain('seal 1: no key of ENCRYPTION_KEYS made its signature');
    await look.close();
    await database.drop();
  });

  it('finds by an anchor kept outside what nothing inside can show: an end cut off and sealed anew', async () => {
    const database = await auditedDatabase();
    const look = await lookInto(database.url);
    const { anchor = '' } = await findingsOf(database);
    await look(`${ALMIGHTY}
      delete from audit_events where position >= (select max(from_position) from audit_seals);
      delete from audit_seals where seq = (select max(seq) from audit_seals)`);
    const app = await startApp({ ...AUDIT_ENV, DATABASE_URL: database.url });
    await join(app);
    await sealAll(app);
    await app.close();
    expect((await findingsOf(database)).lines).toEqual([]);
    expect((await findingsOf(database, { anchors: [anchor] })).lines).toEqual([
      `anchor ${anchor}: no seal of the chain has this digest`,
    ]);
    await look.close();
    await database.drop();
  });
});

describe('the service’s own role', () => {
  let database: Database;
  let look: Look;
  beforeAll(async () => {
    database = await auditedDatabase();
    look = await lookInto(database.url);
    await look('set role authgraph_app');
  });
  afterAll(async () => {
    await look.close();
    await database.drop();
  });

  const DENIED = /permission denied|must be owner|must be superuser|only superuser|must have CREATEROLE/i;
  it.each([
    "update audit_events set type = 'x'",
    'delete from audit_events',
    'truncate audit_events',
    'truncate audit_events cascade',
    'drop table audit_events',
    'alter table audit_events disable trigger all',
    'alter table audit_events disable trigger audit_events_stay',
    'drop trigger audit_events_stay on audit_events',
    'create trigger mine before insert on audit_events for each row execute function refuse_audit_change()',
    'alter table audit_events rename to other',
    'alter table audit_events alter column position drop default',
    "set session_replication_role = 'replica'",
    "create or replace function refuse_audit_change() returns trigger language plpgsql as 'begin return old; end'",
    "create or replace function audit_position() returns bigint language sql as 'select 1::bigint'",
    "select set_config('authgraph.purge_below', '9000000000', false); delete from audit_events",
    'update audit_seals set events = 0',
    'delete from audit_seals',
    'truncate audit_seals',
    'delete from audit_retentions',
    'update audit_retentions set events = 0',
    'select make_audit_position()',
    'insert into audit_shifts (shift) values (0)',
    'delete from audit_shifts',
    'delete from knex_migrations',
    'alter role authgraph_app superuser',
    "select lo_import('/etc/passwd')",
    "copy audit_events to program 'cat'",
  ])('is refused: %s', async (statement) => {
    await expect(look(statement)).rejects.toThrow(DENIED);
  });

  it('removes nothing that no signed word of a removal names, nor anything of the last 30 days', async () => {
    await expect(look('select purge_audit(1)')).rejects.toThrow(
      'only what a retention record names can be purged',
    );
    await look(
      "insert into audit_retentions select seq, digest, to_position, events, now(), 'made up' from audit_seals where seq = 1",
    );
    await expect(look('select purge_audit(1)')).rejects.toThrow('audit events are kept for 30 days at least');
  });

  it('still adds and reads', async () => {
    await look("insert into audit_events (id, type, outcome) values (gen_random_uuid(), 'x', 'SUCCESS')");
    expect(await look('select count(*)::int > 0 as some from audit_events')).toEqual([{ some: true }]);
  });

  it('may work with every other table, those of later migrations too', async () => {
    const lacking = await look(`
      select relname from pg_class
      where relnamespace = 'public'::regnamespace and relkind = 'r' and not (relname like 'audit%' or relname like 'knex%')
        and not (has_table_privilege('authgraph_app', oid, 'SELECT') and has_table_privilege('authgraph_app', oid, 'INSERT')
          and has_table_privilege('authgraph_app', oid, 'UPDATE') and has_table_privilege('authgraph_app', oid, 'DELETE'))`);
    expect(lacking).toEqual([]);
  });
});

describe('a service', () => {
  const withService = async (
    work: (app: TestApp, look: Look) => Promise<void>,
    env: Record<string, string> = {},
  ) => {
    const app = await startApp({ ...AUDIT_ENV, ...env });
    const look = await lookInto(app.databaseUrl);
    await work(app, look);
    await look.close();
    await app.close();
  };

  it('works under that role, whoever DATABASE_URL lets in', () =>
    withService(async (app, look) => {
      const owner = await ownerOf(app);
      expect(codeOf(await actingAs(app, owner).peek())).toBeUndefined();
      await look('revoke select on users from authgraph_app');
      expect(codeOf(await actingAs(app, owner).peek())).toBe('INTERNAL_SERVER_ERROR');
      await look('grant select on users to authgraph_app');
      expect(codeOf(await actingAs(app, owner).peek())).toBeUndefined();
    }));

  it('works where functions are not for everybody', () =>
    withService(async (app, look) => {
      await look('revoke execute on all functions in schema public from public');
      const replica = await app.replica();
      const ana = await join(replica);
      expect((await refresh(replica, ana.refresh)).code).toBeUndefined();
      const [network] = await look(
        "select has_function_privilege('authgraph_app', 'network_of(text, integer, integer)', 'EXECUTE') as may",
      );
      expect(network).toEqual({ may: true });
    }));

  it('starts as a user who is that role and nothing more, while the owner migrates', async () => {
    const login = `weak_${randomBytes(6).toString('hex')}`;
    await withService(async (app, look) => {
      await look(`create role ${login} login in role authgraph_app`);
      const weak = new URL(app.databaseUrl);
      weak.username = login;
      const replica = await app.replica({ DATABASE_URL: weak.href, DATABASE_OWNER_URL: app.databaseUrl });
      const owner = await ownerOf(replica);
      expect(
        codeOf(await actingAs(replica, owner).createRole({ name: 'Weak', rank: 5, permissions: [] })),
      ).toBeUndefined();
      const thief = await lookInto(weak.href);
      for (const attempt of [
        'delete from audit_events',
        'truncate audit_events',
        'set role postgres',
        'reset role; delete from audit_seals',
      ])
        await expect(thief(attempt)).rejects.toThrow(/permission denied/);
      await thief.close();
      const alone = await app.replica({ DATABASE_URL: weak.href });
      expect((await ownerOf(alone)).access).not.toBe('');
      await alone.close();
      const [newest] = await look(
        'delete from knex_migrations where id = (select max(id) from knex_migrations) returning *',
      );
      await expect(app.replica({ DATABASE_URL: weak.href })).rejects.toThrow(
        'run npm run db:migrate as its owner',
      );
      await look('insert into knex_migrations (name, batch, migration_time) values ($1, 1, now())', [
        newest?.['name'],
      ]);
      await replica.close();
      expect((await findingsOf({ url: app.databaseUrl })).lines).toEqual([]);
      await look(`drop owned by ${login}; drop role ${login}`);
    });
  });
});
