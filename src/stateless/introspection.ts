import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import type { ServiceActor } from '../domain/access.js';
import type { Client } from '../domain/client.js';
import { describedAt, introspectionOf, type Introspection } from '../domain/introspected.js';
import { AuthError } from '../errors.js';
import { credentialsOf } from '../http/credentials.js';
import { challenge, credentialOf, isNamed } from '../http/oauth/credential.js';
import { send } from '../http/oauth/errors.js';
import { readForm, requireParameter, type Form } from '../http/oauth/form.js';
import { safely, type Door } from '../http/oauth/safely.js';
import type { Proof } from '../http/door.js';
import type { FindService } from './callers.js';
import type { Verify } from './verification.js';

/** What introspection needs of the service. */
export interface IntrospectionDeps {
  log: Logger;
  verify: Verify;
  find: FindService;
  /** Takes a point from whoever asks. @throws {AuthError} RATE_LIMITED */
  charge: (key: string | null) => void;
  denied: (client: Client) => void;
}

/** Who knocks, before it is known which service it is. */
interface Caller {
  proof: Proof;
  client: Client;
}

/** Answers token introspection (RFC 7662) to services, and to the gateway by its secret, which has no other to ask here. */
export function introspectionDoor(deps: IntrospectionDeps): Door<Caller> {
  return safely<Caller>(deps, async (request, response, { proof, client }) => {
    const form = await readForm(request);
    const service = serviceOf(deps, request, form);
    if (!service && proof !== 'gateway secret') {
      deps.denied(client);
      throw challenge('Say which service asks, and prove it.', credentialOf(request, form)?.scheme);
    }
    deps.charge(service?.id ?? client.network);
    const question = { token: requireParameter(form, 'token'), serviceId: form.get('service_id') };
    send(response, await introspect(deps.verify, { service, client }, question));
  });
}

/** The service that proves itself, by the credential of OAuth or by `x-service-token`. */
function serviceOf(
  { find }: IntrospectionDeps,
  request: IncomingMessage,
  form: Form,
): ServiceActor | undefined {
  const presented = credentialOf(request, form);
  if (!presented) return find(credentialsOf(request).serviceToken);
  const found = find(presented.token);
  return found && isNamed(found, presented, form) ? found : undefined;
}

async function introspect(
  verify: Verify,
  { service, client }: { service: ServiceActor | undefined; client: Client },
  { token, serviceId }: { token: string; serviceId: string | undefined },
): Promise<Introspection> {
  const asker = { actor: service ?? ({ kind: 'gateway' } as const), bearer: undefined, client };
  const found = await verify(asker, { token });
  if (found.reason === 'ISSUER_UNAVAILABLE') throw new AuthError('SERVICE_UNAVAILABLE');
  const said = introspectionOf(found);
  if (!found.valid || serviceId === undefined) return said;
  const { valid } = await verify(asker, { token, serviceId });
  const access = valid ? ({ valid, role: null, status: 'ACTIVE' } as const) : undefined;
  return { ...said, ...describedAt(serviceId, access) };
}
