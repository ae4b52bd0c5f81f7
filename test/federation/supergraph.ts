import { startGateway, type RunningGateway } from '../../gateway/serve.js';
import { ask, startApp, type TestApp } from '../harness/app.js';

/** The service and the sample subgraph behind a gateway, as a client sees them. */
export interface Supergraph {
  /** Sends one operation to the gateway. */
  graphql: TestApp['graphql'];
  gateway: RunningGateway;
  /** The service behind it. */
  app: TestApp;
  close(): Promise<void>;
}

/** Starts all of it: the service with these environment variables, the gateway with this secret for it. */
export async function startSupergraph(
  environment: Record<string, string> = {},
  secret?: string,
): Promise<Supergraph> {
  const app = await startApp(environment);
  const gateway = await startGateway({ authUrl: `${app.url}/graphql`, port: 0, secret });
  const { origin } = new URL(gateway.url);
  const close = async () => {
    await gateway.close();
    await app.close();
  };
  return { app, gateway, graphql: (...operation) => ask(origin, ...operation), close };
}
