import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Config } from '../config.js';

const digest = (text: string) => createHash('sha256').update(text).digest();

/** How a caller proved that it may knock; undefined when it did not. */
export type Proof = 'gateway secret' | 'service token' | 'loopback' | undefined;

/**
 * Who may knock at the graph, besides services: holders of the gateway's secret and, in development, programs on this machine. The proof
 * opens the door and says nothing of who makes the request.
 */
export function openDoor(config: Config): (request: IncomingMessage) => Proof {
  const secrets = config.http.gatewaySecrets.map(digest);
  return (request) => {
    const given = request.headers['x-gateway-secret'];
    if (typeof given === 'string') {
      const presented = digest(given);
      // Each is compared, so that the time tells nothing.
      if (secrets.map((secret) => timingSafeEqual(secret, presented)).includes(true)) return 'gateway secret';
    }
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
  const isForwarded = Object.keys(headers).some((name) => BY_PROXIES.test(name));
  return LOOPBACK.test(socket.remoteAddress ?? '') && !isForwarded && HOME.test(headers.host ?? '');
}
