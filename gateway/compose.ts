import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';

/** A subgraph as a composer takes it. */
export interface Subgraph {
  name: string;
  url: string;
  sdl: string;
}

/** What the gateway and its neighbours need to know of the auth service. */
export interface AuthService extends Subgraph {
  /** `iss` of its access tokens. */
  issuer: string;
  /** Where its public keys are. */
  jwksUrl: string;
}

/**
 * Composes the supergraph that a gateway serves.
 *
 * @throws an Error that lists every reason why the subgraphs do not fit together
 */
export function composeSupergraph(subgraphs: Subgraph[]): string {
  const { supergraphSdl, errors } = composeServices(
    subgraphs.map(({ name, url, sdl }) => ({ name, url, typeDefs: parse(sdl) })),
  );
  if (supergraphSdl !== undefined) return supergraphSdl;
  throw new Error(`The subgraphs do not compose:\n${errors.map((e) => `  ${e.message}`).join('\n')}`);
}

/**
 * Asks the running auth service for its schema and its issuer.
 *
 * @param secret sent as `x-gateway-secret`, where the service asks for it
 * @throws an Error that says what to do when it does not run or refuses
 */
export async function readAuthService(url: string, secret: string | undefined): Promise<AuthService> {
  const sdl = await readSdl(url, secret);
  const { issuer } = await readJson<{ issuer: string }>(new URL('/.well-known/openid-configuration', url));
  return { name: 'auth', url, sdl, issuer, jwksUrl: new URL('/.well-known/jwks.json', url).href };
}

async function readSdl(url: string, secret: string | undefined): Promise<string> {
  const answer = await readJson<{ data?: { _service?: { sdl?: string } } }>(new URL(url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(secret && { 'x-gateway-secret': secret }) },
    body: JSON.stringify({ query: '{ _service { sdl } }' }),
  });
  const sdl = answer.data?._service?.sdl;
  if (sdl === undefined) throw new Error(`${url} answers, but not as a subgraph: ${JSON.stringify(answer)}`);
  return sdl;
}

async function readJson<T>(url: URL, init: RequestInit = {}): Promise<T> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(5_000) }).catch(
    (cause: unknown) => {
      throw new Error(
        `No auth service answers at ${url.origin}. Start one with \`npm start\`, or set AUTH_URL.`,
        { cause },
      );
    },
  );
  if (response.ok) return (await response.json()) as T;
  await response.body?.cancel();
  if (response.status === 401) {
    throw new Error(
      `The auth service refuses this gateway: set GATEWAY_SECRET to one of its GATEWAY_SECRETS.`,
    );
  }
  throw new Error(`${url.href} answers HTTP ${response.status}: is it the auth service?`);
}
