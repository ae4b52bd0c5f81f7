// One of two replicas is killed without a word, again and again, while people use both.
import { oneOf, sleep } from '../parts/processes.mjs';
import { setStage } from '../parts/stage.mjs';

export async function survives({ isQuick, progress }) {
  const cycles = isQuick ? 3 : 20;
  const stage = await setStage();
  try {
    await stage.startLoad();
    for (let cycle = 1; cycle <= cycles; cycle++) {
      progress(`${cycle} of ${cycles}`);
      await sleep(300 + Math.random() * 500);
      const replica = oneOf(stage.replicas);
      await replica.end('SIGKILL');
      stage.ledger.kills++;
      await replica.start();
    }
    return { ledger: await stage.settle() };
  } finally {
    await stage.close();
  }
}
