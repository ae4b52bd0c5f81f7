import { ApolloGateway } from '@apollo/gateway';
import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';
import { contextOf, SubgraphDataSource, type GatewayContext } from './data-source.js';
import { listen, type Listening } from './listen.js';
import type { Supergraph } from './serve.js';

/** Serves a supergraph through @apollo/gateway. */
export function serveWithApollo({ sdl, auth, secret, port }: Supergraph): Promise<Listening> {
  const secretOf = (name: string) => (name === auth.name ? secret : undefined);
  const gateway = new ApolloGateway({
    supergraphSdl: sdl,
    buildService: ({ name, url = '' }) => new SubgraphDataSource({ name, url, secret: secretOf(name) }),
  });
  const server = new ApolloServer<GatewayContext>({
    gateway,
    csrfPrevention: true,
    introspection: true,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    plugins: [ApolloServerPluginLandingPageLocalDefault({ embed: true, footer: false })],
  });
  return listen(server, contextOf, port);
}
