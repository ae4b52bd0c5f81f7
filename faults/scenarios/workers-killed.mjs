// Workers under their supervisor are killed, replaced by SIGHUP, and the supervisor itself is killed.
import { childrenOf, oneOf, signal, sleep, until } from '../parts/processes.mjs';
import { setStage } from '../parts/stage.mjs';

const WORKERS = 2;

export async function survives({ isQuick, progress }) {
  const cycles = isQuick ? 2 : 10;
  const stage = await setStage({ replicas: 2, env: { WEB_CONCURRENCY: String(WORKERS) } });
  const { ledger, replicas } = stage;
  try {
    await stage.startLoad();
    for (let cycle = 1; cycle <= cycles; cycle++) {
      progress(`${cycle} of ${cycles}`);
      await sleep(500);
      const replica = oneOf(replicas);
      const before = await until('both workers are there', () => {
        const now = childrenOf(replica.pid);
        return now.length === WORKERS && now;
      });
      signal(oneOf(before), 'SIGKILL');
      ledger.kills++;
      await until('another worker is there', () => {
        const now = childrenOf(replica.pid);
        return now.length === WORKERS && now.some((pid) => !before.includes(pid));
      });
      if (cycle % 5 === 0) signal(replica.pid, 'SIGHUP');
      if (cycle % 3 === 0) {
        await replica.end('SIGKILL');
        ledger.kills++;
        await until('its workers have gone with it', () => replica.isReady().then((isReady) => !isReady));
        await replica.start();
      }
    }
    return { ledger: await stage.settle() };
  } finally {
    await stage.close();
  }
}
