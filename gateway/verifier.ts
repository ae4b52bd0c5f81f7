import { createAuthClient, type AuthClient, type TokenVerification } from '@authgraph/client';

/** What the sample subgraph needs of the client library: whether a bearer is to be believed, now. */
export type Verifier = Pick<AuthClient, 'verify' | 'ready' | 'close'>;

/** Where to ask, and as whom. */
export interface VerifierOptions {
  /** The auth service's GraphQL endpoint. */
  url: string;
  /** `aud` of the access tokens. */
  audience: string;
  /** The sample's own service token. */
  serviceToken: string | undefined;
  /** The gateway's, for the first try without a service token. */
  secret: string | undefined;
}

/**
 * With a service token, the client library: bearers are verified in this process, and revocations are heard as they
 * happen. A first try needs none: then the auth service is asked about each bearer, in the gateway's name.
 */
export function openVerifier({ url, audience, serviceToken, secret }: VerifierOptions): Verifier {
  if (serviceToken) return createAuthClient({ url, serviceToken, audience });
  return {
    verify: (token) => ask(url, token, secret),
    ready: () => Promise.resolve(),
    close: () => undefined,
  };
}

const VERIFY = `query ($token: String!) { verifyToken(token: $token) { valid reason
  subject { id type username email role roles permissions } sessionId issuer scopes expiresAt } }`;

async function ask(url: string, token: string, secret: string | undefined): Promise<TokenVerification> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(secret && { 'x-gateway-secret': secret }) },
    body: JSON.stringify({ query: VERIFY, variables: { token } }),
    signal: AbortSignal.timeout(5_000),
  });
  const { data } = (await response.json()) as { data?: { verifyToken?: Omit<TokenVerification, 'service'> } };
  if (data?.verifyToken) return { ...data.verifyToken, service: null };
  throw new Error(`The auth service did not say whether the bearer is good: HTTP ${response.status}`);
}
