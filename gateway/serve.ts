import { composeSupergraph, readAuthService, type AuthService } from './compose.js';
import type { Listening } from './listen.js';
import { notesSdl, startNotes } from './notes/subgraph.js';
import { openVerifier, type Verifier } from './verifier.js';

/** A supergraph to serve. */
export interface Supergraph {
  sdl: string;
  /** What the service says of itself. */
  auth: AuthService;
  /** `aud` of the access tokens. */
  audience: string;
  /** Proof for the auth service; for no other subgraph. */
  secret: string | undefined;
  /** Where to listen on loopback; 0 for any free one. */
  port: number;
}

/** The gateways that can stand in front. Each is loaded only when it is wanted. */
const ENGINES = {
  apollo: async (graph: Supergraph): Promise<Listening> =>
    (await import('./apollo.js')).serveWithApollo(graph),
  hive: async (graph: Supergraph): Promise<Listening> =>
    (await import('./hive/serve.js')).serveWithHive(graph),
};

/** How to start the gateway; everything has a default that fits `npm start`. */
export interface GatewayOptions {
  /** Which gateway. */
  engine?: keyof typeof ENGINES | undefined;
  /** The auth service's GraphQL endpoint. */
  authUrl?: string | undefined;
  /** Where to listen; the sample subgraph takes the next port. 0 takes any free ones. */
  port?: number | undefined;
  /** Proof for the auth service, sent as `x-gateway-secret`. Not needed on loopback in development. */
  secret?: string | undefined;
  /** `aud` that is asked of access tokens: the auth service's TOKEN_AUDIENCE. */
  audience?: string | undefined;
  /** The sample subgraph's own service token: with it, it verifies bearers itself. */
  serviceToken?: string | undefined;
}

/** A gateway that runs. */
export interface RunningGateway extends Listening {
  /** The sample subgraph behind it. */
  notesUrl: string;
  /** How the sample subgraph tells whom to believe. */
  verifier: Verifier;
}

const AUTH_URL = 'http://127.0.0.1:4000/graphql';
const PORT = 4100;

/**
 * Composes the auth service with the sample subgraph and serves both through a gateway on loopback. The supergraph
 * is composed once: start it again after a change of schema. For development only, see README.md.
 *
 * @throws an Error that says what to do, when the auth service does not run, refuses, or does not compose
 */
export async function startGateway(options: GatewayOptions = {}): Promise<RunningGateway> {
  const { authUrl = AUTH_URL, port = PORT, secret, audience = 'authgraph', engine = 'apollo' } = options;
  const auth = await readAuthService(authUrl, secret);
  const verifier = openVerifier({ url: authUrl, audience, serviceToken: options.serviceToken, secret });
  const notes = await startNotes(verifier, port && port + 1).catch((error: unknown) => {
    verifier.close();
    throw error;
  });
  const closeNotes = async () => {
    await notes.close();
    verifier.close();
  };
  try {
    const sdl = compose(auth, notes.url);
    const gateway = await ENGINES[engine]({ sdl, auth, audience, secret, port });
    const close = async () => {
      await gateway.close();
      await closeNotes();
    };
    return { url: gateway.url, notesUrl: notes.url, verifier, close };
  } catch (error) {
    await closeNotes();
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
