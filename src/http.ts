import type { IncomingMessage, ServerResponse } from 'node:http';
import { provingServiceOf, type App } from './context.js';
import { isPostgresUp } from './db/postgres.js';
import type { Actor } from './domain/access.js';
import type { Client } from './domain/client.js';
import { chargeAtOnce } from './domain/limits.js';
import { within } from './domain/tracing.js';
import { AuthError } from './errors.js';
import { coprocessorDoor } from './http/coprocessor.js';
import { exchange, judge } from './http/coprocessor/judge.js';
import { credentialsOf } from './http/credentials.js';
import { developmentRoutes } from './http/development.js';
import { discoveryDocument } from './http/discovery.js';
import type { Proof } from './http/door.js';
import type { GraphQLEndpoint } from './http/graphql.js';
import { oauthDoors } from './http/oauth.js';
import type { OAuthCaller } from './http/oauth/caller.js';
import type { Door } from './http/oauth/safely.js';
import { grants } from './http/oauth/token.js';
import { askForPassword, linkPages, pressButton, setPassword, showButton } from './http/pages.js';
import type { Reply } from './http/reply.js';
import { openStreams, type Streams } from './http/revocations.js';
import {
  CACHEABLE,
  cacheable,
  clientOf,
  json,
  openServer,
  type Caller,
  type Doors,
  type Handler,
  type Routes,
} from './http/server.js';
import { refuseTooMany } from './http/too-many.js';

/** Every path and method that is answered; all else is 404 or 405. */
export function openDoors(app: App, graphql: GraphQLEndpoint): Doors {
  const state = { isDraining: false };
  const streams = openStreams(app);
  const routes = { ...routesOf(app, graphql, state), ...oauthRoutes(app, streams), ...routerRoutes(app) };
  const doors = openServer(app, routes, state, {
    proofByService: (request) => proofByService(app, request),
    refuseTooMany,
  });
  const drain = (isReplaced: boolean) => {
    doors.drain(isReplaced);
    streams.close();
  };
  return { ...doors, drain };
}

/**
 * Whether a service stands at the door: asked where nothing else has opened it.
 * @throws {AuthError} SERVICE_UNAVAILABLE when nothing can be said for certain
 */
function proofByService(app: App, request: IncomingMessage): Proof | Promise<Proof> {
  const service = provingServiceOf(app, credentialsOf(request));
  return service instanceof Promise ? service.then(asProof) : asProof(service);
}

function asProof(actor: Actor): Proof {
  if (actor.kind === 'anonymous' && actor.rejection === 'UNAVAILABLE')
    throw new AuthError('SERVICE_UNAVAILABLE');
  return actor.kind === 'service' ? 'service token' : undefined;
}

function routesOf(app: App, graphql: GraphQLEndpoint, state: { isDraining: boolean }): Routes {
  const post: Handler = (request, response, caller) =>
    within('graphql', () => graphql.post(request, response, clientOf(app, request, response, caller)));
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
    cacheable(response, discoveryDocument(app.config, app.keyring.algorithms(), Object.keys(grants)));
  return {
    ...developmentRoutes(app.config),
    '/graphql': { POST: post, ...(app.config.production ? {} : { GET: page }) },
    '/health': { GET: ready },
    '/health/live': { GET: (_request, response) => json(response, 200, { status: 'live' }) },
    '/health/ready': { GET: ready },
    '/.well-known/jwks.json': { GET: (request, response) => jwks(app, request, response) },
    '/.well-known/openid-configuration': { GET: discovery },
    '/.well-known/oauth-authorization-server': { GET: discovery },
    ...Object.fromEntries(linkPages.map((page) => [`/${page.path}`, linkRoute(app, page)])),
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

/** What OAuth libraries and other services' verifiers use; each asks for a service itself. */
function oauthRoutes(app: App, streams: Streams): Routes {
  const doors = oauthDoors(app);
  const over =
    (door: Door<OAuthCaller>): Handler =>
    (request, response, caller) =>
      door(request, response, new Knocking(app, request, response, caller));
  return {
    '/oauth/introspect': { POST: over(doors.introspect) },
    '/oauth/revoke': { POST: over(doors.revoke) },
    '/oauth/token': { POST: over(doors.token) },
    '/revocations': { GET: over((...given) => streams.open(...given)) },
  };
}

/** What Apollo Router asks about its clients' tokens. */
function routerRoutes(app: App): Routes {
  const door = coprocessorDoor({
    config: app.config,
    log: app.log,
    charge: (network) => chargeAtOnce(app.limiters, 'verificationsByCaller', network),
    judge: (token, client) => judge(app, token, client),
    exchange: (token, serviceName, client) => exchange(app, token, serviceName, client),
  });
  return { '/router/coprocessor': { POST: door } };
}

/** Who knocks at a door of OAuth; a class, as accessors that each object has for itself keep it from being collected early. */
class Knocking implements OAuthCaller {
  constructor(
    private readonly app: App,
    private readonly request: IncomingMessage,
    private readonly response: Reply,
    private readonly caller: Caller,
  ) {}

  get proof(): Proof {
    return this.caller.proof;
  }

  /** Asked of few. */
  get client(): Client {
    return clientOf(this.app, this.request, this.response, this.caller);
  }

  asService(): { client: Client; network: string } {
    const { origin, told } = this.caller;
    const caller: Caller = { origin, told, proof: 'service token' };
    return { client: clientOf(this.app, this.request, this.response, caller), network: origin.network };
  }
}

/** Only a browser gets the page; GET is no way to send operations. */
function sandbox(graphql: GraphQLEndpoint, request: IncomingMessage, response: Reply): void | Promise<void> {
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
