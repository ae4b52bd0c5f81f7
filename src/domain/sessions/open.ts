import type { Knex } from 'knex';
import { RefreshTokenModel } from '../../db/models/refresh-token.js';
import type { SessionModel } from '../../db/models/session.js';
import type { UserModel } from '../../db/models/user.js';
import type { Unit } from '../../db/transaction.js';
import { narrowTo, type Authority, type SessionAuthority } from '../access.js';
import { newId } from '../ids.js';
import { issueAccessToken } from '../tokens.js';
import { within } from '../tracing.js';
import type { SessionDeps } from './deps.js';
import { hashSecret, newSecret, writeRefreshToken, type RefreshToken } from './refresh-token.js';

/** Of a session what its tokens say. */
export type TokenSession = Pick<SessionModel, 'id' | 'expiresAt' | 'idleExpiresAt' | 'amr' | 'aal'>;
/** Of an account what its tokens say. */
export type TokenHolder = Pick<UserModel, 'id' | 'authzVersion' | 'username' | 'email'>;

/** The tokens of a session, as they are handed to its owner once; with what they say of it and of the account, or more. */
export interface Tokens<S extends TokenSession = SessionModel, U extends TokenHolder = UserModel> {
  accessToken: string;
  expiresAt: Date;
  refreshToken: string;
  refreshExpiresAt: Date;
  session: S;
  user: U;
  authority: SessionAuthority;
  /** By which the device is known from now on; where a password or a passkey was proved just now. */
  deviceToken?: string | undefined;
}

/** Everything decided inside the transaction; the access token is signed after it. */
export interface Opened<S extends TokenSession = SessionModel, U extends TokenHolder = UserModel> {
  session: S;
  user: U;
  authority: Authority;
  refreshToken: string;
  deviceToken?: string;
  /** A successor that was handed out before. */
  isReplay?: true;
}

/** A refresh token with its text, which is handed out and nowhere kept. */
export type NewRefreshToken = RefreshToken & { text: string };

export function makeRefreshToken(): NewRefreshToken {
  const token = { id: newId(), secret: newSecret() };
  return { ...token, text: writeRefreshToken(token) };
}

/** Adds a session's next active refresh token. */
export async function storeRefreshToken(
  unit: Unit,
  sessionId: string,
  { id, secret }: RefreshToken,
): Promise<void> {
  await RefreshTokenModel.query(unit.trx)
    .insert({ id, sessionId, secretHash: hashSecret(secret) })
    .returning([]);
}

/** Signs the access token that goes with what the transaction decided. */
export async function completeTokens<S extends TokenSession, U extends TokenHolder>(
  deps: SessionDeps,
  { session, user, authority: whole, refreshToken, deviceToken }: Opened<S, U>,
): Promise<Tokens<S, U>> {
  const authority = await narrowTo(deps, session, whole);
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
  const { text, expiresAt } = await within('tokens.issueAccessToken', () => issueAccessToken(deps, subject));
  return {
    accessToken: text,
    expiresAt,
    refreshToken,
    refreshExpiresAt: endOf(session),
    session,
    user,
    authority,
    deviceToken,
  };
}

/** When a session ends unless it is refreshed before. */
export function endOf(session: Pick<SessionModel, 'idleExpiresAt' | 'expiresAt'>): Date {
  return session.idleExpiresAt < session.expiresAt ? session.idleExpiresAt : session.expiresAt;
}

const inSeconds = (db: Knex, seconds: number) =>
  db.raw("now() + ? * interval '1 second'", [seconds]) as unknown as Date;

export function idleEnd(deps: SessionDeps, db: Knex): Date {
  return inSeconds(db, deps.config.sessions.refreshTtlSeconds);
}
