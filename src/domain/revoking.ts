import { LONGEST_ACCESS_TOKEN_SECONDS } from '../config.js';
import type { ServiceActor } from './access.js';
import type { Client } from './client.js';
import { endServiceJwt, verifyServiceJwt, type ServiceJwtDeps } from './service-jwts.js';
import { endShownServiceToken, isServiceToken, proveServiceToken } from './service-tokens.js';
import { endSessionOfToken, findSessionByRefreshToken, type SessionDeps } from './sessions.js';
import { verifyAccessToken, type Rejection, type TokenDeps } from './tokens.js';
import type { Witness } from './witness.js';

type RevokingDeps = TokenDeps & SessionDeps & ServiceJwtDeps;

/**
 * Ends the session that an access or refresh token belongs to (RFC 7009 §2.2): holding it is proof enough. Unknown,
 * ended and other issuers' tokens change nothing and are answered alike.
 * @param service that holds it, and may end its own tokens so
 */
export async function revokeToken(
  deps: RevokingDeps,
  token: string,
  client: Client,
  service?: ServiceActor,
): Promise<void> {
  const owner = service && (await endServices(deps, service, token, client));
  if (owner === undefined) await endSessionOf(deps, token, client, service?.id);
}

/**
 * The same at the doors of OAuth, where holding a token is not enough: a service ends its own, and with tokens:revoke any of
 * ours. For all others nothing changes and nothing is told (RFC 7009 §2.2); the witness hears of it.
 */
export async function revokeForService(
  deps: RevokingDeps & { witness: Witness },
  service: ServiceActor,
  token: string,
  client: Client,
): Promise<void> {
  const owner = await endServices(deps, service, token, client);
  if (owner === service.id) return;
  if (!service.scopes.has('tokens:revoke'))
    return deps.witness.denied({ actor: service.id, field: '/oauth/revoke', code: 'FORBIDDEN', client });
  if (owner === undefined) await endSessionOf(deps, token, client, service.id);
}

async function endSessionOf(
  deps: RevokingDeps,
  token: string,
  client: Client,
  actor: string | undefined,
): Promise<void> {
  const { claims, rejection } = await verifyAccessToken(deps, token);
  if (claims && (rejection === undefined || isOnlyMistimed(deps, rejection, claims.exp)))
    return endSessionOfToken(deps, claims.sub, claims.sid, client, actor);
  const session = claims ? undefined : await findSessionByRefreshToken(deps.db, token);
  if (session) await endSessionOfToken(deps, session.userId, session.id, client, actor);
}

/**
 * A client that slept has a token that is over and a session that is not; and a clock may be wrong, this one or that of who
 * signed. Much older ones, as lie about in logs, sign nobody out.
 */
const isOnlyMistimed = ({ clock }: RevokingDeps, rejection: Rejection, exp: number): boolean =>
  (rejection === 'EXPIRED' || rejection === 'NOT_YET_VALID') &&
  clock.now() / 1000 < exp + LONGEST_ACCESS_TOKEN_SECONDS;

/** Ends a service token, or a JWT of a service, where this service may. @returns the id of the service it is of; undefined for any other token */
async function endServices(
  deps: RevokingDeps,
  { id, scopes }: ServiceActor,
  text: string,
  client: Client,
): Promise<string | undefined> {
  const mayEnd = (owner: string) => owner === id || scopes.has('tokens:revoke');
  if (isServiceToken(text)) {
    const proof = await proveServiceToken(deps, text);
    if (proof.rejection !== undefined) return id;
    const owner = proof.service.id;
    if (mayEnd(owner)) await endShownServiceToken(deps, proof.token, id, client);
    return owner;
  }
  const { claims, rejection } = await verifyServiceJwt(deps, text);
  if (claims && rejection === undefined && mayEnd(claims.sub)) await endServiceJwt(deps, claims, id, client);
  return claims?.sub;
}
