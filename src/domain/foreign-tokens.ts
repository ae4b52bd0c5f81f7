import type { ServiceAccess } from './access.js';
import type { ForeignClaims, ForeignToken, ForeignVerification } from './issuers.js';
import type { Rejection } from './tokens.js';
import { refuse, requireMayAsk, type Asker, type VerdictDeps } from './verdict.js';

/** What is asked: as of a token of ours (verification.ts). */
export interface ForeignQuestion {
  token: string;
  serviceId?: string | null | undefined;
  requires?: readonly string[] | null | undefined;
  /** That the subject has no access to that service is no reason for a no. */
  isTolerant?: boolean;
}

/** What is answered: as of a token of ours, save that its subject is no account. */
export interface ForeignAnswer {
  valid: boolean;
  reason: Rejection | null;
  subject: ForeignSubjectAnswer | null;
  service: ServiceAccess | null;
  sessionId: null;
  issuer: string | null;
  scopes: readonly string[];
  expiresAt: Date | null;
  /** What the token itself says; null unless valid. */
  claims: ForeignClaims | null;
}

interface ForeignSubjectAnswer {
  /** `issuer#name`. */
  id: string;
  type: 'EXTERNAL';
  externalId: string;
  username: string | null;
  email: string | null;
  role: string | null;
  roles: readonly string[];
  permissions: readonly string[];
}

/**
 * What is answered about a token of another issuer, in the words that ours are answered in. Its subject is EXTERNAL: no
 * account is looked up by any of its claims.
 * @throws {AuthError} FORBIDDEN for an account that asks about somebody else's token without tokens:introspect
 */
export function answerForeign(
  deps: VerdictDeps,
  asker: Asker,
  question: ForeignQuestion,
  { token, rejection }: ForeignVerification,
): ForeignAnswer {
  if (token) requireMayAsk(asker, question.token);
  const { serviceId } = question;
  const no = (reason: Rejection, access: ServiceAccess | null = null) =>
    refuse(deps, asker, { reason, subject: token?.subject.id, serviceId, access });
  if (rejection !== undefined) return no(rejection);
  const access = accessOf(deps, token, serviceId?.toLowerCase());
  if (access === 'NONE' && question.isTolerant !== true) return no('NO_SERVICE_ACCESS');
  const told = access === 'NONE' ? null : access;
  const { permissions } = token.subject;
  const isLacking = question.requires?.some((permission) => !permissions.has(permission)) === true;
  return isLacking ? no('MISSING_PERMISSION', told) : accepted(token, told);
}

/**
 * Access to services is given to accounts, and an external subject is none: it has access where the issuer's entry says
 * so. Whoever asks of no certain service wants to know whom the token speaks of, and is told.
 */
function accessOf(
  { catalogue }: VerdictDeps,
  { issuer: { services } }: ForeignToken,
  serviceId: string | undefined,
): ServiceAccess | null | 'NONE' {
  if (serviceId === undefined) return null;
  const service = catalogue?.service(serviceId);
  const names = ['*', serviceId, service?.name];
  if (!services.some((name) => names.includes(name))) return 'NONE';
  if (!service) return catalogue ? 'NONE' : null;
  return service.status === 'ACTIVE'
    ? { service, role: null, status: 'ACTIVE', expiresAt: null, valid: true }
    : 'NONE';
}

function accepted({ subject, claims }: ForeignToken, service: ServiceAccess | null): ForeignAnswer {
  const permissions = [...subject.permissions];
  return {
    valid: true,
    reason: null,
    subject: { ...subject, type: 'EXTERNAL', permissions },
    service,
    sessionId: null,
    issuer: claims.iss,
    scopes: permissions,
    expiresAt: new Date(claims.exp * 1000),
    claims,
  };
}
