import type { ServiceAccessStatus, ServiceStatus, SubjectType, TokenRejection } from './generated/schema.js';

export type { ServiceAccessStatus, ServiceStatus, SubjectType, TokenRejection };

/** Whom a trusted token speaks of. */
export interface Subject {
  /** The account or service; of other issuers' subjects `issuer#name`, so that it is nobody else's. */
  readonly id: string;
  /** `EXTERNAL` where another issuer answers for the subject. */
  readonly type: SubjectType;
  /** Another issuer's own name for its subject; null for ours. */
  readonly externalId: string | null;
  /** Username, or the name of the service; null where neither token nor service tells. */
  readonly username: string | null;
  readonly email: string | null;
  /** Name of the role of highest rank. */
  readonly role: string | null;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
}

/** What a subject is at one service. */
export interface ServiceAccess {
  readonly service: { readonly id: string; readonly name: string; readonly status: ServiceStatus };
  readonly role: {
    readonly id: string;
    readonly name: string;
    readonly permissions: readonly string[];
  } | null;
  readonly status: ServiceAccessStatus;
  /** RFC 3339; null if it never ends by itself. */
  readonly expiresAt: string | null;
  readonly valid: boolean;
}

/** Whether a token may be trusted: the same answer, here or from `verifyToken` of the service. */
export interface TokenVerification {
  readonly valid: boolean;
  /** Why not; null when valid. */
  readonly reason: TokenRejection | null;
  /** Null unless valid. */
  readonly subject: Subject | null;
  /** Where a service was asked about, what the subject is there. */
  readonly service: ServiceAccess | null;
  readonly sessionId: string | null;
  readonly issuer: string | null;
  /** For accounts, their permissions; empty unless valid. */
  readonly scopes: readonly string[];
  /** RFC 3339. */
  readonly expiresAt: string | null;
}

/** Whether a text is a live token of a service. */
export interface ServiceTokenVerification {
  readonly valid: boolean;
  readonly reason: TokenRejection | null;
  readonly service: { readonly id: string; readonly name: string; readonly status: ServiceStatus } | null;
  readonly scopes: readonly string[];
  readonly expiresAt: string | null;
}

/** An account as the service shows it; private fields are null without the scope `users:read`. */
export interface UserRecord {
  readonly id: string;
  readonly username: string;
  readonly email: string | null;
  readonly firstName: string | null;
  readonly lastName: string | null;
  readonly status: string;
}

/** What a token is to be good for. */
export interface Question {
  /** Permissions that the subject must all have. */
  readonly requires?: readonly string[] | undefined;
  /** Asks as well for access to the service with this id. */
  readonly serviceId?: string | undefined;
  /** `'self'` asks as well for access to the service whose token this client holds. */
  readonly service?: 'self' | undefined;
}

const NOBODY = {
  valid: false,
  subject: null,
  service: null,
  sessionId: null,
  issuer: null,
  scopes: [],
  expiresAt: null,
} as const;

/** A refusal. */
export const refusal = (reason: TokenRejection, service: ServiceAccess | null = null): TokenVerification => ({
  ...NOBODY,
  reason,
  service,
});

/** The answer, or MISSING_PERMISSION where it lacks one of these. */
export function requiring(
  answer: TokenVerification,
  requires: readonly string[] | undefined,
): TokenVerification {
  if (requires === undefined || requires.length === 0 || !answer.valid) return answer;
  const has = answer.scopes;
  return requires.every((permission) => has.includes(permission))
    ? answer
    : refusal('MISSING_PERMISSION', answer.service);
}
