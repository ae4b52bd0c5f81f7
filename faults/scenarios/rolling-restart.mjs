// Each of two replicas is told to stop and started again, in turn, behind a balancer: clients see no error at all.
import { sleep } from '../parts/processes.mjs';
import { setStage } from '../parts/stage.mjs';

export async function survives({ isQuick, progress }) {
  const rounds = isQuick ? 1 : 4;
  const stage = await setStage();
  const { ledger, replicas } = stage;
  try {
    await stage.startLoad();
    for (let round = 1; round <= rounds; round++)
      for (const replica of replicas) {
        progress(`${round} of ${rounds}`);
        await sleep(500);
        const code = await replica.end('SIGTERM');
        ledger.kills++;
        if (code !== 0) ledger.broken.push(`${replica.name} ended with ${code}`);
        await replica.start();
      }
    await stage.load.stop();
    for (const [code, count] of Object.entries(ledger.errors))
      ledger.broken.push(`clients saw ${code} ${count} times`);
    return { ledger: await stage.settle() };
  } finally {
    await stage.close();
  }
}
