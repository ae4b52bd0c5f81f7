import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { LONGEST_ACCESS_TOKEN_SECONDS, type Config } from '../config.js';
import type { Clock } from './clock.js';
import { isId } from './ids.js';
import type { Feed } from './revocations.js';
import type { Keyring } from './tokens/keyring.js';
import type { Rejection } from './tokens/rejection.js';
import { signJwt } from './tokens/sign.js';
import { faultOfSignature, isForService, parseOurs, type Signed } from './tokens/signature.js';

export type { SigningKeyModel as StoredKey } from '../db/models/signing-key.js';
export { openKeyring, type Keyring } from './tokens/keyring.js';
export type { Rejection } from './tokens/rejection.js';
export { compromiseKey, publishNextKey, replaceKeys } from './tokens/rotation.js';
export { listSigningKeys } from './tokens/listing.js';
export { signDelegated } from './tokens/delegated.js';
export { proveServiceJwt, signServiceJwt, type ServiceClaims } from './tokens/service-jwt.js';

/** What one of our access tokens says (RFC 9068), once its signature and form are proved. Times in seconds. */
export interface AccessClaims {
  readonly iss: string;
  readonly aud: string;
  readonly sub: string;
  readonly sid: string;
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
  /** The subject's authorization version when it was issued. */
  readonly ver: number;
  readonly amr: readonly string[];
  readonly aal: number;
  readonly scope?: string;
  readonly roles?: readonly string[];
  readonly role?: string;
  readonly username?: string;
  readonly email?: string;
}

/** `claims` are there whenever the signature is ours, also when the token is refused for another reason. */
export type Verification =
  | { readonly claims: AccessClaims; readonly rejection?: undefined }
  | { readonly rejection: Rejection; readonly claims?: AccessClaims };

export interface TokenDeps {
  keyring: Keyring;
  feed: Feed;
  clock: Clock;
  config: Config;
  verified: VerifiedTokens;
}

/**
 * Tokens whose signature this process has checked, by the end of it. Each has its exact text with it, and is taken for no other:
 * to compare two texts takes a fraction of what a digest of one does.
 */
export type VerifiedTokens = LRUCache<string, Genuine>;
interface Genuine {
  readonly text: string;
  readonly claims: AccessClaims;
  readonly kid: string;
  /** 0 where the token does not say. */
  readonly nbf: number;
}

/** How many verified tokens a process remembers; about one and a half kilobytes each. */
const REMEMBERED_TOKENS = 20_000;
/** Difference between clocks that is forgiven, in seconds. */
const TOLERANCE_SECONDS = 5;

/** In characters: 32 bytes of any signature. */
const END = 43;

export const rememberVerifiedTokens = (): VerifiedTokens => new LRUCache({ max: REMEMBERED_TOKENS });

/** Who an access token is for, as read from the database in the transaction that opens or refreshes the session. */
export interface TokenSubject {
  id: string;
  sessionId: string;
  /** No access token outlives its session. */
  sessionEndsAt: Date;
  version: number;
  username: string;
  email: string;
  /** Names, highest rank first. */
  roles: readonly string[];
  permissions: Iterable<string>;
  amr: readonly string[];
  aal: number;
}

/** Signs an access token. @returns its text and when it expires */
export async function issueAccessToken(
  deps: Pick<TokenDeps, 'keyring' | 'clock' | 'config'>,
  subject: TokenSubject,
): Promise<{ text: string; expiresAt: Date }> {
  const { issuer, audience, ttlSeconds } = deps.config.tokens;
  const iat = Math.floor(deps.clock.now() / 1000);
  const exp = Math.min(iat + ttlSeconds, Math.floor(subject.sessionEndsAt.getTime() / 1000));
  const { id: sub, sessionId: sid, version: ver, amr, aal } = subject;
  const claims = {
    iss: issuer,
    aud: audience,
    sub,
    sid,
    jti: randomUUID(),
    iat,
    exp,
    ver,
    amr: [...amr],
    aal,
    ...optionalClaims(deps.config, subject),
  };
  const text = await signJwt(deps.keyring, 'at+jwt', claims);
  return { text, expiresAt: new Date(exp * 1000) };
}

/** In characters: a token must fit into a header, and an owner carries the permissions of every application. */
const LONGEST_SCOPE = 4000;

function optionalClaims(config: Config, { roles, permissions, username, email }: TokenSubject) {
  if (config.tokens.claims === 'slim') return {};
  const scope = [...permissions].sort().join(' ');
  const authority = { ...(scope.length <= LONGEST_SCOPE ? { scope } : {}), roles: [...roles] };
  return config.tokens.claims === 'full' ? { ...authority, username, email, role: roles[0] } : authority;
}

/**
 * Says whether an access token of ours is good now. Answers at once, without a promise, for a token seen before while
 * the feed of revocations is fresh: that is the hot path of the service.
 * @throws {AuthError} SERVICE_UNAVAILABLE when revocations have not been heard for too long
 */
export function verifyAccessToken(deps: TokenDeps, text: string): Verification | Promise<Verification> {
  if (text.length > 8192) return { rejection: 'MALFORMED' };
  const known = recall(deps, text);
  if (known && deps.keyring.verifying(known.kid)) {
    return deps.feed.isFresh() ? judge(deps, known) : deps.feed.ensureFresh().then(() => judge(deps, known));
  }
  return verifySlowly(deps, text);
}

function recall({ verified }: Pick<TokenDeps, 'verified'>, text: string): Genuine | undefined {
  const known = verified.get(text.slice(-END));
  return known?.text === text ? known : undefined;
}

/** Whether this process has checked the signature of that text and found it ours. */
export const remembersToken = (deps: Pick<TokenDeps, 'verified'>, text: string): boolean =>
  recall(deps, text) !== undefined;

async function verifySlowly(deps: TokenDeps, text: string): Promise<Verification> {
  const found = await proveGenuine(deps, text);
  if (typeof found === 'string') return { rejection: found };
  deps.verified.set(text.slice(-END), found);
  await deps.feed.ensureFresh();
  return judge(deps, found);
}

/** Form, type, algorithm, key, signature, required claims: all that does not change with time. */
async function proveGenuine(deps: TokenDeps, text: string): Promise<Genuine | Rejection> {
  const compact = parseOurs(text);
  if (!compact) return 'MALFORMED';
  // A service's own (service-jwts.ts), which makes nobody a user.
  if (isForService(compact, deps.config)) return 'WRONG_TYPE';
  const fault = await faultOfSignature(deps.keyring, text, compact);
  return fault ?? readClaims(deps.config, text, compact);
}

function readClaims(config: Config, text: string, { claims, header }: Signed): Genuine | Rejection {
  const { iss, aud, sub, sid, jti, iat, exp, nbf = 0, ver = 0, roles = [] } = claims;
  if (typeof iss !== 'string' || !isText(jti) || ![sub, sid].every((id) => isText(id) && isId(id)))
    return 'MALFORMED';
  if (![iat, exp, nbf, ver].every(Number.isFinite) || !(Array.isArray(roles) && roles.every(isText)))
    return 'MALFORMED';
  if (iss !== config.tokens.issuer) return 'UNTRUSTED_ISSUER';
  if (!(Array.isArray(aud) ? aud : [aud]).includes(config.tokens.audience)) return 'WRONG_AUDIENCE';
  if ((exp as number) - (iat as number) > LONGEST_ACCESS_TOKEN_SECONDS) return 'MALFORMED';
  return {
    text,
    claims: { ver: 0, amr: [], aal: 1, ...claims } as unknown as AccessClaims,
    kid: header.kid,
    nbf: nbf as number,
  };
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** Times, the subject's state, revocation: asked anew at every use. */
function judge(deps: TokenDeps, { claims, nbf }: Genuine): Verification {
  const now = deps.clock.now() / 1000;
  if (claims.exp + TOLERANCE_SECONDS <= now) return { rejection: 'EXPIRED', claims };
  if (Math.max(claims.iat, nbf) - TOLERANCE_SECONDS > now) return { rejection: 'NOT_YET_VALID', claims };
  const status = deps.feed.subject(claims.sub)?.status;
  if (status === 'DELETED') return { rejection: 'SUBJECT_DELETED', claims };
  if (status === 'SUSPENDED') return { rejection: 'SUBJECT_DISABLED', claims };
  if (deps.feed.isSessionRevoked(claims.sid)) return { rejection: 'REVOKED', claims };
  return { claims };
}
