import { timingSafeEqual } from 'node:crypto';
import type { Knex } from 'knex';
import { RefreshTokenModel } from '../../db/models/refresh-token.js';
import { SessionModel } from '../../db/models/session.js';
import { UserModel } from '../../db/models/user.js';
import { hashSecret, readRefreshToken } from './refresh-token.js';

/** The session that a refresh token, active or spent, belongs to; undefined unless its secret is right. */
export async function findSessionByRefreshToken(db: Knex, text: string): Promise<SessionModel | undefined> {
  const stored = await findRefreshToken(db, text);
  return stored && SessionModel.query(db).findById(stored.sessionId);
}

async function findRefreshToken(db: Knex, text: string): Promise<RefreshTokenModel | undefined> {
  const presented = readRefreshToken(text);
  const stored = presented && (await RefreshTokenModel.query(db).findById(presented.id));
  const isRight = stored && timingSafeEqual(stored.secretHash, hashSecret(presented.secret));
  return isRight ? stored : undefined;
}

/** A refresh token that would be taken now, with whose it is. */
export interface UsableRefreshToken {
  token: RefreshTokenModel;
  session: SessionModel;
  user: UserModel;
}

/** The token, where neither it is spent nor its session over nor its account suspended or deleted. */
export async function findUsableRefreshToken(
  db: Knex,
  text: string,
): Promise<UsableRefreshToken | undefined> {
  const token = await findRefreshToken(db, text);
  if (token?.state !== 'active') return undefined;
  const session = await SessionModel.query(db)
    .findById(token.sessionId)
    .whereNull('endedAt')
    .whereRaw('least(expires_at, idle_expires_at) > now()');
  const user = session && (await UserModel.query(db).findById(session.userId));
  return user && !user.deletedAt && !user.suspendedAt ? { token, session, user } : undefined;
}
