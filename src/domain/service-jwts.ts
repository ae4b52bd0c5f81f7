import type { Knex } from 'knex';
import type { Config } from '../config.js';
import type { ServiceModel } from '../db/models/service.js';
import { transaction } from '../db/transaction.js';
import { AuthError, badInput } from '../errors.js';
import type { ServiceActor } from './access.js';
import { record } from './audit.js';
import type { Catalogue } from './catalogue.js';
import type { Client } from './client.js';
import type { Clock } from './clock.js';
import { revoke, type Feed } from './revocations.js';
import { isLive, type ServiceTokens } from './service-tokens.js';
import {
  proveServiceJwt,
  signServiceJwt,
  type Keyring,
  type Rejection,
  type ServiceClaims,
} from './tokens.js';

export interface ServiceJwtDeps {
  keyring: Keyring;
  feed: Feed;
  clock: Clock;
  config: Config;
  catalogue: Catalogue;
  serviceTokens: ServiceTokens;
}

/** What a service asks for: a JWT that it shows another service. */
export interface ServiceJwtRequest {
  /** Name or id of the service that it is for; the asking one itself unless said. */
  audience: string | undefined;
  /** Among those of its token; all of them unless said. */
  scopes: readonly string[] | undefined;
}

/** A JWT with what it says. */
export interface IssuedServiceJwt {
  text: string;
  seconds: number;
  scopes: readonly string[];
  audience: ServiceModel;
}

/**
 * Gives a service a short-lived JWT for its service token (RFC 6749 §4.4). It proves the service to the one it is for, and
 * nothing here: it is no user's access token and no service token.
 * @throws {AuthError} BAD_USER_INPUT naming `audience` or `scope`; UNAUTHENTICATED where the token has just ended
 */
export async function issueServiceJwt(
  deps: ServiceJwtDeps,
  { id, name, tokenId, scopes: held }: ServiceActor,
  request: ServiceJwtRequest,
): Promise<IssuedServiceJwt> {
  const audience = audienceOf(deps, id, request.audience);
  const scopes = [...new Set(request.scopes ?? held)].sort();
  const beyond = scopes.some((scope) => !held.has(scope));
  if (beyond) throw badInput([{ name: 'scope', message: 'Must be among the scopes of the service token.' }]);
  const service = deps.catalogue.service(id);
  const token = await deps.serviceTokens.find(tokenId);
  if (!service || !token || !isLive(token, deps.clock.now())) throw new AuthError('UNAUTHENTICATED');
  const said = {
    aud: audience.name,
    sub: id,
    client_id: name,
    scope: scopes.join(' '),
    service_token: tokenId,
    ver: service.authzVersion,
  };
  const { text, seconds } = await signServiceJwt(deps, said, token.expiresAt);
  return { text, seconds, scopes, audience };
}

/**
 * The service that a JWT is to be for.
 * @param asked its name or id; the asking one itself unless said
 * @throws {AuthError} BAD_USER_INPUT naming `audience`
 */
export function audienceOf(
  { catalogue, config }: Pick<ServiceJwtDeps, 'catalogue' | 'config'>,
  ownId: string,
  asked: string = ownId,
): ServiceModel {
  const service = catalogue.service(asked.toLowerCase()) ?? catalogue.serviceNamed(asked);
  // A service of that name could take the JWT for a user's.
  const isOurs = service?.name === config.tokens.audience;
  if (service?.status === 'ACTIVE' && !isOurs) return service;
  throw badInput([{ name: 'audience', message: 'Must be the name or id of an active service.' }]);
}

/** A live JWT of a service; or why it is not to be trusted. `claims` are there whenever the signature is ours. */
export type ServiceJwtVerification =
  | { readonly claims: ServiceClaims; readonly rejection?: undefined }
  | { readonly claims?: ServiceClaims | undefined; readonly rejection: Rejection };

/**
 * Says whether a service's JWT is good now: it ends with its service token and its service. WRONG_TYPE for what is none.
 * @throws {AuthError} SERVICE_UNAVAILABLE when revocations have not been heard for too long
 */
export async function verifyServiceJwt(deps: ServiceJwtDeps, text: string): Promise<ServiceJwtVerification> {
  const { claims, rejection } = await proveServiceJwt(deps, text);
  if (!claims) return { rejection };
  if (rejection !== undefined) return { claims, rejection };
  await deps.feed.ensureFresh();
  const fault = await faultOf(deps, claims);
  return fault === undefined ? { claims } : { claims, rejection: fault };
}

async function faultOf(
  { catalogue, feed, serviceTokens, clock }: ServiceJwtDeps,
  { sub, jti, service_token }: ServiceClaims,
): Promise<Rejection | undefined> {
  const service = catalogue.service(sub);
  if (!service) return 'SUBJECT_DELETED';
  if (service.status === 'DISABLED') return 'SUBJECT_DISABLED';
  if (feed.isSessionRevoked(jti)) return 'REVOKED';
  const token = await serviceTokens.find(service_token);
  if (token?.serviceId !== sub || token.revokedAt) return 'REVOKED';
  return isLive(token, clock.now()) ? undefined : 'EXPIRED';
}

/** Ends one JWT before its time; verifiers hear of its `jti` as they hear of sessions. */
export async function endServiceJwt(
  { db, feed }: { db: Knex; feed: Feed },
  { sub, jti, aud, service_token }: ServiceClaims,
  actor: string,
  client: Client,
): Promise<void> {
  await transaction(db, async (unit) => {
    const details = { service: sub, audience: aud };
    await record(unit.trx, client, { type: 'service_jwt.revoked', actor, subject: service_token, details });
    revoke(feed, unit, { kind: 'session', key: jti });
  });
}
