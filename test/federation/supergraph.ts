import { startGateway, type GatewayOptions, type RunningGateway } from '../../gateway/serve.js';
import { ask, startApp, type TestApp } from '../harness/app.js';
import { openScene } from '../harness/scene.js';

/** A gateway in front of the service and the sample subgraph, as a client sees it. */
export interface Graph {
  /** Sends one operation to the gateway. */
  graphql: TestApp['graphql'];
  gateway: RunningGateway;
  close(): Promise<void>;
}

/** The same together with the service behind it. */
export interface Supergraph extends Graph {
  app: TestApp;
}

/** Puts a gateway in front of a running service; waits until the sample subgraph can verify. */
export async function startGraph(app: TestApp, options: GatewayOptions = {}): Promise<Graph> {
  const gateway = await startGateway({ authUrl: `${app.url}/graphql`, port: 0, ...options });
  await gateway.verifier.ready();
  const { origin } = new URL(gateway.url);
  const graphql: Graph['graphql'] = (...operation) => ask(origin, ...operation);
  return { gateway, graphql, close: () => gateway.close() };
}

/** Starts all of it: the service with these environment variables, the gateway with this secret for it. */
export async function startSupergraph(
  environment: Record<string, string> = {},
  secret?: string,
): Promise<Supergraph> {
  const app = await startApp(environment);
  const graph = await startGraph(app, { secret });
  const close = async () => {
    await graph.close();
    await app.close();
  };
  return { ...graph, app, close };
}

/**
 * A service token for the sample subgraph, of a service that was there before: where one was just made, new tokens are asked
 * about for some seconds.
 */
export async function notesToken(app: TestApp): Promise<string> {
  const scene = await openScene(app);
  try {
    return (await scene.serviceToken([])).token;
  } finally {
    await scene.close();
  }
}
