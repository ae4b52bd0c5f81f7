// Redis is killed, emptied, hangs: it changes no answer.
import { sleep, until } from '../parts/processes.mjs';
import { countersIn, lacksRedis, openRedis } from '../parts/redis.mjs';
import { setStage } from '../parts/stage.mjs';

export { lacksRedis as lacks };

export async function survives({ isQuick, progress }) {
  const cycles = isQuick ? 2 : 10;
  const isCounted = () => countersIn([redis]) > 0;
  const redis = await openRedis();
  const stage = await setStage({ env: { REDIS_URL: redis.url } });
  const { ledger } = stage;
  try {
    await stage.startLoad();
    for (let cycle = 1; cycle <= cycles; cycle++) {
      progress(`${cycle} of ${cycles}`);
      await sleep(700);
      await until('something is counted in Redis', isCounted);
      redis.ask('flushall');
      await sleep(200);
      redis.pause();
      await sleep(1500);
      redis.resume();
      await sleep(200);
      await redis.kill();
      ledger.kills++;
      await sleep(800);
      await redis.start();
      await until('it is used again', isCounted);
    }
    return { ledger: await stage.settle() };
  } finally {
    await stage.close();
    await redis.kill();
  }
}
