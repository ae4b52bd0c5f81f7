// Ten processes migrate one empty database at once, and one of them is killed in the middle; then ten replicas start on it.
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import pg from 'pg';
import { home, signal, start, until } from '../parts/processes.mjs';
import { openLedger } from '../parts/ledger.mjs';
import { openPostgres } from '../parts/postgres.mjs';
import { environment, openReplica } from '../parts/service.mjs';

const MIGRATE = fileURLToPath(new URL('../../dist/src/migrate.js', import.meta.url));
/** The schema in words: columns, indexes, constraints, functions, triggers, and what was applied. */
const PICTURE = `select md5(string_agg(line, E'\\n' order by line)) as picture from (
  select concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default) as line from information_schema.columns where table_schema = 'public'
  union all select indexdef from pg_indexes where schemaname = 'public'
  union all select concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) from pg_constraint where connamespace = 'public'::regnamespace
  union all select pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
  union all select name from knex_migrations) as lines`;

export async function survives({ isQuick, progress }) {
  const rounds = isQuick ? 2 : 5;
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
    const expected = await on('alone', async (url) => {
      await migrate(url, 'alone').ended;
      return pictureOf(url);
    });
    let last;
    for (let round = 1; round <= rounds; round++) {
      progress(`${round} of ${rounds}`);
      last = await on(`round${round}`, async (url) => {
        const running = Array.from({ length: 10 }, (_, at) => migrate(url, at));
        const killed = await killTheOneAtWork(postgres, `round${round}`, running);
        if (killed) ledger.kills++;
        const codes = await Promise.all(running.map(({ ended }) => ended));
        const good = codes.filter((code) => code === 0).length;
        if (good !== (killed ? 9 : 10)) ledger.broken.push(`migrations ended with ${codes.join(', ')}`);
        if ((await pictureOf(url)) !== expected)
          ledger.lost.push(`the schema of round ${round} is another one`);
        ledger.acknowledged['migration'] = (ledger.acknowledged['migration'] ?? 0) + good;
        return url;
      });
    }
    progress('ten replicas start');
    const env = environment({ DATABASE_URL: last });
    const replicas = await Promise.all(Array.from({ length: isQuick ? 4 : 10 }, () => openReplica(env)));
    await Promise.all(replicas.map((replica) => replica.end('SIGKILL')));
    return { ledger };
  } finally {
    await postgres.close();
  }
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
    where a.datname = $1 and l.locktype = 'advisory' and l.granted and a.query !~ 'advisory'`;
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
