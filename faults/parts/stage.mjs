// What most scenarios stand on: PostgreSQL, replicas behind a balancer, people, and the ledger.
import { openLedger } from './ledger.mjs';
import { openPeople, startLoad } from './load.mjs';
import { openPostgres } from './postgres.mjs';
import { openProxy } from './proxy.mjs';
import { environment, openReplica } from './service.mjs';
import { settle } from './settle.mjs';

/**
 * Sets the stage.
 * @param given.replicas how many, 2 unless said
 * @param given.env variables besides
 * @param given.postgres an own one; a migrated one unless said
 */
export async function setStage(given = {}) {
  const { replicas: wanted = 2, env: more = {}, load: loading = {}, databaseUrl, settings } = given;
  const postgres = given.postgres ?? (await openPostgres({ more: settings }));
  const env = environment({ DATABASE_URL: databaseUrl ?? postgres.url, ...more });
  const ledger = openLedger();
  const replicas = await Promise.all(Array.from({ length: wanted }, () => openReplica(env, given.program)));
  const proxy = await openProxy(replicas.map(({ url }) => url));
  let load;
  const stage = {
    postgres,
    env,
    ledger,
    replicas,
    proxy,
    get load() {
      return load;
    },
    async startLoad(ways = {}) {
      load = await startLoad({ url: proxy.url, ledger, replicas, ...loading, ...ways });
      return load;
    },
    /** Ends the load and compares. */
    async settle() {
      await load.stop();
      await settle({
        ...stage,
        env: given.auditEnv ?? { ...env, DATABASE_URL: postgres.url },
        people: openQuiet(stage),
      });
      return ledger;
    },
    async close() {
      await load?.stop();
      await proxy.close();
      await Promise.all(replicas.map((replica) => replica.end('SIGKILL')));
      await postgres.close();
    },
  };
  return stage;
}

const openQuiet = ({ proxy, ledger }) => openPeople({ url: proxy.url, ledger });
