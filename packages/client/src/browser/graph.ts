import { SessionError } from './tokens.js';

const TIMEOUT_MS = 10_000;
/** Doing it again finds it done: refreshing answers the same successor (its token is the key). */
const TRIES = 3;
const FIRST_PAUSE_MS = 300;

interface Fault {
  readonly message: string;
  readonly extensions?: { readonly code?: string; readonly retryAfterSeconds?: number };
}

const TOKENS = 'accessToken refreshToken deviceToken';
export const SIGN_IN = `mutation SignIn($input: SignInInput!) { signIn(input: $input) { __typename
  ... on AuthPayload { ${TOKENS} } ... on MfaChallenge { challengeToken methods expiresAt }
  ... on EmailVerificationPending { email } } }`;
export const REFRESH = `mutation Refresh($refreshToken: String!) { refresh(refreshToken: $refreshToken) { ${TOKENS} } }`;
export const REVOKE = 'mutation Revoke($token: String!) { revoke(token: $token) }';

/**
 * Sends one operation without any token: refreshing needs none, and gateways refuse requests with an expired one.
 * @throws {SessionError} with the service's code, or NETWORK
 */
export async function send<T>(
  to: { readonly url: string; readonly fetch: typeof fetch },
  query: string,
  variables: object,
): Promise<T> {
  const body = JSON.stringify({ query, variables });
  const headers = { 'content-type': 'application/json', accept: 'application/json' };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  let answer: { data?: T; errors?: readonly Fault[] };
  try {
    const response = await to.fetch(to.url, { method: 'POST', headers, body, signal });
    answer = (await response.json()) as typeof answer;
  } catch {
    throw new SessionError('NETWORK', 'The service cannot be reached.');
  }
  const [fault] = answer.errors ?? [];
  if (fault) {
    const { code = 'INTERNAL_SERVER_ERROR', retryAfterSeconds } = fault.extensions ?? {};
    throw new SessionError(code, fault.message, retryAfterSeconds);
  }
  if (!answer.data) throw new SessionError('NETWORK', 'The answer is not one of the service.');
  return answer.data;
}

const PASSING = new Set(['NETWORK', 'SERVICE_UNAVAILABLE', 'INTERNAL_SERVER_ERROR']);

/** Whether the service may answer otherwise in a moment. */
export const isPassing = (error: unknown): boolean =>
  error instanceof SessionError && PASSING.has(error.code);

/** {@link send}, again where nobody answered. */
export async function persist<T>(...call: Parameters<typeof send>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await send<T>(...call);
    } catch (error) {
      if (tries >= TRIES || !isPassing(error)) throw error;
      const pause = Math.random() * FIRST_PAUSE_MS * 2 ** tries;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
