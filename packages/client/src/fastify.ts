import type { IncomingMessage } from 'node:http';
import type { AuthClient } from './client.js';
import { AuthClientError } from './errors.js';
import type { Auth, Rule } from './guard.js';
import { authenticateRequest } from './http.js';

/** What is used of a Fastify request. */
export interface FastifyRequestLike {
  readonly raw: IncomingMessage;
  auth?: Auth | null;
}

/** What is used of a Fastify reply. */
export interface FastifyReplyLike {
  code(status: number): unknown;
  headers(values: Record<string, string>): unknown;
  send(body: unknown): unknown;
}

/** What is used of a Fastify instance. */
interface FastifyLike {
  decorateRequest(name: string, value: null): unknown;
  addHook(name: 'onRequest', hook: Hook): unknown;
}

type Hook = (request: FastifyRequestLike, reply: FastifyReplyLike) => Promise<unknown>;

/** What {@link authPlugin} is registered with. */
export interface AuthPluginOptions {
  readonly client: Pick<AuthClient, 'verify'>;
  /** What every route below asks for; routes may ask for more by {@link requireAuth}. */
  readonly rule?: Rule;
}

/**
 * A Fastify plugin that lets only good tokens reach the routes registered beside and below it: `request.auth` says who asks.
 */
export async function authPlugin(fastify: FastifyLike, { client, rule }: AuthPluginOptions): Promise<void> {
  fastify.decorateRequest('auth', null);
  fastify.addHook('onRequest', requireAuth(client, rule));
  return Promise.resolve();
}

// Fastify's own mark for a plugin that decorates whoever registers it.
Object.defineProperty(authPlugin, Symbol.for('skip-override'), { value: true });

/** A hook for a route: `{ onRequest: requireAuth(client, { requires: ['records:read'] }) }`. */
export function requireAuth(client: Pick<AuthClient, 'verify'>, rule: Rule = {}): Hook {
  return async (request, reply) => {
    try {
      request.auth = await authenticateRequest(client, request.raw, rule);
      return undefined;
    } catch (error) {
      return answerError(error, reply);
    }
  };
}

/** Who makes a request, behind the plugin or the hook. @throws where both are missing */
export function authOf(request: object): Auth {
  const { auth } = request as { auth?: Auth | null };
  if (!auth) throw new Error('The route has neither authPlugin nor requireAuth before it.');
  return auth;
}

/** For `setErrorHandler`: answers what `requireSelf` and the client throw inside of routes; throws other errors on. */
export function authErrors(error: unknown, _request: unknown, reply: FastifyReplyLike): unknown {
  return answerError(error, reply);
}

function answerError(error: unknown, reply: FastifyReplyLike): unknown {
  if (!(error instanceof AuthClientError)) throw error;
  reply.code(error.status);
  reply.headers({ 'cache-control': 'no-store', ...error.headers });
  return reply.send(error.toJSON());
}
