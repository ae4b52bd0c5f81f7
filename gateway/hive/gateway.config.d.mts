/**
 * What Hive Gateway is told, by these environment variables; as much of it as others here look at. Hive's own types would bring
 * those of browsers into the whole project.
 */
export interface HiveConfig {
  propagateHeaders: {
    fromClientToSubgraphs(asked: {
      request: Request;
      subgraphName: string;
    }): Record<string, string | undefined>;
  };
  transportEntries: { auth: { options: { deduplicateInflightRequests: boolean } } };
}

export function configure(env: Readonly<Record<string, string | undefined>>): HiveConfig;

export const gatewayConfig: HiveConfig;
