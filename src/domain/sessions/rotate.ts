import type { Knex } from 'knex';
import { retryOnLock, transaction } from '../../db/transaction.js';
import { AuthError } from '../../errors.js';
import type { Client } from '../client.js';
import { within } from '../tracing.js';
import { decide, type Refusal } from './decide.js';
import type { SessionDeps } from './deps.js';
import { completeTokens, type Opened, type Tokens } from './open.js';
import { readRefreshToken, type RefreshToken } from './refresh-token.js';
import { spendAtOnce } from './spend-at-once.js';

const TRIES = 4;

/**
 * Spends a refresh token (protocols: refresh). Concurrent and repeated calls within the replay window get the same
 * successor; any later use of a spent token ends the session.
 * @throws {AuthError} REFRESH_TOKEN_INVALID, REFRESH_TOKEN_REUSED, SESSION_EXPIRED, ACCOUNT_DELETED, ACCOUNT_SUSPENDED,
 *   RATE_LIMITED, SERVICE_UNAVAILABLE (nothing was spent, or the retry finds the same successor)
 */
export async function rotate(deps: SessionDeps, text: string, client: Client): Promise<Tokens> {
  const presented = readRefreshToken(text);
  if (!presented) deps.meters.refreshed('REFRESH_TOKEN_INVALID');
  if (!presented) throw new AuthError('REFRESH_TOKEN_INVALID');
  const outcome = await within('sessions.rotate', () =>
    together(deps.db, text, () => retryOnLock(TRIES, Math.random, () => spend(deps, presented, client))),
  );
  deps.meters.refreshed(nameOf(outcome));
  if ('refused' in outcome) throw new AuthError(outcome.refused, outcome.details);
  return completeTokens(deps, outcome);
}

/** At once where nothing stands in the way, which is nearly always; else in a transaction that finds out what does. */
async function spend(deps: SessionDeps, presented: RefreshToken, client: Client): Promise<Opened | Refusal> {
  const opened = await spendAtOnce(deps, presented, client);
  return opened ?? transaction(deps.db, (unit) => decide(deps, unit, presented, client));
}

const nameOf = (outcome: Opened | Refusal) =>
  'refused' in outcome ? outcome.refused : outcome.isReplay ? 'REPLAYED' : 'ROTATED';

const underWay = new WeakMap<Knex, Map<string, Promise<unknown>>>();

/**
 * Calls with one and the same token share one look into the database: a client's burst holds one connection, not all of
 * the pool. That nothing forks does not depend on it: the row lock sees to that, for any number of processes.
 */
function together<T>(db: Knex, token: string, work: () => Promise<T>): Promise<T> {
  const calls = underWay.get(db) ?? new Map<string, Promise<unknown>>();
  underWay.set(db, calls);
  const shared = (calls.get(token) ?? work().finally(() => calls.delete(token))) as Promise<T>;
  calls.set(token, shared);
  return shared;
}
