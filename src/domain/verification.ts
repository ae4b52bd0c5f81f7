import { AuthError, badInput } from '../errors.js';
import { authorityOf, type AccessDeps, type Actor, type Authority } from './access.js';
import {
  verifyAccessToken,
  type AccessClaims,
  type Rejection,
  type TokenDeps,
  type Verification,
} from './tokens.js';

export interface VerificationDeps extends TokenDeps, AccessDeps {}

/** What is asked about one token. */
export interface TokenQuestion {
  token: string;
  /** Asks as well for access to this service. */
  serviceId?: string | null | undefined;
  /** Permissions that the subject must all have. */
  requires?: readonly string[] | null | undefined;
}

/** What a verification answers; data, whatever the token is like. */
export interface TokenAnswer {
  valid: boolean;
  reason: Rejection | null;
  subject: TokenSubjectAnswer | null;
  sessionId: string | null;
  issuer: string | null;
  scopes: readonly string[];
  expiresAt: Date | null;
}

interface TokenSubjectAnswer {
  id: string;
  type: 'USER';
  username: string | null;
  email: string | null;
  role: string | null;
  roles: readonly string[];
  permissions: readonly string[];
}

/** Who asks, and with which bearer token. */
export interface Asker {
  actor: Actor;
  bearer: string | undefined;
}

const MOST_AT_ONCE = 100;
const MOST_REQUIRED = 100;

/**
 * Says whether a token may be trusted now, and for what is asked. From memory, without a promise, on the hot path.
 * @throws {AuthError} BAD_USER_INPUT, FORBIDDEN for an account that asks about somebody else's token without tokens:introspect,
 *   SERVICE_UNAVAILABLE when nothing can be said for certain
 */
export function verifyToken(
  deps: VerificationDeps,
  asker: Asker,
  question: TokenQuestion,
): TokenAnswer | Promise<TokenAnswer> {
  if ((question.requires?.length ?? 0) > MOST_REQUIRED)
    throw badInput([{ name: 'requires', message: `Must have at most ${MOST_REQUIRED} permissions.` }]);
  const verification = verifyAccessToken(deps, question.token);
  return verification instanceof Promise
    ? verification.then((found) => answer(deps, asker, question, found))
    : answer(deps, asker, question, verification);
}

/** Up to 100 answers in the order of the questions. @throws {AuthError} as {@link verifyToken} */
export async function verifyTokens(
  deps: VerificationDeps,
  asker: Asker,
  questions: readonly TokenQuestion[],
): Promise<TokenAnswer[]> {
  if (questions.length > MOST_AT_ONCE)
    throw badInput([{ name: 'requests', message: `Must have at most ${MOST_AT_ONCE} entries.` }]);
  return Promise.all(questions.map(async (question) => verifyToken(deps, asker, question)));
}

function answer(
  deps: VerificationDeps,
  asker: Asker,
  question: TokenQuestion,
  found: Verification,
): TokenAnswer | Promise<TokenAnswer> {
  requireMayAsk(asker, question.token, found);
  if (found.rejection !== undefined) return rejected(found.rejection);
  const { claims } = found;
  const authority = authorityOf(deps, claims);
  return authority instanceof Promise
    ? authority.then((known) => decide(question, claims, known))
    : decide(question, claims, authority);
}

/** A holder may ask about its own tokens; what is no token of ours tells nothing about anybody. */
function requireMayAsk({ actor, bearer }: Asker, token: string, found: Verification): void {
  const isOwn = actor.kind === 'user' && found.claims?.sub === actor.id;
  if (actor.kind === 'gateway' || bearer === token || isOwn || found.claims === undefined) return;
  if (actor.kind === 'user' && actor.permissions.has('tokens:introspect')) return;
  throw new AuthError(actor.kind === 'user' ? 'FORBIDDEN' : 'UNAUTHENTICATED');
}

function decide(
  { serviceId, requires }: TokenQuestion,
  claims: AccessClaims,
  authority: Authority,
): TokenAnswer {
  // Nobody has been given access to any service yet: access is denied unless granted.
  if (serviceId !== null && serviceId !== undefined) return rejected('NO_SERVICE_ACCESS');
  if (requires?.some((permission) => !authority.permissions.has(permission)))
    return rejected('MISSING_PERMISSION');
  const permissions = [...authority.permissions];
  return {
    valid: true,
    reason: null,
    subject: {
      id: claims.sub,
      type: 'USER',
      username: claims.username ?? null,
      email: claims.email ?? null,
      role: authority.roles[0] ?? null,
      roles: authority.roles,
      permissions,
    },
    sessionId: claims.sid,
    issuer: claims.iss,
    scopes: permissions,
    expiresAt: new Date(claims.exp * 1000),
  };
}

function rejected(reason: Rejection): TokenAnswer {
  return { valid: false, reason, subject: null, sessionId: null, issuer: null, scopes: [], expiresAt: null };
}
