import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { TokenRejection, TokenVerification } from './answers.js';
import { readClaims, type Expected, type Genuine } from './claims.js';
import { MAX_TOKEN_LENGTH, parseCompact, protectedOf } from './compact.js';
import type { Feed } from './feed.js';
import type { Keys } from './keys.js';

/** What a look at a token alone can say: ours and genuine, refused for good, or for the service to say. */
export type Finding = Genuine | TokenRejection | 'ASK';

/** What is needed to prove tokens here. */
export interface LocalDeps {
  readonly keys: Keys;
  /** Undefined until it is known what to expect. */
  readonly expected: () => Expected | undefined;
  /** Whether tokens of other issuers are for the service to judge. */
  readonly asksForeign: (issuer: unknown) => boolean;
  readonly remembered: number;
}

/**
 * A token that was proved, and the latest news in whose light nothing spoke against it. What every hit needs lies side by
 * side: with thousands of tokens, each further object looked at is one that is not in the processor's cache.
 */
export interface Proved {
  clearedAt: number;
  /** Wall clock, in milliseconds, tolerance included: good before the one and from the other on. */
  readonly endsAt: number;
  readonly beginsAt: number;
  readonly answer: TokenVerification;
  readonly genuine: Genuine;
}

/** Proves tokens without asking anybody, and remembers those that it proved. */
export interface Local {
  /** A token that was proved before. */
  readonly known: (digest: string) => Proved | undefined;
  /** Whether the key that it was signed with is still one of the service's. */
  readonly isKeyTrusted: (token: Genuine) => boolean;
  readonly prove: (text: string, digest: string) => Finding | Promise<Finding>;
}

/** Difference between clocks that is forgiven, in seconds. */
const TOLERANCE_SECONDS = 5;
const ACCESS_TOKEN_TYPES = new Set(['at+jwt', 'application/at+jwt']);

/** What a cache of tokens is keyed by: the exact text, and nothing that could be read from it. */
export function digestOf(text: string): string {
  if (text === latestText) return latestDigest;
  latestText = text;
  return (latestDigest = hash('sha256', text, 'base64'));
}

/** The same token is often looked at several times in a row. */
let latestText = '';
let latestDigest = hash('sha256', '', 'base64');

/** Opens local verification; the order of the checks is that of the service. */
export function openLocal({ keys, expected, asksForeign, remembered }: LocalDeps): Local {
  const proved = new LRUCache<string, Proved>({ max: remembered });
  return {
    known: (digest) => proved.get(digest),
    isKeyTrusted: ({ kid }) => keys.get(kid) !== undefined,
    prove(text, digest) {
      if (text.length > MAX_TOKEN_LENGTH) return 'MALFORMED';
      const token = parseCompact(text);
      if (!token) return 'MALFORMED';
      const whom = expected();
      if (!whom || !keys.isSure()) return 'ASK';
      if (token.claims['iss'] !== whom.issuer && asksForeign(token.claims['iss'])) return 'ASK';
      const head = protectedOf(token);
      if (!head) return 'MALFORMED';
      if (!ACCESS_TOKEN_TYPES.has(head.typ ?? '')) return 'WRONG_TYPE';
      const finish = (key: ReturnType<Keys['get']>): Finding => {
        if (key?.algorithm !== head.alg || !key.verifies(token)) return 'UNTRUSTED_SIGNATURE';
        const genuine = readClaims(token.claims, head.kid, whom);
        if (typeof genuine !== 'string') proved.set(digest, provedFrom(genuine));
        return genuine;
      };
      const key = keys.get(head.kid);
      return key ? finish(key) : keys.seek(head.kid).then(finish);
    },
  };
}

const provedFrom = (genuine: Genuine): Proved => ({
  clearedAt: -1,
  endsAt: (genuine.expiresAt + TOLERANCE_SECONDS) * 1000,
  beginsAt: (genuine.notBefore - TOLERANCE_SECONDS) * 1000,
  answer: genuine.answer,
  genuine,
});

/** Whether its time is now; asked anew at every use. `now` in seconds. */
export function judgeTimes({ expiresAt, notBefore }: Genuine, now: number): TokenRejection | undefined {
  if (expiresAt + TOLERANCE_SECONDS <= now) return 'EXPIRED';
  return notBefore - TOLERANCE_SECONDS > now ? 'NOT_YET_VALID' : undefined;
}

/** The subject's state and revocation, by what was heard. */
export function judgeStanding(
  { subjectId, endedBy, serviceTokenId }: Genuine,
  feed: Feed,
): TokenRejection | undefined {
  const status = feed.subject(subjectId)?.status;
  if (status === 'DELETED') return 'SUBJECT_DELETED';
  if (status === 'SUSPENDED') return 'SUBJECT_DISABLED';
  const isEnded = serviceTokenId !== undefined && feed.isServiceTokenRevoked(serviceTokenId);
  return isEnded || feed.isSessionRevoked(endedBy) ? 'REVOKED' : undefined;
}

/** Whether what a token says of its subject's roles and permissions, or of a service and its scopes, is so now, as far as was heard. */
export function isCurrent(
  { isWhole, version, subjectId, issuedAt, serviceTokenId }: Genuine,
  feed: Feed,
): boolean {
  if (!isWhole || version < (feed.subject(subjectId)?.version ?? 0)) return false;
  const { at } = feed.changes(serviceTokenId === undefined ? 'roles' : 'serviceTokens');
  return at === 0 || issuedAt > at + TOLERANCE_SECONDS;
}
