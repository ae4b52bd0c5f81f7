import { performance } from 'node:perf_hooks';
import type { Knex } from 'knex';
import PQueue from 'p-queue';
import { AuthError } from '../errors.js';

/** How long anybody waits for a turn, in milliseconds: as long as for a connection. */
const PATIENCE_MS = 2000;

/** Runs work that asks much of a database when its turn has come. */
export type Turns = <T>(db: Knex, work: () => Promise<T>) => Promise<T>;

/**
 * Makes a queue of its own for each database of this process. Whoever waits in it holds no connection, so that what
 * many ask for at once leaves the database to everybody else. The turns throw RATE_LIMITED with `message` when too many
 * wait, and SERVICE_UNAVAILABLE when the turn does not come in time.
 */
export function takeTurns(rules: { atOnce: number; longest: number; message: string }): Turns {
  const queues = new WeakMap<Knex, PQueue>();
  const queueOf = (db: Knex) => {
    const queue = queues.get(db) ?? new PQueue({ concurrency: rules.atOnce });
    queues.set(db, queue);
    return queue;
  };
  return async <T>(db: Knex, work: () => Promise<T>) => {
    const queue = queueOf(db);
    if (queue.size >= rules.longest)
      throw new AuthError('RATE_LIMITED', { message: rules.message, retryAfterSeconds: 5 });
    const askedAt = performance.now();
    const turn = async () => {
      if (performance.now() - askedAt > PATIENCE_MS) throw new AuthError('SERVICE_UNAVAILABLE');
      return work();
    };
    return queue.add(turn) as Promise<T>;
  };
}
