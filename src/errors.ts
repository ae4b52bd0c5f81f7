import { GraphQLError } from 'graphql';

/**
 * Every error that may leave the house, by its `extensions.code`. docs/errors.md says the same in more words, and a
 * test holds the two together.
 */
export const catalogue = {
  BAD_USER_INPUT: 'Some of the input is not valid.',
  UNAUTHENTICATED: 'Sign in to do this.',
  FORBIDDEN: 'You are not allowed to do this.',
  NOT_FOUND: 'There is no such thing, or you may not see it.',
  CONFLICT: 'This conflicts with what is already there.',
  RATE_LIMITED: 'Too many tries; wait before the next one.',
  INVALID_CREDENTIALS: 'Invalid credentials',
  ACCOUNT_DELETED: 'Your account has been deleted. You have been logged out.',
  ACCOUNT_SUSPENDED: 'Your account has been suspended. You have been logged out.',
  EMAIL_NOT_VERIFIED: 'Confirm your email address first; a link was mailed to you.',
  WEAK_PASSWORD: 'This password is too easy to guess.',
  UNDERAGE: 'You are too young to have an account here.',
  MFA_CODE_INVALID: 'This code is not right, or was used before.',
  MFA_CHALLENGE_EXPIRED: 'This sign-in took too long or too many tries; sign in again.',
  INSUFFICIENT_AAL: 'Prove your second factor first.',
  REFRESH_TOKEN_INVALID: 'This refresh token is not valid; sign in again.',
  REFRESH_TOKEN_REUSED: 'This refresh token was used before, so its session has been ended; sign in again.',
  SESSION_EXPIRED: 'This session was not used for too long; sign in again.',
  ONE_TIME_TOKEN_INVALID: 'This link is not valid any more; ask for a new one.',
  SERVICE_UNAVAILABLE: 'The service cannot answer right now; trying again is safe.',
  NOT_AVAILABLE: 'This service runs without accounts: it only says whether tokens may be trusted.',
  INTERNAL_SERVER_ERROR: 'Something went wrong on our side.',
} as const;

export type ErrorCode = keyof typeof catalogue;

/** What is wrong with one input field; `name` is its path inside the argument, as in `profile.country`. */
export interface FieldError {
  name: string;
  message: string;
}

interface Details {
  message?: string;
  fields?: readonly FieldError[];
  retryAfterSeconds?: number;
  cause?: unknown;
}

/** An outcome that the caller is told about, by code. Make a new one each time: errors carry the path of their request. */
export class AuthError extends GraphQLError {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, details: Details = {}) {
    const { message, cause, ...told } = details;
    super(message ?? catalogue[code], {
      extensions: { code, ...told },
      ...(cause instanceof Error ? { originalError: cause } : {}),
    });
    this.code = code;
  }
}

/** Input that breaks a rule of the graph; `fields` says which and how. */
export function badInput(fields: readonly FieldError[]): AuthError {
  return new AuthError('BAD_USER_INPUT', { fields });
}

/** Something else holds this value already. */
export function conflict(name: string, message: string): AuthError {
  return new AuthError('CONFLICT', { message, fields: [{ name, message }] });
}

// PostgreSQL: class 08 connection, 57P0x shutdown, 53 resources, 25006 read-only, 40 rollback, 55P03 lock timeout, 57014 cancelled.
const UNAVAILABLE_STATES = /^(08...|57P..|53...|25006|25P03|40...|55P03|57014|58...)$/;
const UNAVAILABLE_SYSTEM = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
const UNAVAILABLE_MESSAGE =
  /Connection terminated|Query read timeout|timeout exceeded when trying to connect|^timeout expired$|Timeout acquiring a connection|not queryable|Connection ended/i;

/** Whether an error says that the database is away, full or too busy, rather than that we asked something wrong. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const inner = (error as { nativeError?: unknown }).nativeError ?? error.cause;
  return (
    UNAVAILABLE_STATES.test(code) ||
    UNAVAILABLE_SYSTEM.has(code) ||
    error.name === 'KnexTimeoutError' ||
    (error.name === 'AggregateError' && UNAVAILABLE_SYSTEM.has(code)) ||
    UNAVAILABLE_MESSAGE.test(error.message) ||
    (inner !== undefined && inner !== error && isUnavailable(inner))
  );
}

/**
 * The one place where an error is made fit to leave: known ones pass, a database that is away becomes
 * SERVICE_UNAVAILABLE, anything else becomes INTERNAL_SERVER_ERROR with nothing of its own.
 */
export function presentable(error: unknown): AuthError {
  if (error instanceof AuthError) return error;
  if (error instanceof GraphQLError && error.originalError instanceof AuthError) return error.originalError;
  const original = error instanceof GraphQLError ? (error.originalError ?? error) : error;
  return new AuthError(isUnavailable(original) ? 'SERVICE_UNAVAILABLE' : 'INTERNAL_SERVER_ERROR', {
    cause: original,
  });
}
