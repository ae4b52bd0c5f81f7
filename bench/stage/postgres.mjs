// A PostgreSQL of the binaries that npm installed, durable, that listens on loopback, since some of those that are measured know no sockets.
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { findBinaries } from '../../dist/src/db/embedded/binaries.js';
import { ensureCluster, USER } from '../../dist/src/db/embedded/cluster.js';
import { chooseLauncher, handOver, launch, letThrough } from '../../dist/src/db/embedded/launcher.js';
import { freePort } from './processes.mjs';

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_permissions: '0700',
  // Ten for each row, and some rows have several processes.
  max_connections: 600,
  shared_buffers: '512MB',
  wal_level: 'minimal',
  max_wal_senders: 0,
  io_method: 'sync',
};
const READY_TRIES = 300;

/** Starts one in a folder: { url, pid, stop() }. It ends when this process does. */
export async function startPostgres(dir) {
  const folder = join(dir, 'postgres');
  const binaries = findBinaries();
  await ensureCluster(folder, binaries, true);
  // Whoever else is on this machine has no password.
  writeFileSync(
    join(folder, 'pg_hba.conf'),
    'local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n',
  );
  const launcher = await chooseLauncher(folder);
  await letThrough(dir, launcher);
  await handOver(folder, launcher);
  const port = await freePort();
  const child = spawnServer(
    launcher,
    [binaries.postgres, '-D', folder],
    {
      ...SETTINGS,
      port,
      unix_socket_directories: folder,
    },
    join(dir, 'postgres.log'),
  );
  const password = randomBytes(16).toString('hex');
  await setPassword({ host: folder, port, user: USER, database: 'postgres' }, password);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  return {
    url: `postgresql://${USER}:${password}@127.0.0.1:${port}/postgres`,
    pid: child.pid,
    stop: () => (child.kill('SIGINT'), ended),
  };
}

function spawnServer(launcher, words, settings, log) {
  const out = openSync(log, 'a');
  const given = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = launch(launcher, [...words, ...given], ['ignore', out, out]);
  closeSync(out);
  // Where the kernel does not see to it.
  process.once('exit', () => child.kill('SIGQUIT'));
  return child;
}

async function setPassword(connection, password) {
  for (let tries = 0; ; tries++) {
    const client = new pg.Client(connection);
    try {
      await client.connect();
      await client.query(`alter user ${USER} password '${password}'`);
      return await client.end();
    } catch (error) {
      await client.end().catch(() => undefined);
      if (tries === READY_TRIES) throw error;
      await sleep(100);
    }
  }
}
