import { timingSafeEqual } from 'node:crypto';
import { RefreshTokenModel } from '../../db/models/refresh-token.js';
import { SessionModel } from '../../db/models/session.js';
import { UserModel } from '../../db/models/user.js';
import type { Unit } from '../../db/transaction.js';
import type { ErrorCode } from '../../errors.js';
import { readAuthority } from '../access.js';
import { record } from '../audit.js';
import type { Client } from '../client.js';
import type { SessionDeps } from './deps.js';
import { endSessions } from './end.js';
import { idleEnd, makeRefreshToken, storeRefreshToken, type Opened } from './open.js';
import { stepBack } from './reissue.js';
import { hashSecret, openSuccessor, sealedAt, sealSuccessor, type RefreshToken } from './refresh-token.js';

/** Beyond this many replays of one token the caller is told to slow down; it is never called reuse. */
const MOST_REPLAYS = 1000;

/** A refusal that is decided inside the transaction and told only after its commit, so that a revocation stays. */
export interface Refusal {
  refused: ErrorCode;
  details?: { retryAfterSeconds: number };
}

/** `age`: in seconds, by PostgreSQL's clock; null where it was not spent yet. */
type StoredToken = RefreshTokenModel & { age: number | null; successorState: string | null };

/** A refresh that waits longer for another one gives its connection back and tries again, in milliseconds. */
const LOCK_TIMEOUT_MS = 500;

/**
 * Decides about a refresh token in a transaction that holds its session, whatever may be the matter with it: spent already, by its
 * owner or by a thief, superseded, of a session that is over or an account that is gone.
 */
export async function decide(
  deps: SessionDeps,
  unit: Unit,
  presented: RefreshToken,
  client: Client,
): Promise<Opened | Refusal> {
  await unit.trx.raw(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
  const session = await lockSession(unit, presented.id);
  const token = session && (await readToken(unit, presented.id));
  if (!token || !timingSafeEqual(token.secretHash, hashSecret(presented.secret)))
    return { refused: 'REFRESH_TOKEN_INVALID' };
  const user = await UserModel.query(unit.trx).findById(session.userId).throwIfNotFound();
  const refusal = refuseAsDead(deps, session, token, user);
  if (refusal) return refusal;
  if (token.state === 'active' || isSuperseded(deps, token))
    return succeed(deps, unit, session, user, token, presented, client);
  return replayOrReuse(deps, unit, session, user, token, presented, client);
}

type LockedSession = SessionModel & { isOver: boolean; isIdle: boolean };

/** All refreshes of a session pass here one by one. */
async function lockSession(unit: Unit, tokenId: string): Promise<LockedSession | undefined> {
  const session = await SessionModel.query(unit.trx)
    .whereIn('id', RefreshTokenModel.query(unit.trx).select('sessionId').where({ id: tokenId }))
    .select('*')
    .select(unit.trx.raw('expires_at <= now() as is_over, idle_expires_at <= now() as is_idle'))
    .forUpdate()
    .first();
  return session as LockedSession | undefined;
}

// A statement of its own, after the lock is held: it must see what the previous holder committed.
async function readToken(unit: Unit, id: string): Promise<StoredToken | undefined> {
  const token = await RefreshTokenModel.query(unit.trx)
    .findById(id)
    .select('*')
    .select(unit.trx.raw('extract(epoch from clock_timestamp() - rotated_at)::float8 as age'))
    .select(
      unit.trx.raw(
        '(select s.state from refresh_tokens s where s.id = refresh_tokens.successor_id) as successor_state',
      ),
    );
  return token as StoredToken | undefined;
}

/** What ends the matter whatever the state of the token: the account, the session, its times. */
function refuseAsDead(
  deps: SessionDeps,
  session: LockedSession,
  token: StoredToken,
  user: UserModel,
): Refusal | undefined {
  if (user.deletedAt) return { refused: 'ACCOUNT_DELETED' };
  if (user.suspendedAt) return { refused: 'ACCOUNT_SUSPENDED' };
  if (session.endedAt)
    return {
      refused:
        session.endReason === 'refresh_reused' && token.state === 'rotated'
          ? 'REFRESH_TOKEN_REUSED'
          : 'REFRESH_TOKEN_INVALID',
    };
  if (session.isOver) return { refused: 'REFRESH_TOKEN_INVALID' };
  const isHonest = token.state === 'active' || isReplay(deps, token) || isSuperseded(deps, token);
  return session.isIdle && isHonest ? { refused: 'SESSION_EXPIRED' } : undefined;
}

/** Whether a spent token comes again as it does from an honest client: soon, and before its successor was used. */
function isReplay(deps: SessionDeps, token: StoredToken): boolean {
  return isInWindow(deps, token, ageByBothClocks(deps, token)) && token.successorBox !== null;
}

/**
 * In seconds. PostgreSQL's clock may have been set since, which makes nobody a thief: this process's says then that it was just now.
 */
function ageByBothClocks({ clock }: SessionDeps, { age, successorBox }: StoredToken): number {
  const ageHere = successorBox ? Math.abs(clock.now() - sealedAt(successorBox)) / 1000 : Infinity;
  // Less than nothing is no age: PostgreSQL's clock was set back.
  return age === null || age < 0 ? ageHere : Math.min(age, ageHere);
}

/** Whether it gave way without being shown (see {@link reissue}), so that its holder may not have heard of the next one. */
function isSuperseded(deps: SessionDeps, token: StoredToken): boolean {
  return isInWindow(deps, token, token.age ?? Infinity) && token.successorBox === null;
}

const isInWindow = (deps: SessionDeps, { successorState }: StoredToken, age: number): boolean =>
  age < deps.config.sessions.replayWindowSeconds && successorState === 'active';

async function succeed(
  deps: SessionDeps,
  unit: Unit,
  session: SessionModel,
  user: UserModel,
  token: StoredToken,
  presented: RefreshToken,
  client: Client,
): Promise<Opened> {
  const { trx } = unit;
  const successor = makeRefreshToken();
  const spentAt = deps.clock.now() - (token.age ?? 0) * 1000;
  const successorBox = sealSuccessor(presented, successor.text, spentAt);
  if (token.state === 'rotated') await stepBack(unit, session.id, successor);
  // The parent steps back before its successor comes in: one active token a session. Its window never begins anew.
  await RefreshTokenModel.query(trx)
    .findById(presented.id)
    .patch({
      state: 'rotated',
      rotatedAt: trx.raw('coalesce(rotated_at, clock_timestamp())'),
      successorId: successor.id,
      successorBox,
    });
  await storeRefreshToken(unit, session.id, successor);
  const seen = {
    lastSeenAt: trx.raw('now()') as unknown as Date,
    idleExpiresAt: idleEnd(deps, trx),
    ...(client.ipAddress === null ? {} : { ipAddress: client.ipAddress }),
  };
  const refreshed = await SessionModel.query(trx)
    .findById(session.id)
    .patch(seen)
    .returning('*')
    .first()
    .throwIfNotFound();
  await record(trx, client, {
    type: 'refresh.rotated',
    actor: user.id,
    subject: user.id,
    details: { session: session.id },
  });
  return {
    session: refreshed,
    user,
    authority: await readAuthority(trx, user.id),
    refreshToken: successor.text,
  };
}

async function replayOrReuse(
  deps: SessionDeps,
  unit: Unit,
  session: SessionModel,
  user: UserModel,
  token: StoredToken,
  presented: RefreshToken,
  client: Client,
): Promise<Opened | Refusal> {
  if (!isReplay(deps, token)) return endAsReused(deps, unit, session, client);
  if (token.replays >= MOST_REPLAYS)
    return {
      refused: 'RATE_LIMITED',
      details: { retryAfterSeconds: deps.config.sessions.replayWindowSeconds },
    };
  await RefreshTokenModel.query(unit.trx).findById(token.id).increment('replays', 1);
  const refreshToken = openSuccessor(presented, token.successorBox as Buffer);
  const authority = await readAuthority(unit.trx, user.id);
  return { session, user, authority, refreshToken, isReplay: true };
}

async function endAsReused(
  deps: SessionDeps,
  unit: Unit,
  session: SessionModel,
  client: Client,
): Promise<Refusal> {
  await endSessions(deps.feed, unit, session.userId, session.id, { reason: 'refresh_reused', client });
  await record(unit.trx, client, {
    type: 'refresh.reused',
    outcome: 'DENIED',
    subject: session.userId,
    details: { session: session.id },
  });
  return { refused: 'REFRESH_TOKEN_REUSED' };
}
