// The disk of the PostgreSQL that comes along is full, again and again: nothing that was acknowledged is lost, tokens are verified
// meanwhile, and with room again all goes on by itself.
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync, appendFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { call } from '../parts/client.mjs';
import { openLedger } from '../parts/ledger.mjs';
import { openPeople, startLoad } from '../parts/load.mjs';
import { openProxy } from '../parts/proxy.mjs';
import { environment, openReplica } from '../parts/service.mjs';
import { settle } from '../parts/settle.mjs';
import { folderFor, sleep, until } from '../parts/processes.mjs';

const mounts = (...words) => spawnSync('mount', words, { stdio: 'ignore' }).status === 0;
const unmount = (folder) => spawnSync('umount', [folder], { stdio: 'ignore' });

export function lacks() {
  const folder = folderFor('try');
  const may = process.platform === 'linux' && mounts('-t', 'tmpfs', '-o', 'size=1M', 'authgraph', folder);
  if (may) unmount(folder);
  return may ? undefined : 'a small disk may not be mounted here (root)';
}

export async function survives({ isQuick, progress }) {
  const cycles = isQuick ? 1 : 4;
  const disk = folderFor('disk');
  mounts('-t', 'tmpfs', '-o', 'size=300M,mode=0700', 'authgraph', disk);
  // However this ends, and before the folder is removed.
  process.prependOnceListener('exit', () => unmount(disk));
  const ledger = openLedger();
  const data = join(disk, 'data');
  // DATA_DIR is the disk: a replica's own variables come last.
  const env = environment({ DATABASE_OWNER_URL: '' });
  const replica = await openReplica(env, { own: { DATA_DIR: data } });
  const proxy = await openProxy([replica.url]);
  const postgres = { query: (text, values) => ask(join(data, 'postgres'), text, values) };
  try {
    const load = await startLoad({ url: proxy.url, ledger, replicas: [replica] });
    for (let cycle = 1; cycle <= cycles; cycle++) {
      progress(`${cycle} of ${cycles}`);
      await sleep(1500);
      const back = ledger.outage();
      fill(join(disk, 'filler'));
      ledger.kills++;
      await until('it is noticed', () => (ledger.errors['SERVICE_UNAVAILABLE'] ?? 0) > cycle * 3);
      const { data: said, code } = await call(replica.url, 'Verify', { token: load.admin.access });
      if (said?.valid !== true) ledger.broken.push(`verifying was not possible: ${code ?? said.reason}`);
      await sleep(3000);
      rmSync(join(disk, 'filler'));
      await replica.ready();
      await until('people sign up again', async () => {
        const before = ledger.acknowledged['sign-up'];
        await sleep(500);
        return ledger.acknowledged['sign-up'] > before;
      });
      back();
    }
    await load.stop();
    const url = `postgresql://postgres@localhost/authgraph?host=${encodeURIComponent(join(data, 'postgres'))}`;
    const people = openPeople({ url: proxy.url, ledger });
    await settle({
      ledger,
      replicas: [replica],
      proxy,
      postgres,
      people,
      env: { ...env, DATABASE_URL: url },
    });
    return { ledger };
  } finally {
    await proxy.close();
    await replica.end('SIGTERM');
  }
}

/** To the last byte. */
function fill(file) {
  writeFileSync(file, '');
  for (const size of [1 << 20, 1 << 12]) {
    try {
      for (;;) appendFileSync(file, Buffer.alloc(size));
    } catch (error) {
      if (error.code !== 'ENOSPC') throw error;
    }
  }
}

async function ask(host, text, values) {
  const client = new pg.Client({ host, user: 'postgres', database: 'authgraph' });
  await client.connect();
  try {
    return await client.query(text, values);
  } finally {
    await client.end();
  }
}
