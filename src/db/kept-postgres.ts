import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { startEmbeddedPostgres } from './embedded.js';

/** The PostgreSQL that comes along, kept running. */
export interface KeptPostgres {
  /** For pg and knex. */
  readonly url: string;
  stop(): Promise<void>;
}

/** How long to wait before one that died is started again, in milliseconds. */
const REVIVE_MS = 500;

/** Starts it on the data folder, or finds it running there; were it to die, it is started again on the same socket. */
export async function keepPostgres(dataDir: string, log: Logger): Promise<KeptPostgres> {
  const state = { isStopping: false };
  const start = () => startEmbeddedPostgres({ dataDir, onDeath: () => void revive() });
  const revive = async () => {
    log.error('PostgreSQL has stopped unexpectedly (see postgres.log in the data folder); starting it again');
    await delay(REVIVE_MS);
    if (state.isStopping) return;
    running = start().catch((error: unknown) => {
      log.fatal({ err: error }, 'PostgreSQL cannot be started again');
      throw error;
    });
    await running.catch(() => undefined);
  };
  let running = start();
  const { url } = await running;
  const stop = async () => {
    state.isStopping = true;
    await running.then((postgres) => postgres.stop()).catch(() => undefined);
  };
  return { url, stop };
}
