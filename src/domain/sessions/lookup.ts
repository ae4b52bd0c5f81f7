import { timingSafeEqual } from 'node:crypto';
import type { Knex } from 'knex';
import { RefreshTokenModel } from '../../db/models/refresh-token.js';
import { SessionModel } from '../../db/models/session.js';
import { hashSecret, readRefreshToken } from './refresh-token.js';

/** The session that a refresh token, active or spent, belongs to; undefined unless its secret is right. */
export async function findSessionByRefreshToken(db: Knex, text: string): Promise<SessionModel | undefined> {
  const presented = readRefreshToken(text);
  const stored = presented && (await RefreshTokenModel.query(db).findById(presented.id));
  if (!stored || !timingSafeEqual(stored.secretHash, hashSecret(presented.secret))) return undefined;
  return SessionModel.query(db).findById(stored.sessionId);
}
