import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Config } from '../../config.js';
import type { Clock } from '../clock.js';
import { digestOf } from '../compact.js';
import { isId } from '../ids.js';
import type { Keyring } from './keyring.js';
import type { Rejection } from './rejection.js';
import { signJwt } from './sign.js';
import { faultOfSignature, isForService, parseOurs } from './signature.js';

/** What a JWT says that one service shows another (RFC 9068, without a session). Times in seconds. */
export interface ServiceClaims {
  readonly iss: string;
  /** Name of the service that it is for. */
  readonly aud: string;
  /** Id of the service that shows it. */
  readonly sub: string;
  /** Name of the service that shows it. */
  readonly client_id: string;
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
  readonly scope: string;
  /** Id of the service token that it was given for, and ends with. */
  readonly service_token: string;
  /** How often the service had changed its standing. */
  readonly ver: number;
}

interface ServiceJwtDeps {
  keyring: Keyring;
  clock: Clock;
  config: Config;
}

/** Between five and fifteen minutes (protocols: service tokens), where the keys that sign are trusted for so long. */
const LIFE_SECONDS = 600;
const TOLERANCE_SECONDS = 5;
const MOST_REMEMBERED = 5000;

/** Signs a JWT that ends after ten minutes, or with the service token that it is given for. @returns its text and life in seconds */
export async function signServiceJwt(
  { keyring, clock, config }: ServiceJwtDeps,
  said: Pick<ServiceClaims, 'aud' | 'sub' | 'client_id' | 'scope' | 'service_token' | 'ver'>,
  endsAt: Date | null,
): Promise<{ text: string; seconds: number }> {
  const iat = Math.floor(clock.now() / 1000);
  const life = Math.min(LIFE_SECONDS, Math.max(60, config.signingKeys.keepSeconds - 60));
  const exp = Math.min(iat + life, Math.floor((endsAt?.getTime() ?? Infinity) / 1000));
  const claims: ServiceClaims = { iss: config.tokens.issuer, ...said, jti: randomUUID(), iat, exp };
  return { text: await signJwt(keyring, 'at+jwt', claims), seconds: exp - iat };
}

interface Proved {
  readonly claims: ServiceClaims;
  readonly kid: string;
}

const proved = new WeakMap<Keyring, LRUCache<string, Proved>>();

/** Form, signature, claims and times of a service's JWT; WRONG_TYPE for what is none. */
export async function proveServiceJwt(
  deps: ServiceJwtDeps,
  text: string,
): Promise<{ claims: ServiceClaims; rejection?: Rejection } | { claims?: undefined; rejection: Rejection }> {
  if (text.length > 8192) return { rejection: 'MALFORMED' };
  const known = rememberedBy(deps.keyring);
  const digest = digestOf(text);
  let found = known.get(digest);
  if (!found || !deps.keyring.verifying(found.kid)) {
    const fresh = await prove(deps, text);
    if (typeof fresh === 'string') return { rejection: fresh };
    known.set(digest, (found = fresh));
  }
  const { claims } = found;
  const now = deps.clock.now() / 1000;
  if (claims.exp + TOLERANCE_SECONDS <= now) return { claims, rejection: 'EXPIRED' };
  return claims.iat - TOLERANCE_SECONDS > now ? { claims, rejection: 'NOT_YET_VALID' } : { claims };
}

function rememberedBy(keyring: Keyring): LRUCache<string, Proved> {
  const known = proved.get(keyring) ?? new LRUCache<string, Proved>({ max: MOST_REMEMBERED });
  proved.set(keyring, known);
  return known;
}

async function prove({ keyring, config }: ServiceJwtDeps, text: string): Promise<Proved | Rejection> {
  const compact = parseOurs(text);
  if (!compact) return 'MALFORMED';
  if (!isForService(compact, config)) return 'WRONG_TYPE';
  const fault = await faultOfSignature(keyring, text, compact);
  if (fault !== undefined) return fault;
  return isWhole(compact.claims) ? { claims: compact.claims, kid: compact.header.kid } : 'MALFORMED';
}

function isWhole(claims: object): claims is ServiceClaims {
  const { aud, sub, client_id, jti, iat, exp, scope, service_token, ver } = claims as Record<string, unknown>;
  const isNamed = [sub, jti, service_token].every((id) => typeof id === 'string' && isId(id));
  const isSaid = [aud, client_id, scope].every((text) => typeof text === 'string');
  return isNamed && isSaid && [iat, exp, ver].every(Number.isFinite);
}
