// A master of a Redis Cluster is killed and its replica takes over, again and again.
import { oneOf, sleep, until } from '../parts/processes.mjs';
import { openPostgres } from '../parts/postgres.mjs';
import { countersIn, lacksRedis, openCluster } from '../parts/redis.mjs';
import { setStage } from '../parts/stage.mjs';

export { lacksRedis as lacks };

export async function survives({ isQuick, progress }) {
  const cycles = isQuick ? 2 : 6;
  const [redis, postgres] = await Promise.all([openCluster(), openPostgres()]);
  const stage = await setStage({ postgres, env: { REDIS_URL: redis.url } });
  const { ledger } = stage;
  try {
    await stage.startLoad();
    for (let cycle = 1; cycle <= cycles; cycle++) {
      progress(`${cycle} of ${cycles}`);
      await until('it counts', () => countersIn(redis.masters()) > 0);
      const lost = oneOf(redis.masters());
      await lost.kill();
      ledger.kills++;
      await redis.healedWithout(lost);
      for (const one of redis.servers.filter((server) => server !== lost)) {
        if (one.ask('role').startsWith('master')) one.ask('flushall');
      }
      await until('it counts again', () => countersIn(redis.servers.filter((server) => server !== lost)) > 0);
      await lost.start();
      await until('it is a replica again', () =>
        lost.ask('info', 'replication').includes('master_link_status:up'),
      );
      await sleep(1000);
    }
    return { ledger: await stage.settle() };
  } finally {
    await stage.close();
    await redis.close();
  }
}
