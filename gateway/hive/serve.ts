import { createServer } from 'node:http';
import { listenWith, type Listening } from '../listen.js';
import type { Supergraph } from '../serve.js';
import { openHive } from './runtime.mjs';

/** Serves a supergraph through Hive Gateway's runtime, by the configuration that its command line reads. */
export function serveWithHive({ sdl, auth, audience, secret, port }: Supergraph): Promise<Listening> {
  const hive = openHive(sdl, {
    AUTH_JWKS_URL: auth.jwksUrl,
    TOKEN_ISSUER: auth.issuer,
    TOKEN_AUDIENCE: audience,
    GATEWAY_SECRET: secret,
  });
  return listenWith(createServer(hive), port, async () => hive.dispose());
}
