import type { Knex } from 'knex';
import type { SessionModel } from '../../db/models/session.js';
import type { UserModel } from '../../db/models/user.js';
import { retryOnLock, transaction } from '../../db/transaction.js';
import { AuthError } from '../../errors.js';
import type { Client } from '../client.js';
import { within } from '../tracing.js';
import { decide, type Refusal } from './decide.js';
import type { SessionDeps } from './deps.js';
import { completeTokens, type Opened, type TokenHolder, type Tokens, type TokenSession } from './open.js';
import { readRefreshToken, type RefreshToken } from './refresh-token.js';
import { spendAtOnce, spendForRows } from './spend-at-once.js';

const TRIES = 4;

/** The tokens of a refresh of which nothing else is asked. */
export type BareTokens = Tokens<TokenSession, TokenHolder>;

/** One way to spend a token at once. */
type Spend<S extends TokenSession, U extends TokenHolder> = (
  deps: SessionDeps,
  presented: RefreshToken,
  client: Client,
) => Promise<Opened<S, U> | undefined>;

/**
 * Spends a refresh token (protocols: refresh). Concurrent and repeated calls within the replay window get the same
 * successor; any later use of a spent token ends the session.
 * @throws {AuthError} REFRESH_TOKEN_INVALID, REFRESH_TOKEN_REUSED, SESSION_EXPIRED, ACCOUNT_DELETED, ACCOUNT_SUSPENDED,
 *   RATE_LIMITED, SERVICE_UNAVAILABLE (nothing was spent, or the retry finds the same successor)
 */
export const rotate = (deps: SessionDeps, text: string, client: Client): Promise<BareTokens> =>
  rotateBy(spendAtOnce, deps, text, client);

/** {@link rotate}, for whoever is shown session and account as well. */
export const rotateWithRows = (deps: SessionDeps, text: string, client: Client): Promise<Tokens> =>
  rotateBy(spendForRows, deps, text, client);

async function rotateBy<S extends TokenSession, U extends TokenHolder>(
  spendOnce: Spend<S, U>,
  deps: SessionDeps,
  text: string,
  client: Client,
): Promise<Tokens<S | SessionModel, U | UserModel>> {
  const presented = readRefreshToken(text);
  if (!presented) deps.meters.refreshed('REFRESH_TOKEN_INVALID');
  if (!presented) throw new AuthError('REFRESH_TOKEN_INVALID');
  // At once where nothing stands in the way, which is nearly always; else in a transaction that finds out what does.
  const spend = async () =>
    (await spendOnce(deps, presented, client)) ??
    (await transaction(deps.db, (unit) => decide(deps, unit, presented, client)));
  const outcome = await within('sessions.rotate', () =>
    together(deps.db, `${spendOnce.name} ${text}`, () => retryOnLock(TRIES, Math.random, spend)),
  );
  deps.meters.refreshed(nameOf(outcome));
  if ('refused' in outcome) throw new AuthError(outcome.refused, outcome.details);
  return completeTokens<S | SessionModel, U | UserModel>(deps, outcome);
}

const nameOf = (outcome: Opened<TokenSession, TokenHolder> | Refusal) =>
  'refused' in outcome ? outcome.refused : outcome.isReplay ? 'REPLAYED' : 'ROTATED';

/** Lets go of what came of it once that is known: a Map that changes all the time keeps what it has forgotten (decision 37). */
interface Call {
  outcome?: Promise<unknown>;
}

const underWay = new WeakMap<Knex, Map<string, Call>>();

/**
 * Calls of one kind with one and the same token share one look into the database: a client's burst holds one connection, not all of
 * the pool. That nothing forks does not depend on it: the row lock sees to that, for any number of processes.
 */
function together<T>(db: Knex, call: string, work: () => Promise<T>): Promise<T> {
  const calls = underWay.get(db) ?? new Map<string, Call>();
  underWay.set(db, calls);
  const known = calls.get(call)?.outcome as Promise<T> | undefined;
  if (known) return known;
  const made: Call = {};
  calls.set(call, made);
  made.outcome = work().finally(() => {
    calls.delete(call);
    delete made.outcome;
  });
  return made.outcome as Promise<T>;
}
