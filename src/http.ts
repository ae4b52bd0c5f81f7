import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { App } from './context.js';
import { isPostgresUp } from './db/postgres.js';
import type { Client } from './domain/client.js';
import { originOf, trustNetworks, type Origin } from './http/address.js';
import { BodyRefused } from './http/body.js';
import { allowOrigin } from './http/cors.js';
import { discoveryDocument } from './http/discovery.js';
import { openDoor, type Proof } from './http/door.js';
import type { GraphQLEndpoint } from './http/graphql.js';
import { answerEmailVerification } from './http/pages.js';

/** The doors of the service, as a server that does not listen yet. */
export interface Doors {
  server: Server;
  /** From now on `/health/ready` says no, so that no balancer sends more. */
  drain: () => void;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** Every path and method that is answered; all else is 404 or 405. */
export function openDoors(app: App, graphql: GraphQLEndpoint): Doors {
  const isTrusted = trustNetworks(app.config.http.trustedProxies);
  const proofOf = openDoor(app.config);
  const discovery = discoveryDocument(app.config);
  const state = { draining: false };

  const post: Handler = async (request, response) => {
    const origin = originOf(request, isTrusted);
    const proof = proofOf(request, origin);
    if (!proof) return refuseAtTheDoor(request, response);
    await graphql.post(request, response, clientOf(request, response, origin, proof));
  };
  const ready: Handler = async (_request, response) => {
    const checks = {
      draining: state.draining,
      postgres: await isPostgresUp(app.db, 1000),
      revocations: app.feed.isFresh(),
    };
    json(response, !checks.draining && checks.postgres && checks.revocations ? 200 : 503, checks);
  };
  const routes: Record<string, Record<string, Handler>> = {
    '/graphql': {
      POST: post,
      ...(app.config.production ? {} : { GET: (request, response) => sandbox(graphql, request, response) }),
    },
    '/health/live': { GET: (_request, response) => json(response, 200, { status: 'live' }) },
    '/health/ready': { GET: ready },
    '/.well-known/jwks.json': { GET: (request, response) => jwks(app, request, response) },
    '/.well-known/openid-configuration': { GET: (_request, response) => cacheable(response, discovery) },
    '/verify-email': answerEmailVerification(app, (request, response) =>
      clientOf(request, response, originOf(request, isTrusted), undefined),
    ),
  };
  const server = createServer(
    { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 65_000 },
    (request, response) => {
      handle(app, routes, state, request, response).catch((error: unknown) => fail(app, response, error));
    },
  );
  return {
    server,
    drain: () => {
      state.draining = true;
    },
  };
}

async function handle(
  app: App,
  routes: Record<string, Record<string, Handler>>,
  state: { draining: boolean },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = request.url ?? '/';
  const query = url.indexOf('?');
  const route = routes[query < 0 ? url : url.slice(0, query)];
  response.setHeader('x-request-id', requestIdOf(request));
  response.setHeader('x-content-type-options', 'nosniff');
  if (state.draining) response.setHeader('connection', 'close');
  if (allowOrigin(app.config, request, response)) return;
  if (!route) return json(response, 404, { error: 'There is nothing at this address.' });
  const handler = route[request.method ?? ''] ?? (request.method === 'HEAD' ? route['GET'] : undefined);
  if (handler) return handler(request, response);
  response.setHeader('allow', Object.keys(route).join(', '));
  json(response, 405, { error: 'This address does not take that method.' });
}

const SOUND_REQUEST_ID = /^[\w.:-]{1,64}$/;

function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && SOUND_REQUEST_ID.test(given) ? given : randomUUID();
}

function clientOf(request: IncomingMessage, response: ServerResponse, origin: Origin, proof: Proof): Client {
  // The gateway's own address is nobody's: it is no bucket for limits, and no place where somebody signed in.
  const isGateways = proof === 'gateway secret' && !origin.isForwarded;
  const isLocal = proof === 'loopback';
  const userAgent = request.headers['user-agent']?.slice(0, 512).toWellFormed() ?? null;
  return {
    ipAddress: isGateways ? null : origin.ip,
    network: isGateways || isLocal ? null : origin.network,
    userAgent,
    requestId: String(response.getHeader('x-request-id')),
  };
}

function refuseAtTheDoor(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  json(response, 401, {
    errors: [
      {
        message: 'Direct access to internal service is not allowed',
        extensions: { code: 'UNAUTHENTICATED' },
      },
    ],
  });
}

/** Only a browser gets the page; GET is no way to send operations. */
function sandbox(
  graphql: GraphQLEndpoint,
  request: IncomingMessage,
  response: ServerResponse,
): void | Promise<void> {
  if (request.headers.accept?.includes('text/html') === true) return graphql.page(request, response);
  response.setHeader('allow', 'POST');
  json(response, 405, {
    errors: [{ message: 'Send operations by POST.', extensions: { code: 'BAD_REQUEST' } }],
  });
}

function jwks(app: App, request: IncomingMessage, response: ServerResponse): void {
  const { body, etag } = app.keyring.jwks();
  response.setHeader('etag', etag);
  if (request.headers['if-none-match'] === etag) {
    response.setHeader('cache-control', CACHEABLE);
    response.statusCode = 304;
    return void response.end();
  }
  cacheable(response, body);
}

const CACHEABLE = 'public, max-age=60';

function cacheable(response: ServerResponse, body: string): void {
  response.setHeader('cache-control', CACHEABLE);
  response.setHeader('access-control-allow-origin', '*');
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.end(body);
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.statusCode = status;
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.setHeader('cache-control', 'no-store');
  response.end(JSON.stringify(body));
}

function fail(app: App, response: ServerResponse, error: unknown): void {
  const requestId = String(response.getHeader('x-request-id'));
  const refused = error instanceof BodyRefused ? error : undefined;
  if (!refused) app.log.error({ err: error, requestId }, 'unexpected error');
  if (response.headersSent) return void response.destroy();
  // What was not read of the body is not waited for.
  if (refused?.status === 413) response.setHeader('connection', 'close');
  const extensions = refused ? { code: 'BAD_REQUEST' } : { code: 'INTERNAL_SERVER_ERROR', requestId };
  json(response, refused?.status ?? 500, {
    errors: [{ message: refused?.message ?? 'Something went wrong on our side.', extensions }],
  });
}
