import type { Knex } from 'knex';
import { transaction, type Unit } from '../db/transaction.js';
import { within } from './tracing.js';
import { takeTurns } from './turns.js';

const turns = takeTurns({
  // One that acts and one that is ready: more would only wait for the lock, each with a connection.
  atOnce: 2,
  longest: 500,
  message: 'Too many changes are being made right now.',
});

/**
 * Runs an act of administration in a transaction of its own. Acts come one after the other anyway (see `administer`);
 * those of this process wait for their turn before they take a connection.
 * @throws {AuthError} RATE_LIMITED when too many wait, SERVICE_UNAVAILABLE when the turn does not come in time; what `work` throws
 */
export async function administration<T>(db: Knex, work: (unit: Unit) => Promise<T>): Promise<T> {
  return within('administration', () => turns(db, () => transaction(db, work)));
}
