// The machine of the primary is gone at once, and the standby that every commit waited for takes over.
import { sleep } from '../parts/processes.mjs';
import { setStage } from '../parts/stage.mjs';

export async function survives({ isQuick, progress }) {
  const cycles = isQuick ? 2 : 8;
  const stage = await setStage();
  const { ledger, postgres, replicas } = stage;
  try {
    await postgres.addStandby();
    await stage.startLoad();
    for (let cycle = 1; cycle <= cycles; cycle++) {
      progress(`${cycle} of ${cycles}`);
      await sleep(1500 + Math.random() * 1000);
      const back = ledger.outage();
      await postgres.primary.kill();
      ledger.kills++;
      await sleep(300);
      await postgres.promote();
      await Promise.all(replicas.map((replica) => replica.ready()));
      back();
      await sleep(1000);
      await postgres.addStandby();
    }
    return { ledger: await stage.settle() };
  } finally {
    await stage.close();
  }
}
