import type { Knex } from 'knex';
import { RefreshTokenModel } from '../../db/models/refresh-token.js';
import { SessionModel } from '../../db/models/session.js';
import type { UserModel } from '../../db/models/user.js';
import type { Unit } from '../../db/transaction.js';
import { readAuthority, type Authority } from '../access.js';
import type { Client } from '../client.js';
import { newId } from '../ids.js';
import { issueAccessToken } from '../tokens.js';
import type { SessionDeps } from './deps.js';
import { hashSecret, newSecret, writeRefreshToken } from './refresh-token.js';

/** The tokens of a session, as they are handed to its owner once. */
export interface Tokens {
  accessToken: string;
  expiresAt: Date;
  refreshToken: string;
  refreshExpiresAt: Date;
  session: SessionModel;
  user: UserModel;
  authority: Authority;
}

/** Everything decided inside the transaction; the access token is signed after it. */
export interface Opened {
  session: SessionModel;
  user: UserModel;
  authority: Authority;
  refreshToken: string;
}

/** Opens a session for an account whose proof was just checked, in the transaction of the sign-in. */
export async function openSession(
  deps: SessionDeps,
  unit: Unit,
  user: UserModel,
  client: Client,
  amr: string[],
): Promise<Opened> {
  const id = newId();
  const { ttlSeconds } = deps.config.sessions;
  await SessionModel.query(unit.trx)
    .insert({
      id,
      userId: user.id,
      expiresAt: inSeconds(unit.trx, ttlSeconds),
      idleExpiresAt: idleEnd(deps, unit.trx),
      ipAddress: client.ipAddress,
      userAgent: client.userAgent,
      amr,
      aal: 1,
    })
    .returning([]);
  const refreshToken = await issueRefreshToken(unit, id);
  const session = await SessionModel.query(unit.trx).findById(id).throwIfNotFound();
  return { session, user, authority: await readAuthority(unit.trx, user.id), refreshToken };
}

/** Adds a session's next active refresh token. @returns its text, which is nowhere kept */
export async function issueRefreshToken(unit: Unit, sessionId: string, id = newId()): Promise<string> {
  const secret = newSecret();
  await RefreshTokenModel.query(unit.trx)
    .insert({ id, sessionId, secretHash: hashSecret(secret) })
    .returning([]);
  return writeRefreshToken({ id, secret });
}

/** Signs the access token that goes with what the transaction decided. */
export async function completeTokens(
  deps: SessionDeps,
  { session, user, authority, refreshToken }: Opened,
): Promise<Tokens> {
  const subject = {
    id: user.id,
    sessionId: session.id,
    sessionEndsAt: session.expiresAt,
    version: user.authzVersion,
    username: user.username,
    email: user.email,
    roles: authority.roles,
    permissions: authority.permissions,
    amr: session.amr,
    aal: session.aal,
  };
  const { text, expiresAt } = await issueAccessToken(deps, subject);
  return {
    accessToken: text,
    expiresAt,
    refreshToken,
    refreshExpiresAt: endOf(session),
    session,
    user,
    authority,
  };
}

/** When a session ends unless it is refreshed before. */
export function endOf(session: SessionModel): Date {
  return session.idleExpiresAt < session.expiresAt ? session.idleExpiresAt : session.expiresAt;
}

const inSeconds = (db: Knex, seconds: number) =>
  db.raw("now() + ? * interval '1 second'", [seconds]) as unknown as Date;

export function idleEnd(deps: SessionDeps, db: Knex): Date {
  return inSeconds(db, deps.config.sessions.refreshTtlSeconds);
}
