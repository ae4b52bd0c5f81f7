import type { IncomingMessage } from 'node:http';
import { RemoteGraphQLDataSource, type GraphQLDataSourceProcessOptions } from '@apollo/gateway';
import { GraphQLError } from 'graphql';

/**
 * The client's headers that subgraphs see: who asks, under which number, and the device that `me.sessions` shows. Everything
 * else stays outside, `x-user-id` and cookies included.
 */
const PASSED_ON = ['authorization', 'x-request-id', 'user-agent'] as const;

/** What the gateway keeps of a client's request. */
export interface GatewayContext {
  [key: string]: unknown;
  passedOn?: Record<string, string>;
}

type Headers = Pick<IncomingMessage, 'headers' | 'rawHeaders'>;

/**
 * Picks what is passed on, as it came: whether a bearer is any good is for the subgraphs to say. Two of them are nobody's: of
 * what came twice Node shows the first one only.
 */
export function contextOf(request: Headers): GatewayContext {
  const present = PASSED_ON.flatMap((name) => {
    const value = request.headers[name];
    const isSound = name !== 'authorization' || timesOf(name, request) === 1;
    return typeof value === 'string' && isSound ? [[name, value] as const] : [];
  });
  return { passedOn: Object.fromEntries(present) };
}

const timesOf = (name: string, { rawHeaders }: Headers): number =>
  rawHeaders.filter((text, at) => at % 2 === 0 && text.toLowerCase() === name).length;

/**
 * The gateway's way to one subgraph. Only the auth subgraph is given the secret; its errors arrive with code and
 * extensions, and failures of transport say nothing about the inner network.
 */
export class SubgraphDataSource extends RemoteGraphQLDataSource<GatewayContext> {
  private readonly serviceName: string;
  private readonly secret: string | undefined;

  constructor(subgraph: { name: string; url: string; secret: string | undefined }) {
    super({ url: subgraph.url });
    this.serviceName = subgraph.name;
    this.secret = subgraph.secret;
  }

  override willSendRequest({ request, context }: GraphQLDataSourceProcessOptions<GatewayContext>): void {
    const { passedOn = {} } = context as GatewayContext;
    for (const [name, value] of Object.entries(passedOn)) request.http?.headers.set(name, value);
    if (this.secret) request.http?.headers.set('x-gateway-secret', this.secret);
  }

  override async errorFromResponse(response: Parameters<RemoteGraphQLDataSource['errorFromResponse']>[0]) {
    const body: unknown = await this.parseBody(response);
    const [error] = (body as { errors?: GraphQLError[] } | null)?.errors ?? [];
    return error ? new GraphQLError(error.message, { extensions: error.extensions }) : this.unavailable();
  }

  override didEncounterError(error: Error): never {
    throw error instanceof GraphQLError ? error : this.unavailable();
  }

  private unavailable(): GraphQLError {
    const extensions = { code: 'SERVICE_UNAVAILABLE' };
    return new GraphQLError(`The ${this.serviceName} subgraph does not answer`, { extensions });
  }
}
