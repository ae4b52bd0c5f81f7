import { createGatewayRuntime } from '@graphql-hive/gateway-runtime';
import http from '@graphql-mesh/transport-http';
import { configure } from './gateway.config.mjs';

/** Hive Gateway over this supergraph, configured as its command line would be by these environment variables. */
export function openHive(supergraph, env) {
  return createGatewayRuntime({ ...configure(env), supergraph, transports: { http }, logging: 'error' });
}
