import type { IncomingMessage } from 'node:http';
import type { App } from '../../context.js';
import { charge, chargeAtOnce } from '../../domain/limits.js';
import { exchangeToken } from '../../domain/token-exchange.js';
import { issueServiceJwt } from '../../domain/service-jwts.js';
import { rotate } from '../../domain/sessions.js';
import type { Rejection } from '../../domain/tokens.js';
import { AuthError } from '../../errors.js';
import type { Reply } from '../reply.js';
import { requireService, type OAuthCaller } from './caller.js';
import { isPresented } from './credential.js';
import { OAuthError, send } from './errors.js';
import { requireParameter, type Form } from './form.js';

/** What a grant is asked with. */
interface Asked {
  request: IncomingMessage;
  response: Reply;
  caller: OAuthCaller;
  form: Form;
}

type Grant = (app: App, asked: Asked) => Promise<void>;

/** Every grant that is answered; their names stand in the discovery document. */
export const grants: Readonly<Record<string, Grant>> = {
  client_credentials: giveServiceJwt,
  refresh_token: refresh,
  'urn:ietf:params:oauth:grant-type:token-exchange': giveDelegated,
};

/** Answers by the grant that the form names (RFC 6749 §5). @throws {OAuthError}, {AuthError} */
export async function answerTokenRequest(app: App, asked: Asked): Promise<void> {
  const type = requireParameter(asked.form, 'grant_type');
  const grant = Object.hasOwn(grants, type) ? grants[type] : undefined;
  if (!grant) throw new OAuthError('unsupported_grant_type', `Ask for ${Object.keys(grants).join(' or ')}.`);
  await grant(app, asked);
}

async function giveServiceJwt(app: App, { request, response, caller, form }: Asked): Promise<void> {
  const { client, network } = caller.asService();
  const service = await requireService(app, request, client, network, form);
  await charge(app.limiters, 'callsByService', service.id);
  const scopes = form.get('scope')?.split(' ').filter(Boolean);
  const issued = await issueServiceJwt(app, service, { audience: audienceOf(form), scopes });
  const { text, seconds, audience } = issued;
  app.witness.exchanged({ serviceId: service.id, tokenId: service.tokenId, audience: audience.id, client });
  const scope = issued.scopes.join(' ');
  send(response, { access_token: text, token_type: 'Bearer', expires_in: seconds, scope });
}

const TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:';
/** A bearer, by either of its names (RFC 8693 §3). */
const EXCHANGEABLE: ReadonlySet<string> = new Set([`${TOKEN_TYPE}access_token`, `${TOKEN_TYPE}jwt`]);

/** Token exchange (RFC 8693 §2): the service that asks is the one that acts. */
async function giveDelegated(app: App, { request, response, caller, form }: Asked): Promise<void> {
  const { client, network } = caller.asService();
  const service = await requireService(app, request, client, network, form);
  chargeAtOnce(app.limiters, 'verificationsByCaller', service.id);
  const token = requireParameter(form, 'subject_token');
  requireTypes(form);
  const scopes = form.get('scope')?.split(' ').filter(Boolean);
  const asker = { actor: service, client };
  const given = await exchangeToken(app, asker, { token, audience: audienceOf(form), scopes });
  if (given.text === undefined) throw unacceptable(given.rejection);
  send(response, {
    access_token: given.text,
    issued_token_type: `${TOKEN_TYPE}jwt`,
    token_type: 'Bearer',
    expires_in: given.seconds,
    scope: given.scopes.join(' '),
  });
}

/** @throws {OAuthError} invalid_request */
function requireTypes(form: Form): void {
  const types = [requireParameter(form, 'subject_token_type'), form.get('requested_token_type')];
  if (types.some((type) => type !== undefined && !EXCHANGEABLE.has(type)))
    throw new OAuthError('invalid_request', 'Access tokens and JWTs are exchanged, for JWTs.');
  if (form.has('actor_token') || form.has('actor_token_type'))
    throw new OAuthError('invalid_request', 'The service that asks is the one that acts.');
}

/** RFC 8693 §2.2.2. */
function unacceptable(reason: Rejection): Error {
  if (reason === 'ISSUER_UNAVAILABLE') return new AuthError('SERVICE_UNAVAILABLE');
  return reason === 'NO_SERVICE_ACCESS'
    ? new OAuthError('invalid_target', 'The subject has no access to that service.')
    : new OAuthError('invalid_request', 'The subject token is not good.', 400, { told: { reason } });
}

/** `resource` is RFC 8707's name for it, `audience` RFC 8693's. */
function audienceOf(form: Form): string | undefined {
  const [audience, resource] = [form.get('audience'), form.get('resource')];
  if (audience !== undefined && resource !== undefined && audience !== resource)
    throw new OAuthError('invalid_target', 'One audience at a time.');
  return audience ?? resource;
}

/**
 * The same rotation as the mutation `refresh`. The token is its holder's proof; whoever passes it on must be let in at the
 * graph as well: a service, the gateway, in development programs on this machine.
 */
async function refresh(app: App, { request, response, caller, form }: Asked): Promise<void> {
  const { client, network } = await refresherOf(app, request, caller, form);
  await charge(app.limiters, 'refreshFromAddress', network);
  const tokens = await rotate(app, requireParameter(form, 'refresh_token'), client);
  send(response, {
    access_token: tokens.accessToken,
    token_type: 'Bearer',
    expires_in: secondsUntil(app, tokens.expiresAt),
    refresh_token: tokens.refreshToken,
    refresh_expires_in: secondsUntil(app, tokens.refreshExpiresAt),
    scope: [...tokens.authority.permissions].sort().join(' '),
  });
}

async function refresherOf(app: App, request: IncomingMessage, caller: OAuthCaller, form: Form) {
  if (caller.proof && !isPresented(request, form))
    return { client: caller.client, network: caller.client.network };
  const asService = caller.asService();
  const service = await requireService(app, request, asService.client, asService.network, form);
  return { client: asService.client, network: asService.client.network ?? service.id };
}

const secondsUntil = ({ clock }: App, moment: Date): number =>
  Math.max(0, Math.floor((moment.getTime() - clock.now()) / 1000));
