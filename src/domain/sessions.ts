import type { Knex } from 'knex';
import type { Loaders } from '../db/loaders.js';
import { SessionModel } from '../db/models/session.js';
import { UserModel } from '../db/models/user.js';
import { transaction, type Unit } from '../db/transaction.js';
import { AuthError } from '../errors.js';
import { administer, readAuthority, requireOutranks, requireStanding, type UserActor } from './access.js';
import { administration } from './administration.js';
import type { Client } from './client.js';
import { isId } from './ids.js';
import { readForward, type Order, type Page, type PageRequest } from './pages.js';
import type { Feed } from './revocations.js';
import { endSessions } from './sessions/end.js';

export type { SessionModel as StoredSession } from '../db/models/session.js';
export type { SessionDeps } from './sessions/deps.js';
export {
  PASSKEY_METHODS,
  passkeyMethods,
  raiseAssurance,
  requireFreshAssurance,
  SECOND_FACTOR,
  TOTP_METHODS,
  withdrawMethods,
} from './sessions/assurance.js';
export { endSessions } from './sessions/end.js';
export { completeTokens, endOf, type Opened, type Tokens } from './sessions/open.js';
export {
  beginSession,
  openAtOnce,
  OPENING,
  rolesOf,
  type Checked,
  type OpenedRow,
} from './sessions/open-at-once.js';
export {
  findSessionByRefreshToken,
  findUsableRefreshToken,
  type UsableRefreshToken,
} from './sessions/lookup.js';
export { purgeSessions } from './sessions/purge.js';
export { reissue } from './sessions/reissue.js';
export { rotate, rotateWithRows, type BareTokens } from './sessions/rotate.js';

interface FeedAndDb {
  db: Knex;
  feed: Feed;
}

/** Ends the actor's own session, or all of them. */
export async function signOut(
  deps: FeedAndDb,
  actor: UserActor,
  everywhere: boolean,
  client: Client,
): Promise<void> {
  await transaction(deps.db, (unit) =>
    endSessions(deps.feed, unit, actor.id, everywhere ? undefined : actor.sessionId, {
      reason: 'signed_out',
      actor: actor.id,
      client,
    }),
  );
}

/** Ends every session of the actor but the one that asks. @returns how many ended @throws {AuthError} UNAUTHENTICATED */
export async function signOutOthers(deps: FeedAndDb, actor: UserActor, client: Client): Promise<number> {
  return transaction(deps.db, async (unit) => {
    // Of two that ask this of each other, one stays.
    await UserModel.query(unit.trx).findById(actor.id).forNoKeyUpdate().throwIfNotFound();
    await requireStanding(unit.trx, actor);
    return endSessions(deps.feed, unit, actor.id, undefined, {
      reason: 'signed_out',
      actor: actor.id,
      client,
      except: actor.sessionId,
    });
  });
}

/**
 * Ends one session: one's own, or with sessions:manage somebody else's of lower rank.
 * @throws {AuthError} NOT_FOUND also when it is not for the actor to see
 */
export async function revokeSession(
  deps: FeedAndDb,
  actor: UserActor,
  id: string,
  client: Client,
): Promise<void> {
  const session = isId(id) ? await SessionModel.query(deps.db).findById(id).whereNull('endedAt') : undefined;
  if (!session || !(session.userId === actor.id || actor.permissions.has('sessions:manage')))
    throw new AuthError('NOT_FOUND');
  const act = session.userId === actor.id ? transaction : administration;
  await act(deps.db, async (unit) => {
    if (session.userId !== actor.id) await requireMayManageSessions(unit, actor, session.userId);
    await endSessions(deps.feed, unit, session.userId, session.id, {
      reason: 'revoked',
      actor: actor.id,
      client,
    });
  });
}

/** Ends all sessions of another account of lower rank. @throws {AuthError} NOT_FOUND, FORBIDDEN */
export async function revokeUserSessions(
  deps: FeedAndDb,
  actor: UserActor,
  userId: string,
  client: Client,
): Promise<number> {
  return administration(deps.db, async (unit) => {
    const user = isId(userId) ? await UserModel.query(unit.trx).findById(userId) : undefined;
    if (!user) throw new AuthError('NOT_FOUND');
    await requireMayManageSessions(unit, actor, user.id);
    return endSessions(deps.feed, unit, user.id, undefined, { reason: 'revoked', actor: actor.id, client });
  });
}

async function requireMayManageSessions(unit: Unit, actor: UserActor, userId: string): Promise<void> {
  const own = await administer(unit.trx, actor, 'sessions:manage');
  if (userId !== actor.id) requireOutranks(own, (await readAuthority(unit.trx, userId)).rank);
}

/** The session of an access token whose holder asks for its end, or a service that was shown it, by its id. */
export async function endSessionOfToken(
  deps: FeedAndDb,
  userId: string,
  sessionId: string,
  client: Client,
  actor = userId,
): Promise<void> {
  await transaction(deps.db, (unit) =>
    endSessions(deps.feed, unit, userId, sessionId, { reason: 'revoked', actor, client }),
  );
}

const newestFirst: Order<SessionModel> = {
  name: 'created',
  column: 'createdAt',
  type: 'timestamptz(3)',
  value: (row) => row.createdAt.toISOString(),
  descending: true,
};

/** The live sessions of an account, newest first. @throws {AuthError} BAD_USER_INPUT */
export async function listSessions(
  loaders: Loaders,
  userId: string,
  request: Pick<PageRequest, 'first' | 'after'>,
): Promise<Page<SessionModel>> {
  return readForward(
    newestFirst,
    request,
    (limit, place) => loaders.of('sessionsOfUser').load({ userId, limit, place }),
    () => loaders.of('sessionCountOfUser').load(userId),
  );
}
