// One PostgreSQL server of the packages that npm installed, on a data folder that is there.
import { closeSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { findBinaries } from '../../dist/src/db/embedded/binaries.js';
import { DATABASE, USER } from '../../dist/src/db/embedded/cluster.js';
import { chooseLauncher, handOver, launch, letThrough } from '../../dist/src/db/embedded/launcher.js';
import { childrenOf, home, signal, until } from './processes.mjs';

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
export const urlIn = (folder, user = USER) =>
  `postgresql://${user}@localhost:5432/${DATABASE}?host=${encodeURIComponent(folder)}&sslmode=disable`;

/**
 * @param folder of its data, and of its socket
 * @param ways.more settings besides ours; `env`: variables of its processes
 */
export function nodeOn(folder, { more = {}, env = {} } = {}) {
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
    url: urlIn(folder),
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
