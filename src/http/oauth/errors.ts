import { presentable, type AuthError, type ErrorCode } from '../../errors.js';
import { BodyRefused } from '../body.js';
import type { Reply } from '../reply.js';

/** The codes of RFC 6749 §5.2, RFC 6750 §3.1 and RFC 8707 §2; the last one stands for 429, 500 and 503 (RFC 6749 §4.1.2.1). */
type OAuthCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unsupported_grant_type'
  | 'invalid_scope'
  | 'invalid_target'
  | 'insufficient_scope'
  | 'temporarily_unavailable'
  | 'server_error';

/** An answer of the OAuth doors that is not what was asked for. */
export class OAuthError extends Error {
  constructor(
    readonly error: OAuthCode,
    message: string,
    readonly status = 400,
    /** Headers, and beside `error` what else is told. */
    readonly more: { headers?: Record<string, string>; told?: Record<string, unknown> } = {},
  ) {
    super(message);
  }
}

/** What a refresh token that is not taken is refused with. */
const GRANT_FAULTS: ReadonlySet<ErrorCode> = new Set([
  'REFRESH_TOKEN_INVALID',
  'REFRESH_TOKEN_REUSED',
  'SESSION_EXPIRED',
  'ACCOUNT_DELETED',
  'ACCOUNT_SUSPENDED',
]);

/** Says in the words of OAuth what has gone wrong; undefined for what nobody expected. */
export function asOAuthError(error: unknown): OAuthError | undefined {
  if (error instanceof OAuthError) return error;
  if (error instanceof BodyRefused) return new OAuthError('invalid_request', error.message, error.status);
  const known = presentable(error);
  const { code, message } = known;
  // The code tells a program whether to sign the person out.
  if (GRANT_FAULTS.has(code)) return new OAuthError('invalid_grant', message, 400, { told: { code } });
  if (code === 'RATE_LIMITED')
    return later(message, 429, known.extensions['retryAfterSeconds'] as number | undefined);
  if (code === 'SERVICE_UNAVAILABLE') return later(message, 503, 1);
  if (code === 'FORBIDDEN') return new OAuthError('insufficient_scope', message, 403);
  if (code === 'BAD_USER_INPUT') return aboutInput(known);
  return undefined;
}

function later(message: string, status: number, seconds = 1): OAuthError {
  return new OAuthError('temporarily_unavailable', message, status, {
    headers: { 'retry-after': String(seconds) },
  });
}

const CODE_OF_FIELD: Record<string, OAuthCode> = { scope: 'invalid_scope', audience: 'invalid_target' };

function aboutInput({ extensions, message }: AuthError): OAuthError {
  const [field] = (extensions['fields'] ?? []) as { name: string; message: string }[];
  const error = CODE_OF_FIELD[field?.name ?? ''] ?? 'invalid_request';
  return new OAuthError(error, field ? `${field.name}: ${field.message}` : message);
}

/** Answers with an error as RFC 6749 §5.2 has it. */
export function sendError(
  response: Reply,
  { error, message, status, more: { headers = {}, told = {} } }: OAuthError,
): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  // What was not read of the body is not waited for.
  if (status === 413) response.setHeader('connection', 'close');
  // Neither a quotation mark nor a backslash may be in it.
  const error_description = message.replace(/["\\]/g, "'");
  send(response, { error, error_description, ...told }, status);
}

/** Answers as all doors of OAuth do: JSON that nobody keeps. */
export function send(response: Reply, body: object, status = 200): void {
  sendJson(response, JSON.stringify(body), status);
}

const HEADERS = [
  ...['content-type', 'application/json; charset=utf-8'],
  ...['cache-control', 'no-store'],
  ...['pragma', 'no-cache'],
];

/** The same of what is JSON already. */
export function sendJson(response: Reply, text: string, status = 200): void {
  response.answer(status, HEADERS, text);
}
