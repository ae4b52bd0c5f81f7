// The clock of one replica, then that of PostgreSQL, is an hour ahead, then an hour behind, while the others' are right.
import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { home, sleep } from '../parts/processes.mjs';
import { openPostgres } from '../parts/postgres.mjs';
import { setStage } from '../parts/stage.mjs';

const LIBRARY = ['/usr/lib', '/usr/local/lib', '/usr/lib64']
  .flatMap((folder) => [
    folder,
    ...(existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []),
  ])
  .map((folder) => join(folder, 'faketime', 'libfaketimeMT.so.1'))
  .find((file) => existsSync(file));

export const lacks = () => (LIBRARY ? undefined : 'no libfaketime');

/** PostgreSQL's processes have one clock, which is moved for all of them at once. */
const AT_ONCE = { FAKETIME_NO_CACHE: '1' };

/** A clock that can be moved: what a process is started with, and how it is moved. The time that only goes on is left alone. */
function clock(name, reading) {
  const file = join(home, name);
  const move = (words) => {
    writeFileSync(`${file}.next`, `${words}\n`);
    renameSync(`${file}.next`, file);
  };
  move('+0');
  const env = {
    LD_PRELOAD: LIBRARY,
    FAKETIME_TIMESTAMP_FILE: file,
    ...reading,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
    FAKETIME_DONT_RESET: '1',
  };
  return { env, move };
}

export async function survives({ isQuick, progress }) {
  const [rightMs, wrongMs] = isQuick ? [1200, 3000] : [2000, 8000];
  const clocks = {
    replica: clock('clock-replica', { FAKETIME_CACHE_DURATION: '1' }),
    postgres: clock('clock-postgres', AT_ONCE),
  };
  const postgres = await openPostgres({ env: clocks.postgres.env });
  const stage = await setStage({ postgres, replicas: 2 });
  const { ledger, replicas } = stage;
  try {
    const wanderer = replicas[1];
    await wanderer.end('SIGTERM');
    await wanderer.start({ env: clocks.replica.env });
    ledger.isTimeWrong = true;
    await stage.startLoad();
    for (const [whose, { move }] of Object.entries(clocks))
      for (const offset of ['+3600', '-3600']) {
        progress(`${whose} ${offset} s`);
        await sleep(rightMs);
        move(offset);
        ledger.kills++;
        await sleep(wrongMs);
        move('+0');
      }
    await sleep(2000);
    ledger.isTimeWrong = false;
    return { ledger: await stage.settle() };
  } finally {
    await stage.close();
  }
}
