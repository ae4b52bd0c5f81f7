import type { IncomingMessage } from 'node:http';
import { GraphQLError } from 'graphql';
import type { AuthClient } from './client.js';
import { AuthClientError } from './errors.js';
import { authenticate, type Auth, type Rule } from './guard.js';
import { authorizationOf } from './http.js';

/** What a resolver of a subgraph knows of who asks. */
export interface AuthContext {
  /** The token that came along, to pass on; proved by nobody yet. */
  readonly authorization: readonly string[] | string | undefined;
  /**
   * Who asks, verified when the first resolver wants to know, once for the request.
   * @throws {GraphQLError} UNAUTHENTICATED, ACCOUNT_DELETED, ACCOUNT_SUSPENDED, FORBIDDEN, SERVICE_UNAVAILABLE
   */
  auth(rule?: Rule): Promise<Auth>;
}

/** What a context is made from: the request of Express and Apollo's standalone server, of Fastify, or of the Fetch standard. */
export interface ContextSource {
  readonly req?: Pick<IncomingMessage, 'rawHeaders'>;
  readonly request?: { readonly raw: Pick<IncomingMessage, 'rawHeaders'> } | Request;
}

/**
 * A context function for Apollo Server and its like: `context: authContext(client)`. Whoever asks is known by the bearer that
 * the gateway passed on, and by no other header.
 */
export function authContext(
  client: Pick<AuthClient, 'verify'>,
): (source: ContextSource) => Promise<AuthContext> {
  return (source) => Promise.resolve(contextOf(client, headerOf(source)));
}

function contextOf(
  client: Pick<AuthClient, 'verify'>,
  authorization: AuthContext['authorization'],
): AuthContext {
  const known = new Map<string, Promise<Auth>>();
  return {
    authorization,
    auth(rule = {}) {
      const key = JSON.stringify(rule);
      const found = known.get(key) ?? authenticate(client, authorization, rule).catch(rethrow);
      known.set(key, found);
      return found;
    },
  };
}

function headerOf({ req, request }: ContextSource): AuthContext['authorization'] {
  if (req) return authorizationOf(req);
  if (request && 'raw' in request) return authorizationOf(request.raw);
  return request?.headers.get('authorization') ?? undefined;
}

/** What type-graphql asks: `authChecker`, with permissions for roles, as in `@Authorized('records:read')`. */
export async function authChecker(
  { context }: { context: AuthContext },
  permissions: readonly string[],
): Promise<boolean> {
  await context.auth(permissions.length > 0 ? { requires: permissions } : {});
  return true;
}

/** An error of this library as one of the graph; others as they are. */
export function toGraphQLError(error: unknown): unknown {
  if (!(error instanceof AuthClientError)) return error;
  const { code, message, reason } = error.toJSON();
  return new GraphQLError(message, {
    extensions: { code, ...(reason === undefined ? {} : { reason }) },
  });
}

function rethrow(error: unknown): never {
  throw toGraphQLError(error);
}
