// The standby falls silent, and somebody cancels the commits that wait for it, which PostgreSQL then calls done; the service must
// not, as then the primary is lost and the standby takes over.
import { sleep } from '../parts/processes.mjs';
import { setStage } from '../parts/stage.mjs';

const SILENT_MS = 8000;

export async function survives({ isQuick, progress }) {
  const cycles = isQuick ? 1 : 3;
  const stage = await setStage();
  const { ledger, postgres, replicas } = stage;
  try {
    await stage.startLoad();
    for (let cycle = 1; cycle <= cycles; cycle++) {
      progress(`${cycle} of ${cycles}`);
      await postgres.addStandby();
      await sleep(1500);
      const back = ledger.outage();
      postgres.standby.pause();
      for (let waited = 0; waited < SILENT_MS; waited += 500) {
        await sleep(500);
        await postgres.query(
          "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'",
        );
      }
      await postgres.primary.kill();
      ledger.kills++;
      postgres.standby.resume();
      await postgres.promote();
      await Promise.all(replicas.map((replica) => replica.ready()));
      back();
      await sleep(1000);
    }
    return { ledger: await stage.settle() };
  } finally {
    await stage.close();
  }
}
