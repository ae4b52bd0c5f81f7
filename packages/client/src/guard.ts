import {
  refusal,
  type Question,
  type ServiceAccess,
  type Subject,
  type TokenRejection,
  type TokenVerification,
} from './answers.js';
import type { AuthClient } from './client.js';
import { AuthClientError } from './errors.js';

/** Who makes a request, once the token is proved. */
export interface Auth {
  readonly subject: Subject;
  /** The token itself, to pass on. */
  readonly token: string;
  readonly sessionId: string | null;
  readonly issuer: string | null;
  readonly scopes: readonly string[];
  /** What the subject is at the service that was asked about. */
  readonly service: ServiceAccess | null;
  /** RFC 3339. */
  readonly expiresAt: string | null;
}

/** What a request must prove: a good token, and what is asked of it. */
export interface Rule extends Question {
  /** Takes a service that speaks for itself, too: otherwise only people. */
  readonly allowServices?: boolean | undefined;
}

const BEARER = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i;

/**
 * Who makes a request, by the bearer token of its Authorization header and nothing else.
 * @param authorization the header as it came; a list, where it came more than once, is nobody's
 * @throws {AuthClientError} UNAUTHENTICATED, ACCOUNT_DELETED, ACCOUNT_SUSPENDED, FORBIDDEN, SERVICE_UNAVAILABLE
 */
export async function authenticate(
  client: Pick<AuthClient, 'verify'>,
  authorization: string | readonly string[] | null | undefined,
  rule: Rule = {},
): Promise<Auth> {
  const token = bearerIn(authorization);
  const answer = await client.verify(token, rule);
  if (!answer.valid || !answer.subject) throw refused(answer, rule);
  if (answer.subject.type === 'SERVICE' && rule.allowServices !== true)
    throw refused(refusal('WRONG_TYPE'), rule);
  const { subject, sessionId, issuer, scopes, service, expiresAt } = answer;
  return { subject, token, sessionId, issuer, scopes, service, expiresAt };
}

/** The token of an Authorization header. @throws {AuthClientError} UNAUTHENTICATED */
export function bearerIn(authorization: string | readonly string[] | null | undefined): string {
  if (authorization === undefined || authorization === null)
    throw new AuthClientError('UNAUTHENTICATED', 'Sign in: a bearer token is needed.');
  const header =
    typeof authorization === 'string'
      ? authorization
      : authorization.length === 1
        ? authorization[0]
        : undefined;
  const token = header === undefined ? undefined : BEARER.exec(header)?.[1];
  if (token === undefined)
    throw new AuthClientError('UNAUTHENTICATED', 'The Authorization header holds no single bearer token.', {
      reason: 'MALFORMED',
    });
  return token;
}

/** What is told of a refusal, by its reason; the rest is UNAUTHENTICATED. */
const TOLD: Partial<Record<TokenRejection, readonly [code: string, message: string]>> = {
  SUBJECT_DELETED: ['ACCOUNT_DELETED', 'Your account has been deleted. You have been logged out.'],
  SUBJECT_DISABLED: ['ACCOUNT_SUSPENDED', 'Your account is suspended.'],
  NO_SERVICE_ACCESS: ['FORBIDDEN', 'You have no access to this service.'],
  MISSING_PERMISSION: ['FORBIDDEN', 'You may not do this.'],
  // No verdict: whoever is told to sign in again would do so for nothing.
  ISSUER_UNAVAILABLE: ['SERVICE_UNAVAILABLE', 'Who issued this token cannot be asked right now. Try again.'],
};
const SECONDS_UNTIL_RETRY = 5;

function refused({ reason }: TokenVerification, { requires }: Rule): AuthClientError {
  const [code, message] = TOLD[reason ?? 'MALFORMED'] ?? [
    'UNAUTHENTICATED',
    'The token is not good any more.',
  ];
  const retryAfterSeconds = code === 'SERVICE_UNAVAILABLE' ? SECONDS_UNTIL_RETRY : undefined;
  return new AuthClientError(code, message, { reason: reason ?? 'MALFORMED', requires, retryAfterSeconds });
}

/** Whoever has an id: a subject, or what is known of one. */
type Somebody = Pick<Subject, 'id'> & Partial<Pick<Subject, 'type' | 'permissions'>>;

/**
 * Own data, to its owner only. Subjects of other issuers are `issuer#name`, and so never somebody else.
 * @throws {AuthClientError} FORBIDDEN; UNAUTHENTICATED where there is no subject
 */
export function requireSelf(subject: Somebody | null | undefined, ownerId: string | null | undefined): void {
  if (!subject) throw new AuthClientError('UNAUTHENTICATED', 'Sign in to do this.');
  const isSelf = subject.type !== 'SERVICE' && !!ownerId && subject.id === ownerId;
  if (!isSelf) throw new AuthClientError('FORBIDDEN', 'This is not yours.');
}

/** Own data, to its owner and to holders of a permission. @returns what throws as {@link requireSelf} for all others */
export function requireSelfOr(
  permission: string,
): (subject: Somebody | null | undefined, ownerId: string | null | undefined) => void {
  return (subject, ownerId) => {
    if (subject?.permissions?.includes(permission) !== true) requireSelf(subject, ownerId);
  };
}
