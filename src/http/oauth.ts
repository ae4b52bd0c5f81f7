import type { IncomingMessage } from 'node:http';
import type { App } from '../context.js';
import type { ServiceActor } from '../domain/access.js';
import type { Client } from '../domain/client.js';
import { introspect } from '../domain/introspection.js';
import { charge, chargeAtOnce } from '../domain/limits.js';
import { revokeForService } from '../domain/revoking.js';
import { requireService, type OAuthCaller } from './oauth/caller.js';
import { send } from './oauth/errors.js';
import { readForm, requireParameter, type Form } from './oauth/form.js';
import { safely, type Door } from './oauth/safely.js';
import { answerTokenRequest } from './oauth/token.js';

/** The doors that any OAuth library knows, over the same code as the graph. */
export function oauthDoors(app: App): Record<'introspect' | 'revoke' | 'token', Door<OAuthCaller>> {
  return {
    introspect: safely(app, async (request, response, caller) => {
      const { form, service, client } = await serviceCall(app, request, caller);
      chargeAtOnce(app.limiters, 'verificationsByCaller', service.id);
      const question = { token: requireParameter(form, 'token'), serviceId: form.get('service_id') };
      send(response, await introspect(app, { actor: service, client }, question));
    }),
    revoke: safely(app, async (request, response, caller) => {
      const { form, service, client } = await serviceCall(app, request, caller);
      await charge(app.limiters, 'callsByService', service.id);
      await revokeForService(app, service, requireParameter(form, 'token'), client);
      response.setHeader('cache-control', 'no-store');
      response.end();
    }),
    token: safely(app, async (request, response, caller) =>
      answerTokenRequest(app, { request, response, caller, form: await readForm(request) }),
    ),
  };
}

interface ServiceCall {
  form: Form;
  service: ServiceActor;
  client: Client;
}

async function serviceCall(app: App, request: IncomingMessage, caller: OAuthCaller): Promise<ServiceCall> {
  const form = await readForm(request);
  const { client, network } = caller.asService();
  const service = await requireService(app, request, client, network, form);
  return { form, service, client };
}
