import { AuthError, badInput } from '../errors.js';
import {
  authorityOf,
  serviceAccessOf,
  type AccessDeps,
  type SessionAuthority,
  type ServiceAccess,
} from './access.js';
import { answerForeign, type ForeignQuestion } from './foreign-tokens.js';
import type { ForeignClaims, Issuers } from './issuers.js';
import type { Meters } from './meters.js';
import { verifyServiceJwt, type ServiceJwtDeps } from './service-jwts.js';
import {
  remembersToken,
  verifyAccessToken,
  type AccessClaims,
  type Rejection,
  type ServiceClaims,
  type TokenDeps,
  type Verification,
} from './tokens.js';
import { refuse, requireMayAsk, type Asker } from './verdict.js';
import { within } from './tracing.js';
import { accountAnswer } from './verification/account-answer.js';
import type { Witness } from './witness.js';

export interface VerificationDeps extends TokenDeps, AccessDeps, ServiceJwtDeps {
  issuers: Issuers;
  witness: Witness;
  meters: Pick<Meters, 'verified'>;
}

/** What is asked about one token. */
export interface TokenQuestion {
  token: string;
  /** Asks as well for access to this service. */
  serviceId?: string | null | undefined;
  /** A service, too, asks about the token alone where it names none. */
  tokenOnly?: boolean | null | undefined;
  /** Permissions that the subject must all have. */
  requires?: readonly string[] | null | undefined;
}

/** A {@link TokenQuestion} with the service that it is really about, in lower case. */
type Question = TokenQuestion & {
  serviceId: string | undefined;
  /** That the subject has no access to that service is no reason for a no. */
  isTolerant?: boolean;
};

/** What a verification answers; data, whatever the token is like. */
export interface TokenAnswer {
  valid: boolean;
  reason: Rejection | null;
  subject: TokenSubjectAnswer | null;
  /** What the subject is at the service that was asked about; also where that is why the answer is no. */
  service: ServiceAccess | null;
  sessionId: string | null;
  issuer: string | null;
  scopes: readonly string[];
  expiresAt: Date | null;
  /** What the token itself says; null unless valid. */
  claims: AccessClaims | ServiceClaims | ForeignClaims | null;
}

interface TokenSubjectAnswer {
  id: string;
  type: 'USER' | 'SERVICE' | 'EXTERNAL';
  /** Another issuer's own name for its subject. */
  externalId?: string;
  username: string | null;
  email: string | null;
  role: string | null;
  roles: readonly string[];
  permissions: readonly string[];
}

const MOST_AT_ONCE = 100;
const MOST_REQUIRED = 100;

/**
 * Says whether a token may be trusted now, and for what is asked. From memory, without a promise, on the hot path.
 * @throws {AuthError} BAD_USER_INPUT, FORBIDDEN for an account that asks about somebody else's token without
 *   tokens:introspect and for a service that asks about another one,
 *   SERVICE_UNAVAILABLE when nothing can be said for certain
 */
export function verifyToken(
  deps: VerificationDeps,
  asker: Asker,
  question: TokenQuestion,
): TokenAnswer | Promise<TokenAnswer> {
  if ((question.requires?.length ?? 0) > MOST_REQUIRED)
    throw badInput([{ name: 'requires', message: `Must have at most ${MOST_REQUIRED} permissions.` }]);
  const { token, tokenOnly, requires } = question;
  // Written out, as a copy by spreading takes longer than the verification.
  const precise = { token, serviceId: serviceOf(asker, question), tokenOnly, requires };
  return counted(deps, () => verify(deps, asker, precise, question));
}

/**
 * {@link verifyToken} for introspection (RFC 7662): a service with tokens:introspect that names no service asks about the token
 * alone; one that is named is described, and that the subject has no access to it is no reason to call the token inactive.
 * @throws {AuthError} FORBIDDEN for a service that asks about another one, SERVICE_UNAVAILABLE
 */
export function introspectToken(
  deps: VerificationDeps,
  asker: Asker,
  { token, serviceId }: TokenQuestion,
): TokenAnswer | Promise<TokenAnswer> {
  const isNamed = typeof serviceId === 'string';
  const isFree = asker.actor.kind === 'service' && asker.actor.scopes.has('tokens:introspect');
  const about = isNamed || !isFree ? serviceOf(asker, { token, serviceId }) : undefined;
  return counted(deps, () => verify(deps, asker, { token, serviceId: about, isTolerant: isNamed }));
}

function counted(
  deps: Pick<VerificationDeps, 'meters'>,
  work: () => TokenAnswer | Promise<TokenAnswer>,
): TokenAnswer | Promise<TokenAnswer> {
  const count = (answer: TokenAnswer) => {
    deps.meters.verified(answer.reason ?? 'VALID');
    return answer;
  };
  const answer = within('verification.verify', work);
  return answer instanceof Promise ? answer.then(count) : count(answer);
}

/** @param elsewhere the question where the token is another issuer's */
function verify(
  deps: VerificationDeps,
  asker: Asker,
  precise: Question,
  elsewhere: ForeignQuestion = precise,
): TokenAnswer | Promise<TokenAnswer> {
  const foreign = verifyElsewhere(deps, precise.token);
  if (foreign)
    return foreign instanceof Promise
      ? foreign.then((found) => answerForeign(deps, asker, elsewhere, found))
      : answerForeign(deps, asker, elsewhere, foreign);
  const verification = verifyAccessToken(deps, precise.token);
  return verification instanceof Promise
    ? verification.then((found) => answer(deps, asker, precise, found))
    : answer(deps, asker, precise, verification);
}

/** Asks the issuer that a token names, where it is another one; one that was found ours before is asked about no further. */
const verifyElsewhere = (deps: VerificationDeps, token: string) =>
  deps.issuers.isEmpty || remembersToken(deps, token) ? undefined : deps.issuers.verify(token);

/** Up to 100 answers in the order of the questions; all are looked at, whatever comes of one. @throws {AuthError} as {@link verifyToken} */
export function verifyTokens(
  deps: VerificationDeps,
  asker: Asker,
  questions: readonly TokenQuestion[],
): TokenAnswer[] | Promise<TokenAnswer[]> {
  if (questions.length > MOST_AT_ONCE)
    throw badInput([{ name: 'requests', message: `Must have at most ${MOST_AT_ONCE} entries.` }]);
  const answers = questions.map((question) => attempt(deps, asker, question));
  return answers.every((one): one is TokenAnswer => !(one instanceof Promise))
    ? answers
    : Promise.all(answers.map(async (one) => one));
}

function attempt(
  deps: VerificationDeps,
  asker: Asker,
  question: TokenQuestion,
): TokenAnswer | Promise<TokenAnswer> {
  try {
    return verifyToken(deps, asker, question);
  } catch (error) {
    return Promise.reject(error instanceof Error ? error : new Error(String(error)));
  }
}

function answer(
  deps: VerificationDeps,
  asker: Asker,
  question: Question,
  found: Verification,
): TokenAnswer | Promise<TokenAnswer> {
  if (found.rejection === 'WRONG_TYPE') return answerForService(deps, asker, question);
  requireMayAskOf(asker, question.token, found.claims?.sub);
  const { claims } = found;
  if (found.rejection !== undefined || !claims)
    return refused(deps, asker, question, claims, found.rejection ?? 'MALFORMED');
  const authority = authorityOf(deps, claims);
  const access =
    question.serviceId === undefined
      ? undefined
      : serviceAccessOf(deps, claims, question.serviceId, deps.clock.now());
  if (authority instanceof Promise || access instanceof Promise)
    return Promise.all([authority, access]).then((known) => decide(deps, asker, question, claims, ...known));
  return decide(deps, asker, question, claims, authority, access);
}

/** A holder may ask about its own tokens; what is no token of ours tells nothing about anybody. */
function requireMayAskOf(asker: Asker, token: string, subject: string | undefined): void {
  const { actor } = asker;
  if (subject !== undefined) requireMayAsk(asker, token, actor.kind === 'user' && subject === actor.id);
}

/** Which service is asked about: one that asks means itself, and only with tokens:introspect another one. */
function serviceOf({ actor }: Asker, { serviceId, tokenOnly }: TokenQuestion): string | undefined {
  const asked = serviceId?.toLowerCase();
  if (actor.kind !== 'service' || (asked === undefined && tokenOnly === true)) return asked;
  if (asked === undefined || asked === actor.id || actor.scopes.has('tokens:introspect'))
    return asked ?? actor.id;
  throw new AuthError('FORBIDDEN', { message: 'A service may only ask about itself.' });
}

function decide(
  deps: VerificationDeps,
  asker: Asker,
  question: Question,
  claims: AccessClaims,
  authority: SessionAuthority,
  given: ServiceAccess | undefined,
): TokenAnswer {
  // Good to set a second factor up with, and to no service for anything.
  const access = authority.withheld === undefined ? given : undefined;
  const isAsked = question.serviceId !== undefined && question.isTolerant !== true;
  const isShut = isAsked && access?.valid !== true;
  const permissions =
    access?.role && access.valid
      ? new Set([...authority.permissions, ...access.role.permissions])
      : authority.permissions;
  const isLacking = question.requires?.some((permission) => !permissions.has(permission)) === true;
  if (isShut || isLacking)
    return refused(
      deps,
      asker,
      question,
      claims,
      isShut ? 'NO_SERVICE_ACCESS' : 'MISSING_PERMISSION',
      access,
    );
  // An id that no service has is the caller's own word.
  deps.witness.accepted({ accountId: claims.sub, serviceId: access?.service.id ?? null });
  const answer = accountAnswer(claims, authority);
  return access ? atService(answer, access, [...permissions]) : answer;
}

/** The same, of an account that has access to the service that was asked about. */
function atService(
  { subject, sessionId, issuer, expiresAt, claims }: ReturnType<typeof accountAnswer>,
  service: ServiceAccess,
  permissions: readonly string[],
): TokenAnswer {
  return {
    valid: true,
    reason: null,
    subject: { ...subject, permissions },
    service,
    sessionId,
    issuer,
    scopes: permissions,
    expiresAt,
    claims,
  };
}

/** The token may be one that a service shows another (service-jwts.ts): good at the service that it is for. */
async function answerForService(
  deps: VerificationDeps,
  asker: Asker,
  question: Question,
): Promise<TokenAnswer> {
  const { claims, rejection } = await verifyServiceJwt(deps, question.token);
  requireMayAskOf(asker, question.token, claims?.sub);
  if (rejection !== undefined) return refused(deps, asker, question, claims, rejection);
  const fault = faultAt(deps, asker, question, claims);
  if (fault !== undefined) return refused(deps, asker, question, claims, fault);
  const scopes = scopesOf(claims);
  const { sub: id, client_id: username, iss: issuer } = claims;
  const none = { email: null, role: null, roles: [] };
  return {
    valid: true,
    reason: null,
    subject: { id, type: 'SERVICE', username, ...none, permissions: scopes },
    service: null,
    sessionId: null,
    issuer,
    scopes,
    expiresAt: new Date(claims.exp * 1000),
    claims,
  };
}

const scopesOf = ({ scope }: ServiceClaims): string[] => scope.split(' ').filter((one) => one !== '');

/** It was made for one service: another one that asks about the token alone was shown what is not meant for it. */
function faultAt(
  { catalogue }: VerificationDeps,
  { actor }: Asker,
  { serviceId, tokenOnly, requires }: Question,
  claims: ServiceClaims,
): Rejection | undefined {
  const about = serviceId ?? (tokenOnly === true && actor.kind === 'service' ? actor.id : undefined);
  if (about !== undefined && catalogue.service(about)?.name !== claims.aud) return 'WRONG_AUDIENCE';
  const scopes = new Set(scopesOf(claims));
  return requires?.every((permission) => scopes.has(permission)) === false ? 'MISSING_PERMISSION' : undefined;
}

const refused = (
  deps: VerificationDeps,
  asker: Asker,
  { serviceId }: Question,
  claims: { sub: string } | undefined,
  reason: Rejection,
  access?: ServiceAccess,
): TokenAnswer => refuse(deps, asker, { reason, subject: claims?.sub, serviceId, access });
