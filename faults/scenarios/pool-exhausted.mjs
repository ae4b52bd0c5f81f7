// Every connection of the pools is taken, again and again: whoever comes is told, whoever asks about tokens is answered.
import { call } from '../parts/client.mjs';
import { sleep } from '../parts/processes.mjs';
import { setStage } from '../parts/stage.mjs';

export async function survives({ isQuick, progress }) {
  const cycles = isQuick ? 2 : 6;
  const stage = await setStage({ env: { DATABASE_POOL_SIZE: '2' } });
  const { ledger, postgres, replicas } = stage;
  try {
    const { admin } = await stage.startLoad({ citizens: 12 });
    for (let cycle = 1; cycle <= cycles; cycle++) {
      progress(`${cycle} of ${cycles}`);
      await sleep(1000);
      await postgres.primary.session(async (holder) => {
        await holder.query('begin; lock table users, sessions in access exclusive mode');
        for (let asked = 0; asked < 20; asked++) {
          await sleep(200);
          const { data, code } = await call(replicas[asked % 2].url, 'Verify', { token: admin.access });
          if (data?.valid !== true) ledger.broken.push(`verifying was not possible: ${code ?? data.reason}`);
        }
        await holder.query('rollback');
      });
    }
    return { ledger: await stage.settle() };
  } finally {
    await stage.close();
  }
}
