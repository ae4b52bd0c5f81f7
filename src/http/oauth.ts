import type { IncomingMessage, ServerResponse } from 'node:http';
import type { App } from '../context.js';
import type { ServiceActor } from '../domain/access.js';
import type { Client } from '../domain/client.js';
import { introspect } from '../domain/introspection.js';
import { charge, chargeAtOnce } from '../domain/limits.js';
import { revokeForService } from '../domain/revoking.js';
import { requireService, type OAuthCaller } from './oauth/caller.js';
import { asOAuthError, OAuthError, send, sendError } from './oauth/errors.js';
import { readForm, requireParameter, type Form } from './oauth/form.js';
import { answerTokenRequest } from './oauth/token.js';

type Door = (request: IncomingMessage, response: ServerResponse, caller: OAuthCaller) => Promise<void>;

/** The doors that any OAuth library knows, over the same code as the graph. */
export function oauthDoors(app: App): Record<'introspect' | 'revoke' | 'token', Door> {
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

/** Has whatever goes wrong said in the words of OAuth. */
export function safely(app: Pick<App, 'log'>, door: Door): Door {
  return async (request, response, caller) => {
    try {
      await door(request, response, caller);
    } catch (error) {
      const known = asOAuthError(error);
      if (known?.status === 503 || !known) {
        const { requestId } = caller.client;
        app.log[known ? 'warn' : 'error'](
          { err: error, requestId },
          known ? 'unavailable' : 'unexpected error',
        );
      }
      sendError(response, known ?? new OAuthError('server_error', 'Something went wrong on our side.', 500));
    }
  };
}
