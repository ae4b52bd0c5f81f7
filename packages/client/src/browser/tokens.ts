/** What a session holds. */
export interface SessionTokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** By this machine's clock, in milliseconds since 1970. */
  readonly expiresAt: number;
}

/** What became of a session. */
export interface SessionChange {
  readonly type: 'signed-in' | 'refreshed' | 'signed-out';
  /** Why it was signed out, where the service said so: REFRESH_TOKEN_REUSED, ACCOUNT_DELETED and the like. */
  readonly code?: string;
}

/** What signing in came to. */
export type SignInOutcome =
  | { readonly kind: 'signed-in' }
  | {
      readonly kind: 'second-factor';
      readonly challengeToken: string;
      readonly methods: readonly string[];
      readonly expiresAt: string;
    }
  | { readonly kind: 'email-not-verified'; readonly email: string };

/** An AuthPayload of the service, or as much of it as is needed. */
export interface AuthPayloadLike {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly deviceToken?: string | null;
}

/** What a session throws; `code` is the service's, or NETWORK where it could not be reached. */
export class SessionError extends Error {
  override readonly name = 'SessionError';

  constructor(
    readonly code: string,
    message: string,
    readonly retryAfterSeconds?: number,
  ) {
    super(message);
  }
}

/** Codes after which the tokens of a session are worth nothing. */
export const ENDED: ReadonlySet<string> = new Set([
  'REFRESH_TOKEN_REUSED',
  'REFRESH_TOKEN_INVALID',
  'SESSION_EXPIRED',
  'ACCOUNT_DELETED',
  'ACCOUNT_SUSPENDED',
]);

/** Tokens that have just come. They live as long as they say, counted from now: the service's clock may not be ours. */
export function tokensOf({ accessToken, refreshToken }: AuthPayloadLike, now: number): SessionTokens {
  const { iat, exp } = claimsOf(accessToken);
  if (typeof iat !== 'number' || typeof exp !== 'number')
    throw new SessionError('MALFORMED', 'This is no access token.');
  return { accessToken, refreshToken, expiresAt: now + Math.max(0, exp - iat) * 1000 };
}

/** Whether two access tokens are of one session. */
export const isOfSession = (one: string, other: string): boolean => claimsOf(one).sid === claimsOf(other).sid;

/** Whether two access tokens are of one account. */
export const isOfAccount = (one: string, other: string): boolean => claimsOf(one).sub === claimsOf(other).sub;

function claimsOf(token: string): { iat?: unknown; exp?: unknown; sub?: unknown; sid?: unknown } {
  const part = (token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/');
  return JSON.parse(atob(part)) as object;
}

/** Reads what storage held; undefined for anything that is not a session. */
export function readTokens(text: string | null | undefined): SessionTokens | undefined {
  try {
    const { accessToken, refreshToken, expiresAt } = JSON.parse(text ?? '{}') as Partial<SessionTokens>;
    const isWhole = typeof accessToken === 'string' && typeof refreshToken === 'string';
    return isWhole && typeof expiresAt === 'number' ? { accessToken, refreshToken, expiresAt } : undefined;
  } catch {
    return undefined;
  }
}
