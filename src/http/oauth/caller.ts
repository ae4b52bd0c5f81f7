import type { IncomingMessage } from 'node:http';
import type { App } from '../../context.js';
import type { ServiceActor } from '../../domain/access.js';
import type { Client } from '../../domain/client.js';
import { charge } from '../../domain/limits.js';
import { actorOfServiceToken, isServiceToken } from '../../domain/service-tokens.js';
import type { Proof } from '../door.js';
import { OAuthError } from './errors.js';
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

/** A credential as it was presented: the name is absent with a bearer. */
interface Credential {
  scheme: 'Basic' | 'Bearer' | 'form';
  name?: string | undefined;
  token: string;
}

const NONE: Form = new Map();

/**
 * The service that makes a request: by HTTP Basic or in the form, its name or id with a service token as the secret
 * (RFC 6749 §2.3.1), or by the token as bearer.
 * @throws {AuthError} SERVICE_UNAVAILABLE, RATE_LIMITED; {OAuthError} invalid_client, invalid_request
 */
export async function requireService(
  app: App,
  request: IncomingMessage,
  client: Client,
  network: string,
  form: Form = NONE,
): Promise<ServiceActor> {
  const presented = credentialOf(request, form);
  if (!presented) throw challenge('Say which service asks, and prove it.');
  const found = isServiceToken(presented.token)
    ? await actorOfServiceToken(app, presented.token)
    : 'WRONG_TYPE';
  if (typeof found !== 'string' && isNamed(found, presented, form)) {
    client.service = found.id;
    app.witness.served({ serviceId: found.id, tokenId: found.tokenId, ipAddress: client.ipAddress });
    return found;
  }
  await charge(app.limiters, 'proofsFromAddress', network);
  const reason = typeof found === 'string' ? found : 'WRONG_AUDIENCE';
  app.witness.refused({ reason, askedBy: null, client });
  throw challenge('There is no such service, or it is not proved.', presented.scheme);
}

/** Whether a request brings a credential of a service along, good or not. */
export const isPresented = (request: IncomingMessage, form: Form): boolean =>
  request.headers.authorization !== undefined || form.has('client_secret');

/** The token proves the service; a name beside it must be that service's. */
function isNamed({ id, name }: ServiceActor, { name: presented }: Credential, form: Form): boolean {
  const names = [presented, form.get('client_id')].filter((one) => one !== undefined);
  return names.every((one) => one === name || one.toLowerCase() === id);
}

function credentialOf(request: IncomingMessage, form: Form): Credential | undefined {
  const headers = request.rawHeaders.filter((text, at) => at % 2 === 0 && /^authorization$/i.test(text));
  const secret = form.get('client_secret');
  // RFC 6749 §2.3: never more than one method.
  if (headers.length + (secret === undefined ? 0 : 1) > 1)
    throw new OAuthError('invalid_request', 'One way to prove a service at a time.');
  if (secret !== undefined) return { scheme: 'form', name: form.get('client_id') ?? '', token: secret };
  return headerCredential(request.headers.authorization);
}

const BASIC = /^Basic +([A-Za-z0-9+/]+={0,2})$/i;
const BEARER = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i;

function headerCredential(header: string | undefined): Credential | undefined {
  if (header === undefined) return undefined;
  const [, bearer] = BEARER.exec(header) ?? [];
  if (bearer !== undefined) return { scheme: 'Bearer', token: bearer };
  const pair = Buffer.from(BASIC.exec(header)?.[1] ?? '', 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  if (colon < 0) return { scheme: 'Basic', name: '', token: '' };
  return { scheme: 'Basic', name: decode(pair.slice(0, colon)), token: decode(pair.slice(colon + 1)) };
}

/** Both parts are encoded as in a form; what is not well encoded is nobody's. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return '';
  }
}

const REALM = 'realm="authgraph"';

/** 401 in the scheme that was tried; both where none was (RFC 9110 §11.6.1). */
function challenge(message: string, scheme?: Credential['scheme']): OAuthError {
  const basic = `Basic ${REALM}, charset="UTF-8"`;
  const bearer = `Bearer ${REALM}${scheme === 'Bearer' ? ', error="invalid_token"' : ''}`;
  const both = scheme === undefined ? `${basic}, ${bearer}` : basic;
  const headers = { 'www-authenticate': scheme === 'Bearer' ? bearer : both };
  return new OAuthError('invalid_client', message, 401, { headers });
}
