import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AuthClient } from './client.js';
import { AuthClientError } from './errors.js';
import { authenticate, type Auth, type Rule } from './guard.js';

/** Who makes a request of node:http. A header that came more than once is nobody's. */
export function authenticateRequest(
  client: Pick<AuthClient, 'verify'>,
  request: Pick<IncomingMessage, 'rawHeaders'>,
  rule: Rule,
): Promise<Auth> {
  return authenticate(client, authorizationOf(request), rule);
}

/** Every Authorization header as it came; node:http drops all but the first. */
export function authorizationOf({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>): string[] | undefined {
  const found: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (rawHeaders[at]?.toLowerCase() === 'authorization') found.push(rawHeaders[at + 1] ?? '');
  return found.length > 0 ? found : undefined;
}

/**
 * Answers with an error of this library. @returns whether it has: not where it is another's, nor where an answer has begun, as
 * somebody lost patience meanwhile
 */
export function sendError(response: ServerResponse, error: unknown): boolean {
  if (!(error instanceof AuthClientError) || response.headersSent) return false;
  const headers = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };
  response.writeHead(error.status, { ...headers, ...error.headers });
  response.end(JSON.stringify(error));
  return true;
}
