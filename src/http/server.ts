import { createServer, IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { App } from '../context.js';
import type { Client } from '../domain/client.js';
import { chargeAtOnce, type ProcessLimitName } from '../domain/limits.js';
import { AuthError } from '../errors.js';
import { isFromTrusted, originOf, trustNetworks, type Origin } from './address.js';
import { BodyRefused } from './body.js';
import { allowOrigin } from './cors.js';
import { openDoor, type Proof } from './door.js';
import { doorLimits, isOAuthDoor, type DoorPath } from './doors.js';
import { followRequests } from './follow.js';
import { asOAuthError, sendError } from './oauth/errors.js';
import { Reply } from './reply.js';
import { settle } from './settle.js';
import { inTrace } from './trace-request.js';

/** The doors of the service, as a server that does not listen yet. */
export interface Doors {
  server: Server<typeof IncomingMessage, typeof Reply>;
  /** Until now everything but `/health/live` was answered 503. */
  open: () => void;
  /** Connections end with their next answer; and `/health/ready` says no, unless another process answers in this one's place. */
  drain: (isReplaced: boolean) => void;
}

/** Where a request comes from, and how it proved that it may knock. */
export interface Caller {
  origin: Origin;
  proof: Proof;
  /** Where a trusted proxy says that it comes from. */
  told: string | undefined;
}

/** Answers requests of one path and method. */
export type Handler = (request: IncomingMessage, response: Reply, caller: Caller) => void | Promise<void>;

/** Handlers by path, then by method; all else is 404 or 405. */
export type Routes = Partial<Record<DoorPath, Record<string, Handler>>>;

/** What every request needs of the service. */
export type Served = Pick<App, 'config' | 'clock' | 'log' | 'locate' | 'limiters' | 'meters' | 'tracer'>;

/** What is decided at the door otherwise where accounts are kept. */
export interface Porter {
  /** Asked at the graph where nothing else has opened it: whether a service stands there. */
  proofByService(request: IncomingMessage): Proof | Promise<Proof>;
  /** At a door that does not speak OAuth. */
  refuseTooMany(request: IncomingMessage, response: ServerResponse, error: AuthError): void;
}

/** The server in front of the routes. */
export function openServer(
  app: Served,
  routes: Routes,
  state: { isDraining: boolean },
  porter: Porter,
): Doors {
  const isTrusted = trustNetworks(app.config.http.trustedProxies);
  const proofOf = openDoor(app.config);
  const { header } = app.config.location;
  const toldOf = (request: IncomingMessage) => {
    const told = header === undefined ? undefined : request.headers[header];
    return typeof told === 'string' && isFromTrusted(request, isTrusted) ? told : undefined;
  };
  let isOpen = false;

  const places = placesOf(routes);
  const following = followRequests(app);
  const dispatch = (request: IncomingMessage, response: Reply): void | Promise<void> => {
    const path = pathOf(request);
    const place = places.get(path);
    following.follow(request, response, place ? path : null);
    if (allowOrigin(app.config, request, response)) return;
    if (!place) return json(response, 404, { error: 'There is nothing at this address.' });
    if (!isOpen && path !== '/health/live') return json(response, 503, { error: 'The service is starting.' });
    const origin = originOf(request, isTrusted);
    const told = toldOf(request);
    const proof = proofOf(request);
    const admit = (proved: Proof) => enter(place, request, response, { origin, proof: proved, told });
    return place.isGraph && !proof ? settle(porter.proofByService(request), admit) : admit(proof);
  };
  const enter = (place: Place, request: IncomingMessage, response: Reply, caller: Caller) => {
    const refusal = place.limit && spend(app, place.limit, networkOf(caller));
    if (refusal) return refuseTooMany(porter, place, request, response, refusal);
    if (place.isGraph && !caller.proof) return refuseAtTheDoor(request, response);
    const handler = handlerOf(place, request.method);
    return handler ? handler(request, response, caller) : refuseMethod(response, place.route);
  };
  const isBelieved = (request: IncomingMessage) =>
    proofOf(request) !== undefined || isFromTrusted(request, isTrusted);
  const timeouts = { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 65_000 };
  const server = createServer(
    { ...timeouts, IncomingMessage, ServerResponse: Reply },
    (request, response) => {
      const failed = (error: unknown) => fail(app, response, error);
      const work = () => dispatch(request, response);
      try {
        inTrace(app.tracer, request, response, () => isBelieved(request), work)?.catch(failed);
      } catch (error) {
        failed(error);
      }
    },
  );
  const open = () => {
    isOpen = true;
  };
  const drain = (isReplaced: boolean) => {
    state.isDraining = !isReplaced;
    following.drain();
  };
  return { server, open, drain };
}

/** What stands at an address. */
interface Place {
  readonly route: Record<string, Handler>;
  readonly limit: ProcessLimitName | null;
  readonly isGraph: boolean;
  readonly isOAuth: boolean;
}

/** By path. */
const placesOf = (routes: Routes): ReadonlyMap<string, Place> =>
  new Map(
    Object.entries(routes).map(([path, route]) => {
      const door = path as DoorPath;
      const isGraph = door === '/graphql';
      return [path, { route, limit: doorLimits[door], isGraph, isOAuth: isOAuthDoor(door) }];
    }),
  );

const handlerOf = ({ route }: Place, method = ''): Handler | undefined =>
  route[method] ?? (method === 'HEAD' ? route['GET'] : undefined);

/** Takes a point of a door's limit. @returns why there is none */
function spend({ limiters }: Served, limit: ProcessLimitName, network: string | null): AuthError | undefined {
  try {
    chargeAtOnce(limiters, limit, network);
    return undefined;
  } catch (error) {
    if (error instanceof AuthError) return error;
    throw error;
  }
}

/** Whoever knocks at a door of OAuth reads its words. */
function refuseTooMany(
  porter: Porter,
  { isOAuth }: Place,
  request: IncomingMessage,
  response: Reply,
  refusal: AuthError,
): void {
  const told = isOAuth ? asOAuthError(refusal) : undefined;
  if (!told) return porter.refuseTooMany(request, response, refusal);
  request.resume();
  sendError(response, told);
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

/**
 * What limits by address count. The gateway's own address is nobody's: it is no bucket for limits, and no place where somebody
 * signed in. A service speaks for many: what is counted by address is counted by service.
 */
function networkOf({ origin, proof }: Pick<Caller, 'origin' | 'proof'>): string | null {
  return proof === undefined || origin.isForwarded ? origin.network : null;
}

/** What is known of the device behind a request; a class, as an object with an accessor of its own takes a microsecond to make. */
class Device implements Client {
  declare service?: string;
  readonly ipAddress: string | null;
  readonly network: string | null;
  readonly requestId: string;
  private readonly agent: string | undefined;

  constructor(
    private readonly locate: App['locate'],
    request: IncomingMessage,
    { requestId }: Pick<Reply, 'requestId'>,
    private readonly caller: Caller,
  ) {
    const isGateways = caller.proof === 'gateway secret' && !caller.origin.isForwarded;
    this.ipAddress = isGateways ? null : caller.origin.ip;
    this.network = networkOf(caller);
    this.agent = request.headers['user-agent'];
    this.requestId = requestId;
  }

  get userAgent(): string | null {
    return this.agent?.slice(0, 512).toWellFormed() ?? null;
  }

  /** Looked up when somebody asks: few requests sign in. */
  get location(): string | null {
    return this.locate(this.ipAddress, this.caller.told);
  }
}

/** What is known of the device behind a request. */
export const clientOf = (
  { locate }: Pick<App, 'locate'>,
  request: IncomingMessage,
  response: Reply,
  caller: Caller,
): Client => new Device(locate, request, response, caller);

/** Refuses whoever has not proved that it may knock. */
export function refuseAtTheDoor(request: IncomingMessage, response: ServerResponse): void {
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

/** Answers JSON that nobody keeps. */
export function json(response: ServerResponse, status: number, body: unknown): void {
  response.statusCode = status;
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.setHeader('cache-control', 'no-store');
  response.end(JSON.stringify(body));
}

export const CACHEABLE = 'public, max-age=60';

/** Answers a document that everybody may read and keep for a minute. */
export function cacheable(response: ServerResponse, body: string): void {
  response.setHeader('cache-control', CACHEABLE);
  response.setHeader('access-control-allow-origin', '*');
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.end(body);
}

function fail(app: Served, response: Reply, error: unknown): void {
  const { requestId } = response;
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
