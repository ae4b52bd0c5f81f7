import type { Subject, TokenRejection, TokenVerification } from './answers.js';

/** The longest life of an access token, in seconds, which no configuration of the service exceeds. */
const LONGEST_LIFE_SECONDS = 7200;

/** What a genuine token says, taken apart once. Times in seconds. */
export interface Genuine {
  readonly kid: string;
  readonly subjectId: string;
  /** What the feed would name to end it: the session, or of a service's token its own id. */
  readonly endedBy: string;
  /** The service token that a service's JWT was given for, and ends with. */
  readonly serviceTokenId: string | undefined;
  /** The subject's authorization version when it was issued. */
  readonly version: number;
  readonly issuedAt: number;
  readonly notBefore: number;
  readonly expiresAt: number;
  /** Whether it says what its subject may do; slim tokens do not. */
  readonly isWhole: boolean;
  /** The answer, as long as nothing speaks against it. */
  readonly answer: TokenVerification;
}

/** Whom tokens must come from and be meant for. */
export interface Expected {
  readonly issuer: string;
  readonly audience: string;
  /** The audience of tokens that other services show to this one. */
  readonly serviceName: string | undefined;
}

type Claims = Readonly<Record<string, unknown>>;

/** Reads the claims of a token with a good signature (RFC 9068). @returns the reason where it is refused */
export function readClaims(claims: Claims, kid: string, whom: Expected): Genuine | TokenRejection {
  const { iss, aud, sub, jti, iat, exp, nbf = 0, ver = 0 } = claims;
  if (!isText(iss) || !isText(jti) || !isText(sub)) return 'MALFORMED';
  if (!isTime(iat) || !isTime(exp) || !isTime(nbf) || !isTime(ver)) return 'MALFORMED';
  const isService = isForService(claims, whom);
  const said = isService ? readService(claims, sub, jti) : readAccount(claims, sub);
  if (!said) return 'MALFORMED';
  if (iss !== whom.issuer) return 'UNTRUSTED_ISSUER';
  if (!isService && !(Array.isArray(aud) ? aud : [aud]).includes(whom.audience)) return 'WRONG_AUDIENCE';
  if (exp - iat > LONGEST_LIFE_SECONDS) return 'MALFORMED';
  const { subject, endedBy, sessionId } = said;
  return {
    ...{ kid, endedBy, subjectId: sub, version: ver, issuedAt: iat, expiresAt: exp },
    serviceTokenId: said.serviceTokenId,
    notBefore: Math.max(iat, nbf),
    isWhole: typeof claims['scope'] === 'string' && (isService || claims['roles'] !== undefined),
    answer: Object.freeze({
      ...{ valid: true, reason: null, subject, service: null, sessionId, issuer: iss },
      scopes: subject.permissions,
      expiresAt: new Date(exp * 1000).toISOString(),
    }),
  };
}

/** What is said of a subject, and by what it would be ended. */
interface Said {
  readonly subject: Subject;
  readonly sessionId: string | null;
  readonly endedBy: string;
  readonly serviceTokenId: string | undefined;
}

function readAccount(claims: Claims, id: string): Said | undefined {
  const { sid, roles = [], role, username, email } = claims;
  if (!isText(sid) || !(Array.isArray(roles) && roles.every(isText))) return undefined;
  const subject: Subject = Object.freeze({
    ...{ id, type: 'USER', externalId: null, username: textOf(username), email: textOf(email) },
    role: textOf(role) ?? roles[0] ?? null,
    roles: Object.freeze([...roles]),
    permissions: Object.freeze(scopesOf(claims)),
  });
  return { subject, sessionId: sid, endedBy: sid, serviceTokenId: undefined };
}

/** Shown by one service to another (RFC 6749 §4.4): without a session, and made for this service alone. */
function isForService({ aud, client_id }: Claims, { serviceName }: Expected): boolean {
  const isNamed = serviceName !== undefined && typeof aud === 'string';
  return isNamed && isText(client_id) && aud.toLowerCase() === serviceName.toLowerCase();
}

function readService(claims: Claims, id: string, jti: string): Said | undefined {
  const { client_id: username, service_token: serviceTokenId, sid } = claims;
  if (sid !== undefined || !isText(serviceTokenId)) return undefined;
  const subject: Subject = Object.freeze({
    ...{ id, type: 'SERVICE', externalId: null, username: textOf(username), email: null, role: null },
    roles: Object.freeze([]),
    permissions: Object.freeze(scopesOf(claims)),
  });
  return { subject, sessionId: null, endedBy: jti, serviceTokenId };
}

const scopesOf = ({ scope }: Claims): string[] => (isText(scope) ? scope.split(' ').filter(Boolean) : []);
const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const textOf = (value: unknown): string | null => (isText(value) ? value : null);
/** Up to the last moment that a Date can hold. */
const isTime = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && Math.abs(value) <= 8_640_000_000_000;
