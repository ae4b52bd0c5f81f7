import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import type { Config } from '../config.js';
import type { Client } from '../domain/client.js';
import type { Passage } from '../domain/edge.js';
import { AuthError, presentable } from '../errors.js';
import { isFromTrusted, originBehind, trustNetworks } from './address.js';
import { readJson } from './body.js';
import { breakOff, goOn, letPass } from './coprocessor/answer.js';
import {
  isChecked,
  readEnvelope,
  valuesOf,
  type Envelope,
  type HeaderLists,
} from './coprocessor/envelope.js';
import { isForwarded, knowSecrets, SECRET_HEADER } from './door.js';
import { SOUND_REQUEST_ID } from './follow.js';
import type { Reply } from './reply.js';
import { json, refuseAtTheDoor, type Handler } from './server.js';

/** What the door for routers needs of the service. */
export interface CoprocessorDeps {
  config: Config;
  log: Logger;
  /** Takes a point from whoever sent the token. @throws {AuthError} RATE_LIMITED */
  charge(network: string | null): void;
  /** Says what becomes of a request with this bearer. @throws {AuthError} SERVICE_UNAVAILABLE */
  judge(token: string, client: Client): Promise<Passage>;
  /**
   * A token of ours for the service of that name, in place of this one; undefined where there is no such service, or no
   * token of ours. @throws {AuthError} FORBIDDEN
   */
  exchange?(token: string, serviceName: string, client: Client): Promise<string | undefined>;
}

/** Headers as they are, twice over: what a client may send besides its body. */
const MOST_BYTES = 256 * 1024;
/** The router waits for a second, unless told otherwise, and then says nothing of ours to its client. */
const ANSWER_WITHIN_MS = 800;

/**
 * Answers Apollo Router as its coprocessor: what comes with a token that is not good goes no further, and whom a good one
 * speaks of is put into the router's context.
 * @see docs/decisions/0022-the-edge.md
 */
export function coprocessorDoor(deps: CoprocessorDeps): Handler {
  const isRouter = knowRouters(deps.config);
  const isTrusted = trustNetworks(deps.config.http.trustedProxies);
  return async (request, response, { proof }) => {
    const isProved = proof !== undefined || isRouter.byNetwork(request);
    const reading = readJson(request, MOST_BYTES).then(readEnvelope);
    const envelope = isProved ? await reading : await reading.catch(() => undefined);
    if (!envelope || (!isProved && !isRouter.bySecret(envelope.headers)))
      return refuseAtTheDoor(request, response);
    const origin = isFromTrusted(request, isTrusted)
      ? originBehind(request, forwardedIn(envelope), isTrusted)
      : undefined;
    const client = clientBehind(envelope, origin, response);
    json(response, 200, await answer(deps, envelope, client));
  };
}

/**
 * A router can add no header to its calls. It shows the gateway's secret among its client's headers, where a script has put it, or
 * calls, itself, from a network that only routers are in.
 */
function knowRouters(config: Config) {
  const isSecret = knowSecrets(config);
  const isRouters = trustNetworks(config.http.routerNetworks);
  return {
    byNetwork: (request: IncomingMessage) =>
      isFromTrusted(request, isRouters) && !isForwarded(request.headers),
    bySecret: (headers: HeaderLists = {}) => {
      const given = valuesOf(headers, SECRET_HEADER);
      return given.length === 1 && isSecret(given[0] ?? '');
    },
  };
}

const forwardedIn = ({ headers = {} }: Envelope): string | undefined =>
  valuesOf(headers, 'x-forwarded-for').join(',') || undefined;

/** The device behind the router; the router's own address is nobody's. */
function clientBehind(
  { headers = {} }: Envelope,
  origin: { ip: string; network: string; isForwarded: boolean } | undefined,
  reply: Reply,
): Client {
  const known = origin?.isForwarded === true ? origin : undefined;
  const [id = ''] = valuesOf(headers, 'x-request-id');
  return {
    ipAddress: known?.ip ?? null,
    network: known?.network ?? null,
    userAgent: valuesOf(headers, 'user-agent')[0]?.slice(0, 512).toWellFormed() ?? null,
    location: null,
    requestId: SOUND_REQUEST_ID.test(id) ? id : reply.requestId,
  };
}

async function answer(deps: CoprocessorDeps, envelope: Envelope, client: Client): Promise<object> {
  if (!isChecked(envelope)) return letPass(envelope);
  try {
    return await soon(decide(deps, envelope, client));
  } catch (error) {
    return breakOff(envelope, told(deps, error, client));
  }
}

/** Whatever is wrong with us, nobody gets in by it. */
function told({ log }: CoprocessorDeps, error: unknown, { requestId }: Client): AuthError {
  const known = presentable(error);
  if (known.code !== 'SERVICE_UNAVAILABLE' && known.code !== 'INTERNAL_SERVER_ERROR') return known;
  const isExpected = known.code === 'SERVICE_UNAVAILABLE';
  log[isExpected ? 'warn' : 'error'](
    { err: error, requestId },
    isExpected ? 'unavailable' : 'unexpected error',
  );
  return new AuthError('SERVICE_UNAVAILABLE');
}

/** @throws {AuthError} SERVICE_UNAVAILABLE when it takes too long */
async function soon<T>(work: Promise<T>): Promise<T> {
  let late: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    late = setTimeout(() => reject(new AuthError('SERVICE_UNAVAILABLE')), ANSWER_WITHIN_MS);
  });
  return Promise.race([work, timeout]).finally(() => clearTimeout(late));
}

async function decide(deps: CoprocessorDeps, envelope: Envelope, client: Client): Promise<object> {
  if (!envelope.headers) {
    deps.log.error('the router sends no headers: set headers: true for each stage of the coprocessor');
    throw new AuthError('SERVICE_UNAVAILABLE');
  }
  const token = bearerIn(valuesOf(envelope.headers, 'authorization'));
  if (token === undefined) return goOn(envelope, {});
  deps.charge(client.network);
  const passage = await deps.judge(token, client);
  if (passage.kind === 'nobody') return goOn(envelope, { authorization: null });
  if (passage.kind === 'refused') return breakOff(envelope, new AuthError(passage.code), passage.reason);
  const { claims } = passage;
  const { stage, serviceName } = envelope;
  const exchanged =
    stage === 'SubgraphRequest' && serviceName !== undefined
      ? await deps.exchange?.(token, serviceName, client)
      : undefined;
  return goOn(
    envelope,
    exchanged === undefined ? { claims } : { claims, authorization: `Bearer ${exchanged}` },
  );
}

/** Also behind what stands for another scheme: some who read it take whatever follows the word. */
const MEANT = /(?:^|[\s,])bearer(?:[\s,]|$)/i;
const BEARER = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i;

/** The bearer among the values of Authorization: undefined where none is meant to be one, '' for what cannot be read as a single one. */
function bearerIn(values: readonly string[]): string | undefined {
  const isMeant = values.some((value) => MEANT.test(value));
  if (!isMeant && values.length < 2) return undefined;
  return values.length === 1 ? (BEARER.exec((values[0] ?? '').trim())?.[1] ?? '') : '';
}
