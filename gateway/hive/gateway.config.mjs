import { createRemoteJwksSigningKeyProvider, extractFromHeader, useJWT } from '@graphql-mesh/plugin-jwt-auth';
import { GraphQLError } from 'graphql';

// Hive Gateway 2 in front of the auth subgraph. Free of licences, in development as in production.
//
//   GATEWAY_SECRET=… AUTH_URL=… hive-gateway supergraph supergraph.graphql --config-path gateway/hive/gateway.config.mjs
//
// Read from the environment: GATEWAY_SECRET (compulsory in production), AUTH_URL, AUTH_JWKS_URL, TOKEN_ISSUER,
// TOKEN_AUDIENCE, FRONTEND_URL; with NODE_ENV=production it answers no introspection. `npm run gateway -- --hive` serves the
// sample through this same file.

/** The client's headers that subgraphs see, and no others: identity is the bearer, verified by each. */
const PASSED_ON = ['authorization', 'x-request-id', 'user-agent'];

/** What Hive Gateway is told, by these environment variables. */
export function configure(env) {
  const { AUTH_URL, FRONTEND_URL, GATEWAY_SECRET, NODE_ENV } = env;
  return {
    // One composed supergraph serves every environment; only the addresses differ. Equal queries that are under way at the
    // same time go out once, unless told otherwise: a `verifyToken` asked just after a revocation must not be given the
    // answer to one asked just before it.
    transportEntries: {
      auth: {
        ...(AUTH_URL && { location: AUTH_URL }),
        options: { deduplicateInflightRequests: false },
      },
    },
    propagateHeaders: {
      fromClientToSubgraphs: ({ request, subgraphName }) => ({
        ...Object.fromEntries(PASSED_ON.map((name) => [name, request.headers.get(name) ?? undefined])),
        // Opens the door of the auth service and nothing more. No other subgraph needs to know it.
        ...(subgraphName === 'auth' && { 'x-gateway-secret': GATEWAY_SECRET }),
      }),
    },
    requestDeadline: 30_000,
    // Exact origins of the frontends, no others; tokens travel in bodies and headers, so no credentials (cookies).
    cors: FRONTEND_URL ? { origin: [FRONTEND_URL], credentials: false } : false,
    plugins: () => [jsonPostsOnly(), oneBearer(), verifying(env), quietFailures()],
    // Errors of subgraphs arrive with code and extensions. Which subgraph it was is nobody's business outside.
    subgraphErrors: { subgraphNameProp: false },
    landingPage: false,
    ...(NODE_ENV === 'production' && { graphiql: false, disableIntrospection: { disableIf: () => true } }),
    // Not for this subgraph: responseCaching, inboundInflightRequestDeduplication, batching (many guesses at the price of one).
  };
}

/** What the command line reads. */
export const gatewayConfig = configure(process.env);

/**
 * Verifies access tokens by the auth service's public keys, for what the gateway itself decides: their claims are in
 * `context.jwt.payload`. It hears of no revocation; the subgraphs do.
 */
function verifying(env) {
  const { AUTH_JWKS_URL = 'http://127.0.0.1:4000/.well-known/jwks.json' } = env;
  const { TOKEN_ISSUER = 'http://127.0.0.1:4000', TOKEN_AUDIENCE = 'authgraph' } = env;
  const keyOf = createRemoteJwksSigningKeyProvider({
    jwksUri: AUTH_JWKS_URL,
    rateLimit: true,
    timeout: 5_000,
  });
  return useJWT({
    // A key that is not known must not become an error of the server: whoever refreshes beside a very old token is let through.
    signingKeyProviders: [async (kid) => Promise.resolve(keyOf(kid)).catch(() => NO_KEY)],
    tokenLookupLocations: [extractFromHeader({ name: 'authorization', prefix: 'Bearer' })],
    // One algorithm, never what a token asks for: the one that SIGNING_ALGORITHM names, ES256 or RS256.
    tokenVerification: {
      issuer: TOKEN_ISSUER,
      audience: TOKEN_AUDIENCE,
      algorithms: ['ES256'],
      clockTolerance: 5,
    },
    // A bad token makes the caller anonymous, or a client that sends its expired one along with `refresh` never gets a new one.
    reject: { missingToken: false, invalidToken: false },
    // Subgraphs believe the bearer, not what a gateway says about it.
    forward: { payload: false, token: false },
  });
}

/** Nothing was ever signed by it. */
const NO_KEY = 'none';

/**
 * A subgraph that does not answer is said to be away, and no more: the error itself carries the whole request, passwords and
 * tokens among its variables, and would be logged.
 */
function quietFailures() {
  return {
    onSubgraphExecute:
      ({ subgraphName }) =>
      (execution) => {
        const errors = 'errors' in execution.result ? execution.result.errors : undefined;
        if (!errors?.some(({ extensions }) => 'request' in extensions)) return;
        const extensions = { code: 'SERVICE_UNAVAILABLE' };
        const away = new GraphQLError(`The ${subgraphName} subgraph does not answer`, { extensions });
        execution.setResult({ data: null, errors: [away] });
      },
  };
}

/** As much as the auth service takes itself. */
const LARGEST_BODY_BYTES = 100 * 1024;

/** Two Authorization headers are nobody's; Node shows the first one only, in which somebody else may not believe. */
function oneBearer() {
  return {
    onRequest({ request, serverContext }) {
      const names = (serverContext?.req?.rawHeaders ?? []).filter((_text, at) => at % 2 === 0);
      const seen = names.filter((name) => name.toLowerCase() === 'authorization').length;
      if (seen > 1) request.headers.delete('authorization');
    },
  };
}

/** Refuses what a form on another site could send, and GET, which carries tokens in the URL and so into logs. */
function jsonPostsOnly() {
  return {
    onRequest(asked) {
      const { url, fetchAPI } = asked;
      const { method, headers } = asked.request;
      const asksForPage = method === 'GET' && !url.search && headers.get('accept')?.includes('text/html');
      if (url.pathname !== '/graphql' || method === 'OPTIONS' || asksForPage) return;
      const refuse = (status, message) => {
        const errors = [{ message, extensions: { code: 'BAD_REQUEST' } }];
        asked.endResponse(fetchAPI.Response.json({ errors }, { status }));
      };
      if (method !== 'POST') return refuse(405, 'Send operations as POST');
      const isJson = /^application\/json\b/i.test(headers.get('content-type') ?? '');
      if (!isJson) return refuse(400, 'The request body is not JSON');
      const bytes = Number(headers.get('content-length') ?? Infinity);
      if (bytes > LARGEST_BODY_BYTES) refuse(413, 'The request is too large');
    },
  };
}
