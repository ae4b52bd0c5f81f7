import type { IncomingMessage } from 'node:http';
import type { App } from '../../context.js';
import type { ServiceActor } from '../../domain/access.js';
import type { Client } from '../../domain/client.js';
import { charge } from '../../domain/limits.js';
import { actorOfServiceToken, isServiceToken } from '../../domain/service-tokens.js';
import type { Rejection } from '../../domain/tokens.js';
import type { Proof } from '../door.js';
import { challenge, credentialOf, isNamed, type Credential } from './credential.js';
import type { Form } from './form.js';

/** Who knocks at a door of OAuth, before it is known which service it is. */
export interface OAuthCaller {
  /** How the caller would be let in at the graph. */
  proof: Proof;
  /** The device behind the request, where it is passed on for somebody. */
  client: Client;
  /** The same where a service asks for itself; `network` is what is charged for proofs that fail. */
  asService(): { client: Client; network: string };
}

const NONE: Form = new Map();

/**
 * The service that makes a request, at once where its token is known: by HTTP Basic or in the form, its name or id with a service token as the secret
 * (RFC 6749 §2.3.1), or by the token as bearer.
 * @throws {AuthError} SERVICE_UNAVAILABLE, RATE_LIMITED; {OAuthError} invalid_client, invalid_request
 */
export function requireService(
  app: App,
  request: IncomingMessage,
  client: Client,
  network: string,
  form: Form = NONE,
): ServiceActor | Promise<ServiceActor> {
  const presented = credentialOf(request, form);
  if (!presented) throw challenge('Say which service asks, and prove it.');
  const judge = (found: ServiceActor | Rejection) =>
    typeof found !== 'string' && isNamed(found, presented, form)
      ? admit(app, found, client)
      : refuse(app, typeof found === 'string' ? found : 'WRONG_AUDIENCE', client, network, presented);
  const found = isServiceToken(presented.token) ? actorOfServiceToken(app, presented.token) : 'WRONG_TYPE';
  return found instanceof Promise ? found.then(judge) : judge(found);
}

function admit(app: App, service: ServiceActor, client: Client): ServiceActor {
  const { id: serviceId, tokenId } = service;
  client.service = serviceId;
  app.witness.served({ serviceId, tokenId, ipAddress: client.ipAddress });
  return service;
}

async function refuse(
  app: App,
  reason: Rejection,
  client: Client,
  network: string,
  { scheme }: Credential,
): Promise<never> {
  await charge(app.limiters, 'proofsFromAddress', network);
  app.witness.refused({ reason, askedBy: null, client });
  throw challenge('There is no such service, or it is not proved.', scheme);
}
