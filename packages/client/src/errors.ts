import type { TokenRejection } from './answers.js';

/** Details of an {@link AuthClientError}. */
export interface AuthClientErrorDetails {
  /** Why the token is not trusted, where it was about a token. */
  readonly reason?: TokenRejection | undefined;
  /** Permissions that were asked for. */
  readonly requires?: readonly string[] | undefined;
  readonly retryAfterSeconds?: number | undefined;
  readonly cause?: unknown;
}

/** HTTP status of a code; what is not listed is a fault of this side or of the service: 500. */
const STATUS: Readonly<Record<string, number>> = {
  BAD_USER_INPUT: 400,
  UNAUTHENTICATED: 401,
  ACCOUNT_DELETED: 401,
  ACCOUNT_SUSPENDED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  RATE_LIMITED: 429,
  SERVICE_UNAVAILABLE: 503,
};

/**
 * Everything that this library throws. `code` is stable and one of those of the service: UNAUTHENTICATED, ACCOUNT_DELETED,
 * ACCOUNT_SUSPENDED, FORBIDDEN, NOT_FOUND, RATE_LIMITED, SERVICE_UNAVAILABLE, BAD_USER_INPUT; CONFIGURATION is a mistake in
 * the options, or a service token that the service does not know.
 */
export class AuthClientError extends Error {
  override readonly name = 'AuthClientError';
  readonly reason: TokenRejection | undefined;
  readonly requires: readonly string[] | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(
    readonly code: string,
    message: string,
    { reason, requires, retryAfterSeconds, cause }: AuthClientErrorDetails = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
    this.requires = requires;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** The HTTP status that goes with the code. */
  get status(): number {
    return STATUS[this.code] ?? 500;
  }

  /** Headers that go with the status: WWW-Authenticate (RFC 6750 §3), Retry-After. */
  get headers(): Record<string, string> {
    const wait = this.retryAfterSeconds;
    if (this.status === 401 || this.status === 403) return { 'www-authenticate': this.#challenge() };
    return wait === undefined ? {} : { 'retry-after': String(wait) };
  }

  /** What may be told to whoever asked: nothing of the cause. */
  toJSON(): { code: string; message: string; reason?: TokenRejection } {
    const { code, message, reason } = this;
    if (this.status === 500)
      return { code: 'INTERNAL_SERVER_ERROR', message: 'Something went wrong on our side.' };
    return reason === undefined ? { code, message } : { code, message, reason };
  }

  /** The same beside the message, where an error of a graph takes it from what a resolver threw. */
  get extensions(): Omit<ReturnType<AuthClientError['toJSON']>, 'message'> {
    const { message: _message, ...told } = this.toJSON();
    return told;
  }

  #challenge(): string {
    if (this.status === 403) {
      const scope = this.requires?.length ? `, scope="${quotable(this.requires.join(' '))}"` : '';
      return `Bearer error="insufficient_scope"${scope}`;
    }
    // A request without any token is told of no error (RFC 6750 §3.1).
    return this.reason === undefined
      ? 'Bearer'
      : `Bearer error="invalid_token", error_description="${this.reason}"`;
  }
}

const quotable = (text: string): string => text.replace(/[^\x20-\x7e]|["\\]/g, '');

const SECONDS_UNTIL_RETRY = 1;

/** Nobody can be asked. */
export const unavailable = (message: string, cause?: unknown): AuthClientError =>
  new AuthClientError('SERVICE_UNAVAILABLE', message, { cause, retryAfterSeconds: SECONDS_UNTIL_RETRY });

export const isUnavailable = (error: unknown): boolean =>
  error instanceof AuthClientError && error.code === 'SERVICE_UNAVAILABLE';

export const misconfigured = (message: string): AuthClientError =>
  new AuthClientError('CONFIGURATION', message);
