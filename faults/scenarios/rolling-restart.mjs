// Each of two replicas is told to stop and started again, in turn, behind a balancer that repeats what may be repeated, and one that has
// workers is told to replace them (SIGHUP): clients see no error at all.
import { childrenOf, signal, sleep, until } from '../parts/processes.mjs';
import { setStage } from '../parts/stage.mjs';

const WORKERS = 2;

export async function survives({ isQuick, progress }) {
  const rounds = isQuick ? 1 : 4;
  const stage = await setStage();
  const { ledger, replicas } = stage;
  const [, crew] = replicas;
  try {
    await crew.end('SIGTERM');
    await crew.start({ env: { WEB_CONCURRENCY: String(WORKERS) } });
    await until('the balancer has seen it', stage.proxy.allReady);
    await stage.startLoad();
    for (let round = 1; round <= rounds; round++) {
      progress(`workers, ${round} of ${rounds}`);
      await replaceWorkers(crew);
      ledger.kills++;
      for (const replica of replicas) {
        progress(`${round} of ${rounds}`);
        await sleep(500);
        const code = await replica.end('SIGTERM');
        ledger.kills++;
        if (code !== 0) ledger.broken.push(`${replica.name} ended with ${code}`);
        await replica.start({ env: replica === crew ? { WEB_CONCURRENCY: String(WORKERS) } : {} });
        await until('the balancer has seen it', stage.proxy.allReady);
      }
    }
    await stage.load.stop();
    for (const [code, count] of Object.entries(ledger.errors))
      ledger.broken.push(`clients saw ${code} ${count} times`);
    return { ledger: await stage.settle() };
  } finally {
    await stage.close();
  }
}

/** Waits until those who were there are gone, and others work. */
async function replaceWorkers(crew) {
  const workersOf = () => childrenOf(crew.pid);
  const before = await until('all workers are there', () => {
    const now = workersOf();
    return now.length === WORKERS && now;
  });
  signal(crew.pid, 'SIGHUP');
  await until('others work', () => {
    const now = workersOf();
    return now.length === WORKERS && now.every((pid) => !before.includes(pid));
  });
}
