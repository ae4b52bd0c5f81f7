import { ApolloGateway } from '@apollo/gateway';
import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';
import { composeSupergraph, readAuthService, type AuthService } from './compose.js';
import { contextOf, SubgraphDataSource, type GatewayContext } from './data-source.js';
import { listen, type Listening } from './listen.js';
import { notesSdl, startNotes } from './notes/subgraph.js';

/** How to start the gateway; everything has a default that fits `npm start`. */
export interface GatewayOptions {
  /** The auth service's GraphQL endpoint. */
  authUrl?: string | undefined;
  /** Where to listen; the sample subgraph takes the next port. 0 takes any free ones. */
  port?: number | undefined;
  /** Proof for the auth service, sent as `x-gateway-secret`. Not needed on loopback in development. */
  secret?: string | undefined;
  /** `aud` that the sample subgraph asks of access tokens: the auth service's TOKEN_AUDIENCE. */
  audience?: string | undefined;
}

/** A gateway that runs. */
export interface RunningGateway extends Listening {
  /** The sample subgraph behind it. */
  notesUrl: string;
}

const AUTH_URL = 'http://127.0.0.1:4000/graphql';
const PORT = 4100;

/**
 * Composes the auth service with the sample subgraph and serves both through @apollo/gateway on loopback. The supergraph
 * is composed once: start it again after a change of schema. For development only, see README.md.
 *
 * @throws an Error that says what to do, when the auth service does not run, refuses, or does not compose
 */
export async function startGateway(options: GatewayOptions = {}): Promise<RunningGateway> {
  const { authUrl = AUTH_URL, port = PORT, secret, audience = 'authgraph' } = options;
  const auth = await readAuthService(authUrl, secret);
  const notes = await startNotes({ ...auth, audience }, port && port + 1);
  try {
    const gateway = await serve(compose(auth, notes.url), { auth: secret }, port);
    const close = async () => {
      await gateway.close();
      await notes.close();
    };
    return { url: gateway.url, notesUrl: notes.url, close };
  } catch (error) {
    await notes.close();
    throw error;
  }
}

/**
 * The supergraph SDL of the same two subgraphs, for routers that are not started here.
 *
 * @throws as {@link startGateway}
 */
export async function supergraphSdl(options: GatewayOptions = {}): Promise<string> {
  const auth = await readAuthService(options.authUrl ?? AUTH_URL, options.secret);
  return compose(auth, `http://127.0.0.1:${String((options.port ?? PORT) + 1)}/graphql`);
}

const compose = (auth: AuthService, notesUrl: string) =>
  composeSupergraph([auth, { name: 'notes', url: notesUrl, sdl: notesSdl }]);

function serve(sdl: string, secrets: Record<string, string | undefined>, port: number): Promise<Listening> {
  const gateway = new ApolloGateway({
    supergraphSdl: sdl,
    buildService: ({ name, url = '' }) => new SubgraphDataSource({ name, url, secret: secrets[name] }),
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
