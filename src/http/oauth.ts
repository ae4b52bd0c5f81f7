import type { App } from '../context.js';
import { introspect } from '../domain/introspection.js';
import { charge, chargeAtOnce } from '../domain/limits.js';
import { revokeForService } from '../domain/revoking.js';
import { requireService, type OAuthCaller } from './oauth/caller.js';
import { sendJson } from './oauth/errors.js';
import { readForm, requireParameter } from './oauth/form.js';
import { safely, type Door } from './oauth/safely.js';
import { answerTokenRequest } from './oauth/token.js';

/** The doors that any OAuth library knows, over the same code as the graph. */
export function oauthDoors(app: App): Record<'introspect' | 'revoke' | 'token', Door<OAuthCaller>> {
  return {
    introspect: safely(app, async (request, response, caller) => {
      const form = await readForm(request);
      const { client, network } = caller.asService();
      const service = requireService(app, request, client, network, form);
      // Nearly always known: there is nothing to wait for.
      const actor = service instanceof Promise ? await service : service;
      chargeAtOnce(app.limiters, 'verificationsByCaller', actor.id);
      const question = { token: requireParameter(form, 'token'), serviceId: form.get('service_id') };
      const told = introspect(app, { actor, client }, question);
      sendJson(response, typeof told === 'string' ? told : await told);
    }),
    revoke: safely(app, async (request, response, caller) => {
      const form = await readForm(request);
      const { client, network } = caller.asService();
      const service = await requireService(app, request, client, network, form);
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
