// PgBouncer stands in between and gives each transaction another session (pool_mode = transaction); it is killed, and so are
// sessions behind it. What the service needs for that is what docs/operations.md says.
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { folderFor, freePort, home, isThere, sleep, start, until } from '../parts/processes.mjs';
import { openPostgres } from '../parts/postgres.mjs';
import { setStage } from '../parts/stage.mjs';

export const lacks = () => (isThere('pgbouncer') ? undefined : 'no pgbouncer');

const USER = `
  create role authgraph_app nologin;
  create role authgraph_web login in role authgraph_app;
  alter role authgraph_web set role = 'authgraph_app';
  alter role authgraph_web set statement_timeout = '5s';
  alter role authgraph_web set lock_timeout = '1500ms';
  alter role authgraph_web set idle_in_transaction_session_timeout = '10s'`;

export async function survives({ isQuick, progress }) {
  const cycles = isQuick ? 2 : 8;
  const postgres = await openPostgres({ isEmpty: true });
  await postgres.query(USER);
  const pooler = await openPooler(postgres);
  const stage = await setStage({
    postgres,
    databaseUrl: `postgresql://authgraph_web@127.0.0.1:${pooler.port}/authgraph`,
    env: { DATABASE_OWNER_URL: postgres.url, DATABASE_DIRECT_URL: postgres.urlFor('authgraph_web') },
  });
  const { ledger, replicas } = stage;
  try {
    await stage.startLoad({ citizens: 8 });
    for (let cycle = 1; cycle <= cycles; cycle++) {
      progress(`${cycle} of ${cycles}`);
      await sleep(1000);
      const { rows } = await postgres.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'authgraph_web' and application_name <> 'authgraph-standing' limit 2",
      );
      ledger.kills += rows.length;
      await sleep(1000);
      const back = ledger.outage();
      await pooler.kill();
      ledger.kills++;
      await pooler.start();
      await Promise.all(replicas.map((replica) => replica.ready()));
      back();
    }
    // Whatever session a call came by, it worked as the role that owns nothing.
    const { rows } = await postgres.query(
      "select distinct usename as name from pg_stat_activity where application_name like 'authgraph%'",
    );
    if (rows.some(({ name }) => name !== 'authgraph_web'))
      ledger.broken.push('somebody works as another user');
    if (replicas.some((replica) => replica.log().includes('may change the audit record')))
      ledger.broken.push('the service may change the audit record');
    return { ledger: await stage.settle() };
  } finally {
    await stage.close();
    await pooler.kill();
  }
}

const listens = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });

async function openPooler(postgres) {
  const port = await freePort();
  const folder = folderFor('pgbouncer');
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'any',
    pool_mode: 'transaction',
    default_pool_size: 6,
    max_client_conn: 500,
    server_login_retry: 1,
    ignore_startup_parameters: 'statement_timeout,lock_timeout,idle_in_transaction_session_timeout',
  };
  const file = join(folder, 'pgbouncer.ini');
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
  const target = `authgraph = host=${postgres.folder} port=5432 dbname=authgraph user=authgraph_web\n`;
  writeFileSync(file, `[databases]\n${target}[pgbouncer]\n${lines.join('')}`);
  let running;
  const pooler = {
    port,
    async start() {
      // It does not run as root; nobody else may enter the folder of the socket.
      const asNobody =
        process.geteuid() === 0 ? ['unshare', '--user', '--map-user=65534', '--map-group=65534'] : [];
      running = start([...asNobody, 'pgbouncer', file], { log: join(home, 'pgbouncer.log') });
      await until('PgBouncer listens', () => listens(port), 10_000);
    },
    async kill() {
      running.child.kill('SIGKILL');
      await running.ended;
    },
  };
  await pooler.start();
  return pooler;
}
