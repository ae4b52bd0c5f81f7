// Ten replicas, which migrate as they start, meet on an empty database, and the one at work is killed; before that ten processes of
// `npm run db:migrate`, again and again.
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import pg from 'pg';
import { home, signal, start, until } from '../parts/processes.mjs';
import { openLedger } from '../parts/ledger.mjs';
import { openPostgres } from '../parts/postgres.mjs';
import { environment, openReplica } from '../parts/service.mjs';

const TEN = 10;
/** The lock of src/db/migrate.ts. */
const LOCK = 7_203_110_001;
const MIGRATE = fileURLToPath(new URL('../../dist/src/migrate.js', import.meta.url));
/** The schema in words: columns, indexes, constraints, functions, triggers, and what was applied. */
const PICTURE = `select md5(string_agg(line, E'\\n' order by line)) as picture from (
  select concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default) as line from information_schema.columns where table_schema = 'public'
  union all select indexdef from pg_indexes where schemaname = 'public'
  union all select concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) from pg_constraint where connamespace = 'public'::regnamespace
  union all select pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
  union all select name from knex_migrations) as lines`;

export async function survives({ isQuick, progress }) {
  const rounds = isQuick ? 0 : 5;
  const ledger = openLedger();
  const postgres = await openPostgres();
  try {
    const on = async (name, work) => {
      const url = new URL(postgres.url);
      url.pathname = `/${name}`;
      await postgres.query(`create database ${name}`);
      return work(url.href);
    };
    const migrate = (url, name) => {
      const env = environment({ DATABASE_URL: `${url}&application_name=${name}` });
      return start([process.execPath, MIGRATE], { log: join(home, 'migrate.log'), env, cwd: home });
    };
    // Of one that a single process has migrated.
    const expected = await pictureOf(postgres.url);
    for (let round = 1; round <= rounds; round++) {
      progress(`${round} of ${rounds}`);
      await on(`round${round}`, async (url) => {
        const running = Array.from({ length: TEN }, (_, at) => migrate(url, at));
        const killed = await killTheOneAtWork(postgres, `round${round}`, running);
        if (killed) ledger.kills++;
        const codes = await Promise.all(running.map(({ ended }) => ended));
        const good = codes.filter((code) => code === 0).length;
        if (good !== (killed ? TEN - 1 : TEN))
          ledger.broken.push(`migrations ended with ${codes.join(', ')}`);
        if ((await pictureOf(url)) !== expected)
          ledger.lost.push(`the schema of round ${round} is another one`);
        ledger.acknowledged['migration'] = (ledger.acknowledged['migration'] ?? 0) + good;
      });
    }
    progress('ten replicas start');
    await on('replicas', async (url) => {
      await startTen(postgres, url, ledger);
      if ((await pictureOf(url)) !== expected) ledger.lost.push('the schema of the replicas is another one');
    });
    return { ledger };
  } finally {
    await postgres.close();
  }
}

/** The nine that are left become ready, and the tenth when it is started again. */
async function startTen(postgres, url, ledger) {
  const env = environment();
  const replicas = await Promise.all(
    Array.from({ length: TEN }, (_, at) => {
      const own = { DATABASE_URL: `${url}&application_name=${at}` };
      return openReplica(env, { isStarted: false, own });
    }),
  );
  for (const replica of replicas) replica.launch();
  const running = replicas.map((replica) => replica.running);
  if (await killTheOneAtWork(postgres, 'replicas', running)) ledger.kills++;
  for (const replica of replicas.filter((one) => !one.isRunning())) replica.launch();
  await Promise.all(replicas.map((replica) => replica.ready()));
  ledger.acknowledged['start'] = TEN;
  await Promise.all(replicas.map((replica) => replica.end('SIGKILL')));
}

async function pictureOf(url) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query(PICTURE);
  await client.end();
  return rows[0].picture;
}

/** Kills the process whose backend holds the lock that all of them want, once it has begun. @returns whether there was one */
async function killTheOneAtWork(postgres, database, running) {
  const look = `select a.application_name as name from pg_stat_activity a join pg_locks l using (pid)
    where a.datname = $1 and l.locktype = 'advisory' and l.granted and a.query !~ 'advisory'
      and (l.classid::bigint << 32) + l.objid::bigint = ${LOCK}`;
  let isOver = false;
  void Promise.any(running.map(({ ended }) => ended)).then(() => (isOver = true));
  const found = await until('one of them migrates', async () => {
    const { rows } = await postgres.query(look, [database]);
    return rows[0] ?? isOver;
  });
  if (found === true) return false;
  const { child, ended } = running[Number(found.name)];
  signal(child.pid, 'SIGKILL');
  return (await ended) === 'SIGKILL';
}
