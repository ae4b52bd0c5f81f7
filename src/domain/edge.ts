import type { ErrorCode } from '../errors.js';
import type { ServiceActor } from './access.js';
import type { ForeignAnswer } from './foreign-tokens.js';
import { introspectionOf } from './introspected.js';
import type { Rejection } from './tokens.js';
import type { TokenAnswer } from './verification.js';

/** What becomes of a request at the edge, by the bearer that came along. */
export type Passage =
  /** It goes on without its token: whoever sent it is nobody. */
  | { readonly kind: 'nobody' }
  | { readonly kind: 'subject'; readonly claims: EdgeClaims }
  | { readonly kind: 'refused'; readonly reason: Rejection; readonly code: ErrorCode };

/** Whom a good token speaks of, as of now, by the names of JWT claims and of introspection. */
export type EdgeClaims = Readonly<Record<string, unknown>>;

/**
 * What a token that is not good does to the request that it came with. One that was good and is only too old must not stand in
 * the way of the refresh that it came along with; all else is refused.
 * @see docs/decisions/0022-the-edge.md
 */
const POLICY: Record<Rejection, 'nobody' | ErrorCode> = {
  EXPIRED: 'nobody',
  NOT_YET_VALID: 'UNAUTHENTICATED',
  MALFORMED: 'UNAUTHENTICATED',
  UNTRUSTED_SIGNATURE: 'UNAUTHENTICATED',
  UNTRUSTED_ISSUER: 'UNAUTHENTICATED',
  WRONG_AUDIENCE: 'UNAUTHENTICATED',
  WRONG_TYPE: 'UNAUTHENTICATED',
  REVOKED: 'UNAUTHENTICATED',
  SUBJECT_DISABLED: 'ACCOUNT_SUSPENDED',
  SUBJECT_DELETED: 'ACCOUNT_DELETED',
  NO_SERVICE_ACCESS: 'FORBIDDEN',
  MISSING_PERMISSION: 'FORBIDDEN',
  ISSUER_UNAVAILABLE: 'SERVICE_UNAVAILABLE',
};

/** What becomes of a request whose token is not good. */
export function passageWithout(reason: Rejection): Passage {
  const code = POLICY[reason];
  return code === 'nobody' ? { kind: 'nobody' } : { kind: 'refused', reason, code };
}

/** Of an introspection; neither for whoever plans queries. */
const NO_CLAIMS: ReadonlySet<string> = new Set(['active', 'token_type', 'email']);

/** What becomes of a request, by what a verification has found of its token. */
export function passageOf(answer: TokenAnswer | ForeignAnswer): Passage {
  if (answer.reason !== null) return passageWithout(answer.reason);
  const claims = Object.entries(introspectionOf(answer)).filter(([name]) => !NO_CLAIMS.has(name));
  return { kind: 'subject', claims: Object.fromEntries(claims) };
}

/** A service that speaks for itself. @param issuer whose service it is */
export function passageOfService(
  { id, name, scopes }: Pick<ServiceActor, 'id' | 'name' | 'scopes'>,
  issuer: string,
): Passage {
  const permissions = [...scopes];
  return {
    kind: 'subject',
    claims: {
      iss: issuer,
      sub: id,
      client_id: name,
      scope: permissions.join(' '),
      role: null,
      roles: [],
      permissions,
      subject_type: 'SERVICE',
    },
  };
}
