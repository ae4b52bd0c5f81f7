import { createServer } from 'node:http';
import { createGatewayRuntime } from '@graphql-hive/gateway-runtime';
import http from '@graphql-mesh/transport-http';
import { listenWith, type Listening } from '../listen.js';
import type { Supergraph } from '../serve.js';
import { configure } from './gateway.config.js';

/** Serves a supergraph through Hive Gateway's runtime, by the configuration that its command line reads. */
export function serveWithHive({ sdl, auth, audience, secret, port }: Supergraph): Promise<Listening> {
  const config = configure({
    AUTH_JWKS_URL: auth.jwksUrl,
    TOKEN_ISSUER: auth.issuer,
    TOKEN_AUDIENCE: audience,
    GATEWAY_SECRET: secret,
  });
  const gateway = createGatewayRuntime({
    ...config,
    supergraph: sdl,
    transports: { http },
    logging: 'error',
  });
  // eslint-disable-next-line @typescript-eslint/no-misused-promises -- it answers its own errors
  return listenWith(createServer(gateway), port, async () => gateway.dispose());
}
