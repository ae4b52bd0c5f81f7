import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Config } from '../config.js';

const LOOPBACK = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

/**
 * Lets browsers on the configured origins, and in development on this machine, read our answers; no cookies are ever
 * involved. @returns true when the request was a preflight, which is answered with this
 */
export function allowOrigin(config: Config, request: IncomingMessage, response: ServerResponse): boolean {
  const { origin } = request.headers;
  if (origin === undefined) return false;
  const isAllowed =
    config.http.frontendOrigins.includes(origin) || (!config.production && LOOPBACK.test(origin));
  response.setHeader('vary', 'origin');
  if (isAllowed) {
    response.setHeader('access-control-allow-origin', origin);
    response.setHeader('access-control-expose-headers', 'x-request-id');
  }
  if (request.method !== 'OPTIONS') return false;
  if (isAllowed) preflight(response);
  response.statusCode = 204;
  response.end();
  return true;
}

function preflight(response: ServerResponse): void {
  response.setHeader('access-control-allow-methods', 'POST, GET');
  response.setHeader(
    'access-control-allow-headers',
    'content-type, authorization, apollo-require-preflight, x-apollo-operation-name, x-request-id',
  );
  response.setHeader('access-control-max-age', '600');
}
