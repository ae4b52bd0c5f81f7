import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Config } from '../config.js';

const digest = (text: string) => createHash('sha256').update(text).digest();

/** Where a gateway shows its secret. */
export const SECRET_HEADER = 'x-gateway-secret';

/** Tells the gateway's secrets from all else. */
export function knowSecrets({ http }: Pick<Config, 'http'>): (given: string) => boolean {
  const secrets = http.gatewaySecrets.map(digest);
  return (given) => {
    const presented = digest(given);
    // Each is compared, so that the time tells nothing.
    return secrets.map((secret) => timingSafeEqual(secret, presented)).includes(true);
  };
}

/** How a caller proved that it may knock; undefined when it did not. */
export type Proof = 'gateway secret' | 'service token' | 'loopback' | undefined;

/**
 * Who may knock at the graph, besides services: holders of the gateway's secret and, in development, programs on this machine. The proof
 * opens the door and says nothing of who makes the request.
 */
export function openDoor(config: Config): (request: IncomingMessage) => Proof {
  const isSecret = knowSecrets(config);
  return (request) => {
    const given = request.headers[SECRET_HEADER];
    if (typeof given === 'string' && isSecret(given)) return 'gateway secret';
    return !config.production && LOOPBACK.test(request.socket.remoteAddress ?? '') ? 'loopback' : undefined;
  };
}

/** The other end of the connection, whatever its headers say. */
const LOOPBACK = /^(::1|(::ffff:)?127\.\d+\.\d+\.\d+)$/;

const HOME = /^(localhost|[a-z0-9-]+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i;

const BY_PROXIES = /^(forwarded|via|x-forwarded-.*|x-real-ip|(cf-connecting|true-client)-ip)$/;

/**
 * Whether a request was made on this machine, for this machine: by nobody's proxy, and by no page of another site whose name
 * points here for a moment.
 */
export function isAtHome({ socket, headers }: IncomingMessage): boolean {
  return LOOPBACK.test(socket.remoteAddress ?? '') && !isForwarded(headers) && HOME.test(headers.host ?? '');
}

/** Whether a proxy says that it passed a request on. */
export const isForwarded = (headers: IncomingHttpHeaders): boolean =>
  Object.keys(headers).some((name) => BY_PROXIES.test(name));
