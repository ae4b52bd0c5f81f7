import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import { systemClock } from './clock.js';
import type { Config } from './config.js';
import type { Client } from './domain/client.js';
import type { Clock } from './domain/clock.js';
import type { Meters } from './domain/meters.js';
import { within, type Tracer } from './domain/tracing.js';
import { openIssuers } from './domain/issuers.js';
import { chargeAtOnce, openLimiters, type Limiters } from './domain/limits.js';
import { openWatch, type Watch } from './domain/watch.js';
import { coprocessorDoor } from './http/coprocessor.js';
import { statelessDiscoveryDocument } from './http/discovery.js';
import { openGraphQL, type GraphQLEndpoint } from './http/graphql.js';
import { listen } from './http/listen.js';
import {
  cacheable,
  clientOf,
  json,
  openServer,
  type Doors,
  type Handler,
  type Routes,
} from './http/server.js';
import { openLog } from './log.js';
import { observeFields, openObservability } from './observability.js';
import { decisive, DOCUMENT_LIMITS, documentLimits } from './permissions/document-limits.js';
import { credentialMutations } from './permissions/table.js';
import { identify, knowServices, type FindService } from './stateless/callers.js';
import { judge } from './stateless/edge.js';
import { buildStatelessSchema, type StatelessContext } from './stateless/graph.js';
import { introspectionDoor } from './stateless/introspection.js';
import { openVerification, type Verify } from './stateless/verification.js';
import type { Running } from './running.js';

/** What outlives a request. */
interface Parts {
  config: Config;
  clock: Clock;
  log: Logger;
  watch: Watch;
  verify: Verify;
  find: FindService;
  limiters: Limiters;
  meters: Meters;
  tracer: Tracer | undefined;
}

/** Fewer than where memory matters less. */
const REMEMBERED_TOKENS = 4000;

/**
 * Puts together a service without accounts: it verifies the tokens of trusted issuers, and keeps nothing. Neither PostgreSQL nor
 * Redis, nor anything that speaks to them, is loaded.
 */
export async function createStateless(config: Config, clock: Clock = systemClock): Promise<Running> {
  const log = openLog(config);
  const observability = await openObservability(config, log);
  const { meters, tracer } = observability;
  // Nothing is ours: a token that says so is nobody's.
  const issuers = openIssuers({
    issuers: config.issuers,
    own: undefined,
    clock,
    log,
    remembered: REMEMBERED_TOKENS,
  });
  const watch = openWatch({ config, clock, log });
  const verify = openVerification(issuers, watch, meters);
  observability.watch({ clock, issuers });
  const find = knowServices(config.stateless.serviceTokens);
  const limiters = openLimiters({ config, clock, log, redis: undefined, db: undefined, meters });
  const parts = { config, clock, log, watch, verify, find, limiters, meters, tracer };
  const graphql = await openGraph(parts);
  const close = async () => {
    await graphql.close();
    issuers.close();
    await watch.close();
    await observability.close();
  };
  try {
    const doors = openDoors(parts, graphql);
    const listening = await listen(doors, config);
    doors.open();
    const { url } = listening;
    const leave = (isReplaced?: boolean) => listening.close(isReplaced).then(close);
    return { url, metricsUrl: observability.url, log, close: leave };
  } catch (error) {
    await close();
    throw error;
  }
}

function openGraph(parts: Parts): Promise<GraphQLEndpoint> {
  const limits = decisive(documentLimits({ ...DOCUMENT_LIMITS, credentialMutations }));
  const schema = observeFields(buildStatelessSchema(parts.verify), parts);
  return openGraphQL(parts, schema, [limits], (request, client) => contextOf(parts, request, client));
}

function contextOf(
  { log, find, limiters, watch, meters }: Parts,
  request: IncomingMessage,
  client: Client,
): StatelessContext {
  const { actor, service, bearer } = identify(request, find);
  const id = 'id' in actor ? actor.id : null;
  return {
    app: { log, meters },
    actor,
    bearer,
    client,
    progress: { isGraphQL: false },
    pay: () => chargeAtOnce(limiters, 'verificationsByCaller', service?.id ?? client.network),
    denied: (field, code) => watch.denied({ actor: id, field, code, client }),
  };
}

function openDoors(parts: Parts, graphql: GraphQLEndpoint): Doors {
  const { config, clock, log, find, limiters, meters, tracer } = parts;
  const state = { isDraining: false };
  const served = { config, clock, log, limiters, locate: () => null, meters, tracer };
  return openServer(served, routesOf(parts, served, graphql, state), state, {
    proofByService: (request) => (identify(request, find).service ? 'service token' : undefined),
    refuseTooMany(request, response, { message, extensions }) {
      request.resume();
      response.setHeader('retry-after', String(extensions['retryAfterSeconds']));
      json(response, 429, { errors: [{ message, extensions }] });
    },
  });
}

function routesOf(
  parts: Parts,
  served: { locate: () => null },
  graphql: GraphQLEndpoint,
  state: { isDraining: boolean },
): Routes {
  const ready: Handler = (_request, response) =>
    json(response, state.isDraining ? 503 : 200, { draining: state.isDraining });
  const charge = (key: string | null) => chargeAtOnce(parts.limiters, 'verificationsByCaller', key);
  const denied = (client: Client) =>
    parts.watch.denied({ actor: null, field: 'POST /oauth/introspect', code: 'UNAUTHENTICATED', client });
  const introspect = introspectionDoor({ ...parts, charge, denied });
  const discovery: Handler = (_request, response) =>
    cacheable(response, statelessDiscoveryDocument(parts.config));
  return {
    '/graphql': {
      POST: (request, response, caller) =>
        within('graphql', () => graphql.post(request, response, clientOf(served, request, response, caller))),
    },
    '/oauth/introspect': {
      POST: (request, response, caller) =>
        introspect(request, response, {
          proof: caller.proof,
          client: clientOf(served, request, response, caller),
        }),
    },
    '/router/coprocessor': { POST: coprocessorOf(parts, charge) },
    '/health': { GET: ready },
    '/health/ready': { GET: ready },
    '/health/live': { GET: (_request, response) => json(response, 200, { status: 'live' }) },
    '/.well-known/openid-configuration': { GET: discovery },
    '/.well-known/oauth-authorization-server': { GET: discovery },
    // There are no keys of ours, and whoever looks for them finds that.
    '/.well-known/jwks.json': { GET: (_request, response) => json(response, 200, { keys: [] }) },
  };
}

function coprocessorOf(
  { config, log, verify, find }: Parts,
  charge: (network: string | null) => void,
): Handler {
  const deps = { verify, find, issuer: config.tokens.issuer };
  return coprocessorDoor({ config, log, charge, judge: (token, client) => judge(deps, token, client) });
}
