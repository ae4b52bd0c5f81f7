import type { IncomingMessage } from 'node:http';
import type { ServiceTokenVerification } from './answers.js';
import type { AuthClient } from './client.js';
import { AuthClientError } from './errors.js';
import { bearerIn } from './guard.js';
import { authorizationOf } from './http.js';

/** The service that makes a request, once its token is proved. */
export interface CallingService {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly string[];
}

type Client = Pick<AuthClient, 'verify' | 'verifyServiceToken'>;

/** Service tokens are opaque, and say what they are; what services show each other otherwise is a JWT. */
const SERVICE_TOKEN = 'ags_';

/**
 * Which of these services makes a request: by `x-service-token`, which stands beside a user's bearer, or by the bearer.
 * @param names services that are let in
 * @throws {AuthClientError} UNAUTHENTICATED, FORBIDDEN for a service that is not let in, SERVICE_UNAVAILABLE
 */
export async function authenticateService(
  client: Client,
  request: Pick<IncomingMessage, 'rawHeaders' | 'headers'>,
  names: readonly string[],
): Promise<CallingService> {
  const token = request.headers['x-service-token']?.toString() ?? bearerIn(authorizationOf(request));
  return token.startsWith(SERVICE_TOKEN) ? byServiceToken(client, token, names) : byJwt(client, token, names);
}

async function byServiceToken(
  client: Client,
  token: string,
  names: readonly string[],
): Promise<CallingService> {
  let last: ServiceTokenVerification | undefined;
  for (const name of names) {
    last = await client.verifyServiceToken(name, token);
    if (last.valid && last.service) return { ...last.service, scopes: last.scopes };
    // Only a live token of another service can still be that of the next name.
    if (last.reason !== 'WRONG_AUDIENCE') break;
  }
  throw last === undefined || last.reason === 'WRONG_AUDIENCE'
    ? notLetIn()
    : notGood(last.reason ?? 'MALFORMED');
}

async function byJwt(client: Client, token: string, names: readonly string[]): Promise<CallingService> {
  const { subject, scopes, reason } = await client.verify(token);
  if (!subject) throw notGood(reason ?? 'MALFORMED');
  if (subject.type !== 'SERVICE') throw notGood('WRONG_TYPE');
  const name = subject.username ?? '';
  if (!names.some((one) => one.toLowerCase() === name.toLowerCase())) throw notLetIn();
  return { id: subject.id, name, scopes };
}

const notLetIn = () => new AuthClientError('FORBIDDEN', 'This service is not let in here.');
const notGood = (reason: NonNullable<ServiceTokenVerification['reason']>) =>
  new AuthClientError('UNAUTHENTICATED', 'The service token is not good any more.', { reason });
