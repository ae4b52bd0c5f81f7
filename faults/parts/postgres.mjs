// PostgreSQL servers of the packages that npm installed: one alone, or with a standby that can be promoted.
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync, openSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { findBinaries } from '../../dist/src/db/embedded/binaries.js';
import { DATABASE, ensureCluster, USER } from '../../dist/src/db/embedded/cluster.js';
import { chooseLauncher, handOver, launch, letThrough } from '../../dist/src/db/embedded/launcher.js';
import { childrenOf, folderFor, home, signal, until } from './processes.mjs';

const SETTINGS = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: 200,
  max_wal_senders: 5,
  wal_keep_size: '512MB',
  hot_standby: 'on',
  // A killed process loses nothing by that, only a machine without power does.
  fsync: 'off',
  io_method: 'sync',
  log_error_verbosity: 'terse',
  autovacuum_naptime: '10s',
};

/** The URL behind which whoever is the primary at the moment is to be found, as behind a name or an address that moves. */
const urlIn = (folder, user = USER) =>
  `postgresql://${user}@localhost:5432/${DATABASE}?host=${encodeURIComponent(folder)}&sslmode=disable`;

let count = 0;

/**
 * A PostgreSQL and the URL under which it is found, which stays the same when another server takes over.
 * @param more settings besides ours
 */
export async function openPostgres({ more = {}, env = {} } = {}) {
  const current = join(home, `pg${++count}`);
  const state = { primary: undefined, standby: undefined };
  const point = (node) => {
    rmSync(current, { force: true });
    symlinkSync(node.folder, current);
  };
  state.primary = await newNode({ more, env });
  await state.primary.start();
  point(state.primary);
  return {
    url: urlIn(current),
    urlFor: (user) => urlIn(current, user),
    folder: current,
    get primary() {
      return state.primary;
    },
    get standby() {
      return state.standby;
    },
    query: (...args) => state.primary.query(...args),
    /** A copy of the primary that follows it, and that every commit waits for. */
    async addStandby() {
      state.standby = await copyOf(state.primary, { more, env });
      await state.standby.start();
      await until('the standby follows', async () => {
        const { rows } = await state.primary.query(
          "select from pg_stat_replication where state = 'streaming'",
        );
        return rows.length > 0;
      });
      await state.primary.query("alter system set synchronous_standby_names = '*'");
      await state.primary.query('select pg_reload_conf()');
      await until('commits wait for the standby', async () => {
        const { rows } = await state.primary.query(
          "select from pg_stat_replication where sync_state = 'sync'",
        );
        return rows.length > 0;
      });
    },
    /** Makes the standby the primary; the other one, which is gone, never comes back. */
    async promote() {
      const [old, next] = [state.primary, state.standby];
      await next.query('select pg_promote()');
      point(next);
      [state.primary, state.standby] = [next, undefined];
      await old.remove();
    },
    async close() {
      for (const node of [state.standby, state.primary]) await node?.remove();
      unlinkSync(current);
    },
  };
}

async function newNode(options) {
  const folder = folderFor(`n${++count}`);
  rmSync(folder, { recursive: true });
  await ensureCluster(folder, findBinaries(), false);
  return nodeOn(folder, options);
}

/** What pg_basebackup does, which does not come with the packages. */
async function copyOf(primary, options) {
  const folder = join(home, `n${++count}`);
  const label = await primary.session(async (client) => {
    await client.query("select pg_backup_start('standby', true)");
    // Files that go while they are copied are made anew from the log.
    execFileSync('sh', ['-c', 'cp -a "$0" "$1" 2>/dev/null || true', primary.folder, folder]);
    const { rows } = await client.query('select labelfile from pg_backup_stop()');
    return rows[0].labelfile;
  });
  for (const name of readdirSync(join(folder, 'pg_wal'))) {
    if (/^[0-9A-F]{24}/.test(name)) rmSync(join(folder, 'pg_wal', name));
  }
  for (const name of readdirSync(folder))
    if (/^(postmaster\.|\.s\.PGSQL)/.test(name)) rmSync(join(folder, name));
  writeFileSync(join(folder, 'backup_label'), label);
  writeFileSync(join(folder, 'standby.signal'), '');
  const primary_conninfo = `host=${primary.folder} port=5432 user=${USER} application_name=standby`;
  return nodeOn(folder, {
    ...options,
    more: { ...options.more, primary_conninfo, synchronous_standby_names: '' },
  });
}

function nodeOn(folder, { more, env }) {
  let child;
  const values = { ...SETTINGS, unix_socket_directories: folder, ...more };
  // Its word on the command line would be the last: a primary is told of its standby while it runs.
  delete values.synchronous_standby_names;
  const session = async (work) => {
    const client = new pg.Client({ connectionString: urlIn(folder), connectionTimeoutMillis: 2000 });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  const query = (text, values) => session((client) => client.query(text, values));
  const node = {
    folder,
    session,
    query,
    get pid() {
      return child.pid;
    },
    async start() {
      const launcher = await chooseLauncher(folder);
      await letThrough(home, launcher);
      await handOver(folder, launcher);
      const log = openSync(join(home, 'postgres.log'), 'a');
      const settings = Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
      const words = [...Object.entries(env).map(([name, value]) => `${name}=${value}`)];
      const program = [findBinaries().postgres, '-D', folder, ...settings];
      child = launch(launcher, words.length > 0 ? ['env', ...words, ...program] : program, [
        'ignore',
        log,
        log,
      ]);
      closeSync(log);
      node.ended = new Promise((resolve) => child.once('exit', resolve));
      await until('PostgreSQL answers', () => query('select 1').then(Boolean, () => false));
    },
    /** Orderly: SIGINT, which cuts connections off and writes everything down. */
    async stop() {
      child.kill('SIGINT');
      await node.ended;
    },
    /** The whole server at once, as when its machine loses power. */
    async kill() {
      const all = [child.pid, ...childrenOf(child.pid)];
      for (const pid of all) signal(pid, 'SIGKILL');
      await node.ended;
    },
    /** Nothing answers, and nothing is closed. */
    pause: () => [child.pid, ...childrenOf(child.pid)].forEach((pid) => signal(pid, 'SIGSTOP')),
    resume: () => [child.pid, ...childrenOf(child.pid)].forEach((pid) => signal(pid, 'SIGCONT')),
    async remove() {
      if (child.exitCode === null && child.signalCode === null) await node.kill();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  return node;
}
