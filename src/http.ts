import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { App } from './context.js';
import { isPostgresUp } from './db/postgres.js';
import type { Client } from './domain/client.js';
import { chargeAtOnce, type ProcessLimitName } from './domain/limits.js';
import { AuthError } from './errors.js';
import { isFromTrusted, originOf, trustNetworks, type Origin } from './http/address.js';
import { BodyRefused } from './http/body.js';
import { allowOrigin } from './http/cors.js';
import { developmentRoutes } from './http/development.js';
import { discoveryDocument } from './http/discovery.js';
import { openDoor, proofByService, type Proof } from './http/door.js';
import { doorLimits, isDoor, isOAuthDoor, type DoorPath } from './http/doors.js';
import { followRequests } from './http/follow.js';
import type { GraphQLEndpoint } from './http/graphql.js';
import { asOAuthError, sendError } from './http/oauth/errors.js';
import type { OAuthCaller } from './http/oauth/caller.js';
import { oauthDoors } from './http/oauth.js';
import { askForPassword, linkPages, pressButton, setPassword, showButton } from './http/pages.js';
import { openStreams, type Streams } from './http/revocations.js';
import { refuseTooMany } from './http/too-many.js';

/** The doors of the service, as a server that does not listen yet. */
export interface Doors {
  server: Server;
  /** Until now everything but `/health/live` was answered 503. */
  open: () => void;
  /** From now on `/health/ready` says no, so that no balancer sends more. */
  drain: () => void;
}

/** Where a request comes from, and how it proved that it may knock. */
interface Caller {
  origin: Origin;
  proof: Proof;
  /** Where a trusted proxy says that it comes from. */
  told: string | undefined;
}

type Handler = (request: IncomingMessage, response: ServerResponse, caller: Caller) => void | Promise<void>;

/** Every path and method that is answered; all else is 404 or 405. */
export function openDoors(app: App, graphql: GraphQLEndpoint): Doors {
  const isTrusted = trustNetworks(app.config.http.trustedProxies);
  const proofOf = openDoor(app.config);
  const { header } = app.config.location;
  const toldOf = (request: IncomingMessage) => {
    const told = header === undefined ? undefined : request.headers[header];
    return typeof told === 'string' && isFromTrusted(request, isTrusted) ? told : undefined;
  };
  const state = { isOpen: false, isDraining: false };
  const streams = openStreams(app);
  const routes = { ...routesOf(app, graphql, state), ...oauthRoutes(app, streams) };

  const following = followRequests(app);
  const dispatch: (request: IncomingMessage, response: ServerResponse) => void | Promise<void> = (
    request,
    response,
  ) => {
    response.setHeader('x-request-id', requestIdOf(request));
    response.setHeader('x-content-type-options', 'nosniff');
    const path = pathOf(request);
    const route = isDoor(path) ? routes[path] : undefined;
    following.follow(request, response, route ? path : null);
    if (allowOrigin(app.config, request, response)) return;
    if (!route || !isDoor(path)) return json(response, 404, { error: 'There is nothing at this address.' });
    if (!state.isOpen && path !== '/health/live')
      return json(response, 503, { error: 'The service is starting.' });
    const origin = originOf(request, isTrusted);
    const caller = { origin, proof: proofOf(request), told: toldOf(request) };
    const limit = doorLimits[path];
    const admit = (proof: Proof) => {
      const refusal = limit && spend(app, limit, networkOf({ origin, proof }));
      if (refusal) return tellTooMany(path, request, response, refusal);
      if (path === '/graphql' && !proof) return refuseAtTheDoor(request, response);
      const handler = route[request.method ?? ''] ?? (request.method === 'HEAD' ? route['GET'] : undefined);
      return handler ? handler(request, response, { ...caller, proof }) : refuseMethod(response, route);
    };
    const proof = path === '/graphql' && !caller.proof ? proofByService(app, request) : caller.proof;
    return proof instanceof Promise ? proof.then(admit) : admit(proof);
  };
  const timeouts = { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 65_000 };
  const server = createServer(timeouts, (request, response) => {
    // Async, so that what is thrown before the first await is caught as well.
    (async () => dispatch(request, response))().catch((error: unknown) => fail(app, response, error));
  });
  const open = () => {
    state.isOpen = true;
  };
  const drain = () => {
    state.isDraining = true;
    streams.close();
    following.drain();
  };
  return { server, open, drain };
}

function routesOf(
  app: App,
  graphql: GraphQLEndpoint,
  state: { isDraining: boolean },
): Partial<Record<DoorPath, Record<string, Handler>>> {
  const post: Handler = (request, response, caller) =>
    graphql.post(request, response, clientOf(app, request, response, caller));
  const page: Handler = (request, response) => sandbox(graphql, request, response);
  const ready: Handler = async (_request, response) => {
    const checks = {
      draining: state.isDraining,
      postgres: await isPostgresUp(app.vital, 1000),
      revocations: app.feed.isFresh(),
    };
    json(response, !checks.draining && checks.postgres && checks.revocations ? 200 : 503, checks);
  };
  const discovery: Handler = (_request, response) =>
    cacheable(response, discoveryDocument(app.config, app.keyring.algorithms()));
  return {
    ...developmentRoutes(app.config),
    '/graphql': { POST: post, ...(app.config.production ? {} : { GET: page }) },
    '/health/live': { GET: (_request, response) => json(response, 200, { status: 'live' }) },
    '/health/ready': { GET: ready },
    '/.well-known/jwks.json': { GET: (request, response) => jwks(app, request, response) },
    '/.well-known/openid-configuration': { GET: discovery },
    ...Object.fromEntries(linkPages.map((page) => [`/${page.path}`, linkRoute(app, page)])),
    '/.well-known/oauth-authorization-server': { GET: discovery },
    '/reset-password': {
      GET: (request, response) => askForPassword(app, request, response),
      POST: (request, response, caller) =>
        setPassword(app, request, response, clientOf(app, request, response, caller)),
    },
  };
}

function linkRoute(app: App, page: (typeof linkPages)[number]): Record<string, Handler> {
  return {
    GET: (request, response) => showButton(page, request, response),
    POST: (request, response, caller) =>
      pressButton(page, app, request, response, clientOf(app, request, response, caller)),
  };
}

/** Takes a point of a door's limit. @returns why there is none */
function spend({ limiters }: App, limit: ProcessLimitName, network: string | null): AuthError | undefined {
  try {
    chargeAtOnce(limiters, limit, network);
    return undefined;
  } catch (error) {
    if (error instanceof AuthError) return error;
    throw error;
  }
}

/** Whoever knocks at a door of OAuth reads its words. */
function tellTooMany(
  path: DoorPath,
  request: IncomingMessage,
  response: ServerResponse,
  refusal: AuthError,
): void {
  const error = isOAuthDoor(path) ? asOAuthError(refusal) : undefined;
  if (!error) return refuseTooMany(request, response, refusal);
  request.resume();
  sendError(response, error);
}

/** What OAuth libraries and other services' verifiers use; each asks for a service itself. */
function oauthRoutes(app: App, streams: Streams): Partial<Record<DoorPath, Record<string, Handler>>> {
  const doors = oauthDoors(app);
  const over =
    (door: (typeof doors)['token']): Handler =>
    (request, response, caller) =>
      door(request, response, oauthCallerOf(app, request, response, caller));
  return {
    '/oauth/introspect': { POST: over(doors.introspect) },
    '/oauth/revoke': { POST: over(doors.revoke) },
    '/oauth/token': { POST: over(doors.token) },
    '/revocations': { GET: over((...given) => streams.open(...given)) },
  };
}

function oauthCallerOf(
  app: App,
  request: IncomingMessage,
  response: ServerResponse,
  caller: Caller,
): OAuthCaller {
  return {
    proof: caller.proof,
    client: clientOf(app, request, response, caller),
    asService: () => ({
      client: clientOf(app, request, response, { ...caller, proof: 'service token' }),
      network: caller.origin.network,
    }),
  };
}

function pathOf({ url = '/' }: IncomingMessage): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

function refuse(response: ServerResponse, status: number, message: string): void {
  json(response, status, { errors: [{ message, extensions: { code: 'BAD_REQUEST' } }] });
}

function refuseMethod(response: ServerResponse, route: Record<string, Handler>): void {
  response.setHeader('allow', Object.keys(route).join(', ').replace('GET', 'GET, HEAD'));
  refuse(response, 405, 'This address does not take that method.');
}

const SOUND_REQUEST_ID = /^[\w.:-]{1,64}$/;

function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && SOUND_REQUEST_ID.test(given) ? given : randomUUID();
}

/**
 * What limits by address count. The gateway's own address is nobody's: it is no bucket for limits, and no place where somebody
 * signed in. A service speaks for many: what is counted by address is counted by service.
 */
function networkOf({ origin, proof }: Pick<Caller, 'origin' | 'proof'>): string | null {
  return proof === undefined || origin.isForwarded ? origin.network : null;
}

function clientOf(
  app: App,
  request: IncomingMessage,
  response: ServerResponse,
  { origin, proof, told }: Caller,
): Client {
  const isGateways = proof === 'gateway secret' && !origin.isForwarded;
  const userAgent = request.headers['user-agent']?.slice(0, 512).toWellFormed() ?? null;
  const ipAddress = isGateways ? null : origin.ip;
  return {
    ipAddress,
    network: networkOf({ origin, proof }),
    userAgent,
    // Looked up when somebody asks: few requests sign in.
    get location() {
      return app.locate(ipAddress, told);
    },
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
  if (isKnown(request.headers['if-none-match'], etag)) {
    response.setHeader('cache-control', CACHEABLE);
    response.statusCode = 304;
    return void response.end();
  }
  cacheable(response, body);
}

/** If-None-Match: a list, compared weakly, or `*` (RFC 9110 §13.1.2); caches on the way make tags weak. */
const isKnown = (header: string | undefined, etag: string): boolean =>
  header?.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, ''))) === true;

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
  if (error instanceof AuthError && error.code === 'SERVICE_UNAVAILABLE') return unavailable(response, error);
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

/** Whether somebody may come in cannot be said right now. */
function unavailable(response: ServerResponse, { code, message }: AuthError): void {
  json(response, 503, { errors: [{ message, extensions: { code } }] });
}
