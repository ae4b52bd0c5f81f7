import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Config } from '../config.js';
import type { Origin } from './address.js';

const digest = (text: string) => createHash('sha256').update(text).digest();

/** How a caller proved that it may knock; undefined when it did not. */
export type Proof = 'gateway secret' | 'loopback' | undefined;

/**
 * Who may knock at the graph: holders of the gateway's secret and, in development, programs on this machine. The proof
 * opens the door and says nothing of who makes the request.
 */
export function openDoor(config: Config): (request: IncomingMessage, origin: Origin) => Proof {
  const secrets = config.http.gatewaySecrets.map(digest);
  return (request, origin) => {
    const given = request.headers['x-gateway-secret'];
    if (typeof given === 'string') {
      const presented = digest(given);
      // Each is compared, so that the time tells nothing.
      if (secrets.map((secret) => timingSafeEqual(secret, presented)).includes(true)) return 'gateway secret';
    }
    const isLocal = origin.isLoopback && !origin.isForwarded;
    return !config.production && isLocal ? 'loopback' : undefined;
  };
}
