import type { Client } from './client.js';
import { endSessionOfToken, findSessionByRefreshToken, type SessionDeps } from './sessions.js';
import { verifyAccessToken, type TokenDeps } from './tokens.js';

/**
 * Ends the session that an access or refresh token belongs to (RFC 7009 §2.2): holding it is proof enough. Unknown,
 * ended and other issuers' tokens change nothing and are answered alike.
 */
export async function revokeToken(
  deps: TokenDeps & SessionDeps,
  token: string,
  client: Client,
): Promise<void> {
  const { claims, rejection } = await verifyAccessToken(deps, token);
  if (claims && rejection === undefined) return endSessionOfToken(deps, claims.sub, claims.sid, client);
  const session = claims ? undefined : await findSessionByRefreshToken(deps.db, token);
  if (session) await endSessionOfToken(deps, session.userId, session.id, client);
}
