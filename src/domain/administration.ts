import { performance } from 'node:perf_hooks';
import type { Knex } from 'knex';
import PQueue from 'p-queue';
import { transaction, type Unit } from '../db/transaction.js';
import { AuthError } from '../errors.js';

/** One that acts and one that is ready: more would only wait for the lock, each with a connection that others need. */
const AT_ONCE = 2;
/** How many may wait, here where it costs nothing, before others are told to come back. */
const LONGEST_QUEUE = 500;
/** As long as anybody waits for a connection, in milliseconds. */
const PATIENCE_MS = 2000;

const queues = new WeakMap<Knex, PQueue>();

/**
 * Runs an act of administration in a transaction of its own. Acts come one after the other anyway (see `administer`);
 * those of this process wait for their turn before they take a connection, so that a flood of them leaves the database
 * to everybody else.
 * @throws {AuthError} RATE_LIMITED when too many wait, SERVICE_UNAVAILABLE when the turn does not come in time; what `work` throws
 */
export async function administration<T>(db: Knex, work: (unit: Unit) => Promise<T>): Promise<T> {
  const queue = queueOf(db);
  if (queue.size >= LONGEST_QUEUE)
    throw new AuthError('RATE_LIMITED', {
      message: 'Too many changes are being made right now.',
      retryAfterSeconds: 5,
    });
  const askedAt = performance.now();
  return queue.add(async () => {
    if (performance.now() - askedAt > PATIENCE_MS) throw new AuthError('SERVICE_UNAVAILABLE');
    return transaction(db, work);
  }) as Promise<T>;
}

function queueOf(db: Knex): PQueue {
  const known = queues.get(db) ?? new PQueue({ concurrency: AT_ONCE });
  queues.set(db, known);
  return known;
}
