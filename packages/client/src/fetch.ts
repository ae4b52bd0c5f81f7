import type { AuthClient } from './client.js';
import { AuthClientError } from './errors.js';
import { authenticate, type Auth, type Rule } from './guard.js';

/** What answers requests of the Fetch standard: Hono, Deno, Bun, workers, route handlers of Next.js. */
export type AuthenticatedHandler<Rest extends unknown[]> = (
  request: Request,
  auth: Auth,
  ...rest: Rest
) => Response | Promise<Response>;

/** Lets a handler be called only for who shows a good token; others are answered 401, 403 or 503 with a stable code. */
export function withAuth<Rest extends unknown[]>(
  client: Pick<AuthClient, 'verify'>,
  handler: AuthenticatedHandler<Rest>,
  rule: Rule = {},
): (request: Request, ...rest: Rest) => Promise<Response> {
  return async (request, ...rest) => {
    try {
      const auth = await authenticate(client, request.headers.get('authorization'), rule);
      return await handler(request, auth, ...rest);
    } catch (error) {
      if (error instanceof AuthClientError) return responseOf(error);
      throw error;
    }
  };
}

/** The answer to a request that met this error. */
export function responseOf(error: AuthClientError): Response {
  const headers = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };
  return new Response(JSON.stringify(error), {
    status: error.status,
    headers: { ...headers, ...error.headers },
  });
}
