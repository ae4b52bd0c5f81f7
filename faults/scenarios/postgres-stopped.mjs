// PostgreSQL is stopped for half a minute and started again: nothing is lost, and everybody goes on by themselves.
import { sleep } from '../parts/processes.mjs';
import { setStage } from '../parts/stage.mjs';

export async function survives({ isQuick, progress }) {
  const stage = await setStage();
  const { ledger, postgres } = stage;
  try {
    await stage.startLoad();
    for (const seconds of isQuick ? [8] : [2, 30]) {
      await sleep(2000);
      progress(`away for ${seconds} s`);
      const back = ledger.outage();
      await postgres.primary.stop();
      ledger.kills++;
      await sleep(seconds * 1000);
      await postgres.primary.start();
      await Promise.all(stage.replicas.map((replica) => replica.ready()));
      back();
    }
    await sleep(2000);
    return { ledger: await stage.settle() };
  } finally {
    await stage.close();
  }
}
