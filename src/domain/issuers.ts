import { compactVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { TrustedIssuer } from '../config/trusted-issuers.js';
import type { Clock } from './clock.js';
import { digestOf, parseCompact, type Compact } from './compact.js';
import { openKeySet, secretOnly, type Key, type KeySet } from './issuers/key-set.js';
import { readSubject, type ForeignSubject } from './issuers/subject.js';
import type { Resolve } from './outgoing.js';

export type { ForeignSubject } from './issuers/subject.js';

/** Why a token of another issuer is not trusted; ISSUER_UNAVAILABLE is no verdict on it. */
type ForeignRejection =
  | 'MALFORMED'
  | 'UNTRUSTED_SIGNATURE'
  | 'UNTRUSTED_ISSUER'
  | 'WRONG_AUDIENCE'
  | 'WRONG_TYPE'
  | 'EXPIRED'
  | 'NOT_YET_VALID'
  | 'ISSUER_UNAVAILABLE';

/** What a token of another issuer says for itself, by the names of the standards; times in seconds. */
export interface ForeignClaims {
  /** The issuer, also where the token does not name it. */
  readonly iss: string;
  /** The subject's id with us: the issuer and its name for it. */
  readonly sub: string;
  readonly aud: unknown;
  readonly exp: number;
  readonly iat?: number;
  readonly nbf?: number;
  readonly jti?: string;
  readonly client_id?: string;
}

/** A token of another issuer whose signature and form are proved. */
export interface ForeignToken {
  readonly issuer: TrustedIssuer;
  readonly subject: ForeignSubject;
  readonly claims: ForeignClaims;
}

/** `token` is there whenever the signature is good, also when it is refused for another reason. */
export type ForeignVerification =
  | { readonly token: ForeignToken; readonly rejection?: undefined }
  | { readonly rejection: ForeignRejection; readonly token?: ForeignToken };

/** The issuers that are trusted besides ours. */
export interface Issuers {
  readonly isEmpty: boolean;
  /** Undefined for what is no token of another issuer: one of ours, or nothing that names an issuer. */
  verify(text: string): ForeignVerification | Promise<ForeignVerification> | undefined;
  /** Why a text of which {@link verify} knows nothing is not trusted, where no other issuer is asked. */
  judgeForm(text: string): ForeignRejection;
  /** How old the keys are that were fetched, for each issuer that publishes them. */
  ages(): { issuer: string; ageMs: number }[];
  close(): void;
}

export interface IssuersDeps {
  issuers: readonly TrustedIssuer[];
  /** Our own issuer, whose tokens are judged elsewhere; undefined where there is none. */
  own: string | undefined;
  clock: Clock;
  log: Logger;
  /** Finds the addresses of hosts. */
  resolve?: Resolve;
  /** How many verified tokens are remembered; about a kilobyte each. */
  remembered?: number;
}

/** An issuer with its keys. */
interface Verifier {
  issuer: TrustedIssuer;
  keySet: KeySet;
}

interface Genuine {
  token: ForeignToken;
  keySet: KeySet;
  key: Key;
  /** From when on it is good: the latest of what it says; 0 where it says nothing. */
  from: number;
}

const MAX_LENGTH = 8192;
/** Unless told otherwise. */
const REMEMBERED_TOKENS = 20_000;
/** Difference between clocks that is forgiven, in seconds. */
const TOLERANCE_SECONDS = 5;

/** Gets to know the issuers; their keys are fetched in the background, and nothing waits for them. */
export function openIssuers({ issuers, own, remembered, ...deps }: IssuersDeps): Issuers {
  const verifiers = issuers.map((issuer): Verifier => {
    const { keys } = issuer;
    return { issuer, keySet: 'secret' in keys ? secretOnly(keys.secret) : openKeySet(issuer, deps) };
  });
  const named = new Map(verifiers.map((verifier) => [verifier.issuer.issuer, verifier]));
  const nameless = verifiers.find(({ issuer }) => issuer.allowMissingIssuer);
  if (nameless)
    deps.log.warn(
      { issuer: nameless.issuer.issuer },
      'tokens without iss and aud are taken for this issuer’s: whoever has its secret can make them for anybody',
    );
  const verified = new LRUCache<string, Genuine>({ max: remembered ?? REMEMBERED_TOKENS });
  const prove = async (text: string, compact: Compact, verifier: Verifier): Promise<ForeignVerification> => {
    const found = await proveGenuine(deps.clock, text, compact, verifier);
    if (typeof found === 'string') return { rejection: found };
    verified.set(digestOf(text), found);
    return judge(deps.clock, found);
  };
  return {
    isEmpty: verifiers.length === 0,
    verify(text) {
      if (text.length > MAX_LENGTH) return undefined;
      const known = verified.get(digestOf(text));
      if (known?.keySet.holds(known.key) === true) return judge(deps.clock, known);
      const compact = parseCompact(text);
      const iss = compact?.claims['iss'];
      if (!compact || (iss === own && own !== undefined)) return undefined;
      const verifier = iss === undefined ? nameless : named.get(iss as string);
      if (verifier) return prove(text, compact, verifier);
      return typeof iss === 'string' ? { rejection: 'UNTRUSTED_ISSUER' } : undefined;
    },
    judgeForm: (text) => (parseCompact(text)?.claims['iss'] === undefined ? 'MALFORMED' : 'UNTRUSTED_ISSUER'),
    ages: () =>
      verifiers.flatMap(({ issuer: { issuer }, keySet }) => {
        const ageMs = keySet.ageMs();
        return ageMs === undefined ? [] : [{ issuer, ageMs }];
      }),
    close() {
      for (const { keySet } of verifiers) keySet.close();
    },
  };
}

/** Form, type, algorithm, key, signature, claims: all that does not change with time. */
async function proveGenuine(
  clock: Clock,
  text: string,
  { header, claims }: Compact,
  { issuer, keySet }: Verifier,
): Promise<Genuine | ForeignRejection> {
  const { alg, kid, typ = '' } = header;
  if (!issuer.types.includes(typ.toLowerCase())) return 'WRONG_TYPE';
  if (!issuer.algorithms.includes(alg)) return 'UNTRUSTED_SIGNATURE';
  const key = await keySet.find(kid, alg);
  if (typeof key === 'string') return key;
  try {
    await compactVerify(text, key.key, { algorithms: [alg] });
  } catch {
    return 'UNTRUSTED_SIGNATURE';
  }
  const read = readClaims(issuer, claims, clock.now() / 1000);
  return typeof read === 'string' ? read : { ...read, keySet, key };
}

/** What Keycloak writes into tokens that are no access tokens, as their claim `typ`. */
const OTHER_KINDS: ReadonlySet<unknown> = new Set(['ID', 'Refresh', 'Offline', 'Logout']);
/** Claims of ID tokens (OpenID Connect Core 1.0 §3.3.2.11), and of logout tokens and other news. */
const OF_ID_TOKENS = ['at_hash', 'c_hash'];
const OF_NEWS = 'events';

function readClaims(
  issuer: TrustedIssuer,
  claims: Record<string, unknown>,
  now: number,
): Pick<Genuine, 'token' | 'from'> | ForeignRejection {
  const { aud, exp, iat, nbf = 0 } = claims;
  const times = [exp, iat ?? 0, nbf];
  if (issuer.requiredClaims.some((name) => isMissing(claims[name])) || !times.every(Number.isFinite))
    return 'MALFORMED';
  if (aud !== undefined && !asList(aud).some((one) => issuer.audiences.includes(one as string)))
    return 'WRONG_AUDIENCE';
  const isIdToken = claims['typ'] === 'ID' || OF_ID_TOKENS.some((name) => Object.hasOwn(claims, name));
  if ((isIdToken && !issuer.allowIdTokens) || Object.hasOwn(claims, OF_NEWS)) return 'WRONG_TYPE';
  if (!isIdToken && OTHER_KINDS.has(claims['typ'])) return 'WRONG_TYPE';
  // Without iat, what is left of its life at the first sight of it.
  const life = (exp as number) - ((iat as number | undefined) ?? now + TOLERANCE_SECONDS);
  const subject = readSubject(issuer, claims);
  if (!subject || life > issuer.maxLifeSeconds) return 'MALFORMED';
  const from = Math.max((iat as number | undefined) ?? 0, nbf as number);
  return { token: { issuer, subject, claims: tellable(issuer, subject, claims) }, from };
}

function tellable(
  { issuer: iss }: TrustedIssuer,
  { id: sub }: ForeignSubject,
  { aud, exp, iat, nbf, jti, client_id, azp }: Record<string, unknown>,
): ForeignClaims {
  const named = { iat, nbf, jti: asText(jti), client_id: asText(client_id) ?? asText(azp) };
  const told = Object.entries(named).filter(([, value]) => value !== undefined && value !== null);
  return { iss, sub, aud, exp: exp as number, ...Object.fromEntries(told) };
}

const asText = (value: unknown) => (typeof value === 'string' && value.length <= 255 ? value : undefined);
const isMissing = (value: unknown) => value === undefined || value === null || value === '';
const asList = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value]);

/** Times: asked anew at every use. */
function judge(clock: Clock, { token, from }: Genuine): ForeignVerification {
  const now = clock.now() / 1000;
  if (token.claims.exp + TOLERANCE_SECONDS <= now) return { rejection: 'EXPIRED', token };
  if (from - TOLERANCE_SECONDS > now) return { rejection: 'NOT_YET_VALID', token };
  return { token };
}
