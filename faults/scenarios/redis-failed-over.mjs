// The master that Sentinels watch is killed, or hangs, and a replica takes over: it is found again and used.
import { sleep, until } from '../parts/processes.mjs';
import { openPostgres } from '../parts/postgres.mjs';
import { countersIn, lacksRedis, openSentinels } from '../parts/redis.mjs';
import { setStage } from '../parts/stage.mjs';

export { lacksRedis as lacks };

export async function survives({ isQuick, progress }) {
  const cycles = isQuick ? 2 : 6;
  const [redis, postgres] = await Promise.all([openSentinels(), openPostgres()]);
  const stage = await setStage({ postgres, env: { REDIS_URL: redis.url } });
  const { ledger } = stage;
  try {
    await stage.startLoad();
    for (let cycle = 1; cycle <= cycles; cycle++) {
      progress(`${cycle} of ${cycles}`);
      await until('the master counts', () => countersIn([redis.master()]) > 0);
      const lost = redis.master();
      const hangs = cycle % 2 === 0;
      await (hangs ? lost.pause() : lost.kill());
      ledger.kills++;
      await redis.successorOf(lost);
      redis.master().ask('flushall');
      await until('the new master counts', () => countersIn([redis.master()]) > 0);
      await (hangs ? lost.resume() : lost.start());
      await sleep(1500);
    }
    return { ledger: await stage.settle() };
  } finally {
    await stage.close();
    await redis.close();
  }
}
