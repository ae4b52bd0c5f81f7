import type { Knex } from 'knex';
import { LRUCache } from 'lru-cache';
import { UserModel } from '../db/models/user.js';
import { AuthError, isUnavailable } from '../errors.js';
import { narrowTo, readAuthority, serviceAccessOf, type ServiceAccess, type ServiceActor } from './access.js';
import type { Client } from './client.js';
import { describedAt, INACTIVE, introspectionOf, type Introspection } from './introspected.js';
import { writeOnce } from './introspection/written.js';
import { isServiceToken, proveServiceToken } from './service-tokens.js';
import { endOf, findUsableRefreshToken, type UsableRefreshToken } from './sessions.js';
import { introspectToken, type TokenAnswer, type VerificationDeps } from './verification.js';

/** What is asked about one token, in the words of RFC 7662 §2.1; `serviceId` is ours. */
export interface IntrospectionRequest {
  token: string;
  /** Describes the subject at this service as well. */
  serviceId: string | undefined;
}

/** Who asks. */
export interface Introspector {
  actor: ServiceActor;
  client: Client;
}

/**
 * Says what a token of any kind is worth now: an access token, a refresh token, a service token or the JWT of a service.
 * Their form tells them apart, so that no hint is needed. At once, without a promise, of an access token seen before.
 * @returns an {@link Introspection} in JSON
 * @throws {AuthError} FORBIDDEN for a service that asks about another one without tokens:introspect, SERVICE_UNAVAILABLE
 */
export function introspect(
  deps: VerificationDeps,
  asker: Introspector,
  request: IntrospectionRequest,
): string | Promise<string> {
  const { token } = request;
  if (isServiceToken(token)) return ofServiceToken(deps, asker, token).then(written);
  if (token.startsWith('agr_')) return ofRefreshToken(deps, asker, request).then(written);
  const { actor, client } = asker;
  const answer = introspectToken(deps, { actor, client, bearer: undefined }, request);
  return answer instanceof Promise
    ? answer.then((found) => ofJwt(deps, found, request))
    : ofJwt(deps, answer, request);
}

const written = (introspection: Introspection): string => JSON.stringify(introspection);

/** An access token of ours or of another issuer, or the JWT of a service. */
function ofJwt(
  deps: VerificationDeps,
  answer: TokenAnswer,
  request: IntrospectionRequest,
): string | Promise<string> {
  // No verdict, and RFC 7662 has no word for that.
  if (answer.reason === 'ISSUER_UNAVAILABLE') throw new AuthError('SERVICE_UNAVAILABLE');
  const { valid, subject, service } = answer;
  if (!valid) return written(INACTIVE);
  if (subject?.type === 'SERVICE') return written(introspectionOf(answer));
  if (subject?.type !== 'USER')
    return written({ ...introspectionOf(answer), ...described(deps, request, service) });
  const username = subject.username ?? usernameOf(deps.db, subject.id);
  return username instanceof Promise
    ? username.then((found) => ofAccount(deps, answer, request, found))
    : ofAccount(deps, answer, request, username);
}

function ofAccount(
  deps: VerificationDeps,
  answer: TokenAnswer,
  request: IntrospectionRequest,
  username: string | undefined,
): string {
  // Accounts sign in at the graph and through no client: our own audience stands for one.
  const known = { client_id: deps.config.tokens.audience, username };
  if (request.serviceId === undefined)
    return writeOnce(answer, username, () => written(introspectionOf(answer, known)));
  return written({ ...introspectionOf(answer, known), ...described(deps, request, answer.service) });
}

/** What is added where a service was named. */
function described(
  { catalogue }: VerificationDeps,
  { serviceId }: IntrospectionRequest,
  access: ServiceAccess | null | undefined,
): Record<string, unknown> {
  if (serviceId === undefined) return {};
  return describedAt(catalogue.service(serviceId.toLowerCase())?.name ?? null, access);
}

async function ofRefreshToken(
  deps: VerificationDeps,
  asker: Introspector,
  request: IntrospectionRequest,
): Promise<Introspection> {
  const { serviceId } = request;
  const isFree = asker.actor.scopes.has('tokens:introspect');
  const about = serviceId?.toLowerCase() ?? (isFree ? undefined : asker.actor.id);
  if (!isFree && about !== asker.actor.id) throw new AuthError('FORBIDDEN');
  const found = await findUsableRefreshToken(deps.db, request.token);
  if (!found) return refused(deps, asker);
  const subject = { sub: found.user.id, ver: found.user.authzVersion };
  const access =
    about === undefined ? undefined : await serviceAccessOf(deps, subject, about, deps.clock.now());
  if (serviceId === undefined && about !== undefined && access?.valid !== true) return INACTIVE;
  return { ...(await tellRefreshToken(deps, found, access)), ...described(deps, request, access) };
}

function refused({ witness }: VerificationDeps, { actor, client }: Introspector): Introspection {
  witness.refused({ reason: 'REVOKED', askedBy: actor.id, client });
  return INACTIVE;
}

async function tellRefreshToken(
  deps: VerificationDeps,
  { token, session, user }: UsableRefreshToken,
  access: ServiceAccess | undefined,
): Promise<Introspection> {
  const { db, config } = deps;
  const { roles, permissions: general } = await narrowTo(deps, session, await readAuthority(db, user.id));
  const permissions = [
    ...new Set([...general, ...(access?.valid === true ? (access.role?.permissions ?? []) : [])]),
  ];
  return {
    active: true,
    scope: permissions.join(' '),
    client_id: config.tokens.audience,
    username: user.username,
    // So that nobody takes it for what opens a door.
    token_type: 'refresh_token',
    exp: seconds(endOf(session)),
    iat: seconds(token.createdAt),
    sub: user.id,
    aud: config.tokens.issuer,
    iss: config.tokens.issuer,
    jti: token.id,
    sid: session.id,
    amr: session.amr,
    aal: session.aal,
    role: roles[0] ?? null,
    roles,
    permissions,
    subject_type: 'USER',
  };
}

async function ofServiceToken(
  deps: VerificationDeps,
  { actor, client }: Introspector,
  text: string,
): Promise<Introspection> {
  const proof = await proveServiceToken(deps, text);
  if (proof.rejection !== undefined) {
    deps.witness.refused({ reason: proof.rejection, askedBy: actor.id, client });
    return INACTIVE;
  }
  const { service, token } = proof;
  const { issuer } = deps.config.tokens;
  return {
    active: true,
    scope: token.scopes.join(' '),
    client_id: service.name,
    username: service.name,
    token_type: 'Bearer',
    ...(token.expiresAt ? { exp: seconds(token.expiresAt) } : {}),
    iat: seconds(token.createdAt),
    sub: service.id,
    aud: issuer,
    iss: issuer,
    jti: token.id,
    role: null,
    roles: [],
    permissions: token.scopes,
    subject_type: 'SERVICE',
  };
}

const seconds = (moment: Date) => Math.floor(moment.getTime() / 1000);

/** A name that was changed may be told for so long, in milliseconds. */
const NAMES_FOR_MS = 60_000;
const MOST_NAMES = 20_000;
const names = new WeakMap<Knex, LRUCache<string, string>>();

/** A username that the token does not say; undefined where it cannot be had, as it is not what decides. */
function usernameOf(db: Knex, userId: string): string | Promise<string | undefined> {
  return names.get(db)?.get(userId) ?? readUsername(db, userId);
}

async function readUsername(db: Knex, userId: string): Promise<string | undefined> {
  const user = await UserModel.query(db)
    .findById(userId)
    .select('username')
    .catch((error: unknown) => {
      if (isUnavailable(error)) return undefined;
      throw error;
    });
  if (user) namesOf(db).set(userId, user.username);
  return user?.username;
}

function namesOf(db: Knex): LRUCache<string, string> {
  const known = names.get(db) ?? new LRUCache<string, string>({ max: MOST_NAMES, ttl: NAMES_FOR_MS });
  names.set(db, known);
  return known;
}
