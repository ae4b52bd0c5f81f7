import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AuthClient } from './client.js';
import type { Auth, Rule } from './guard.js';
import { authenticateRequest, sendError } from './http.js';

/** A request that was let in. */
export interface AuthenticatedRequest extends IncomingMessage {
  /** Who makes it. Nothing else about the request says so: no header such as `x-user-id`. */
  auth?: Auth;
}

/** Express's kind of middleware, and that of whatever else speaks `(request, response, next)`. */
export type Middleware = (
  request: AuthenticatedRequest,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * Middleware that lets in who shows a good token: `app.use(requireAuth(client))`, or before one route with what it requires.
 * Others are answered 401, 403 or 503 with a stable code.
 */
export function requireAuth(client: Pick<AuthClient, 'verify'>, rule: Rule = {}): Middleware {
  return (request, response, next) => {
    authenticateRequest(client, request, rule).then(
      (auth) => {
        request.auth = auth;
        next();
      },
      (error: unknown) => {
        if (!sendError(response, error)) next(error);
      },
    );
  };
}

/** Who makes a request, behind {@link requireAuth}. @throws where that middleware is missing */
export function authOf(request: AuthenticatedRequest): Auth {
  if (!request.auth) throw new Error('requireAuth must come before whoever asks for the subject.');
  return request.auth;
}

/**
 * Express's kind of error handler, for what `requireSelf` and the client throw inside of routes; other errors go on.
 */
export function authErrors(
  error: unknown,
  _request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
): void {
  if (!sendError(response, error)) next(error);
}
