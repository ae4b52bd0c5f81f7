import type { IncomingMessage } from 'node:http';
import type { ServiceActor } from '../../domain/access.js';
import { countAuthorizations } from '../credentials.js';
import { OAuthError } from './errors.js';
import type { Form } from './form.js';

/** A credential as it was presented: the name is absent with a bearer. */
export interface Credential {
  scheme: 'Basic' | 'Bearer' | 'form';
  name?: string | undefined;
  token: string;
}

/**
 * The credential that a request brings along: HTTP Basic, a bearer, or `client_secret` in the form.
 * @throws {OAuthError} invalid_request for more than one
 */
export function credentialOf(request: IncomingMessage, form: Form): Credential | undefined {
  const secret = form.get('client_secret');
  // RFC 6749 §2.3: never more than one method.
  if (countAuthorizations(request) + (secret === undefined ? 0 : 1) > 1)
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

/** Whether a request brings a credential of a service along, good or not. */
export const isPresented = (request: IncomingMessage, form: Form): boolean =>
  request.headers.authorization !== undefined || form.has('client_secret');

/** The token proves the service; a name beside it must be that service's. */
export function isNamed({ id, name }: ServiceActor, { name: presented }: Credential, form: Form): boolean {
  const isIts = (one: string | undefined) => one === undefined || one === name || one.toLowerCase() === id;
  return isIts(presented) && isIts(form.get('client_id'));
}

const REALM = 'realm="authgraph"';

/** 401 in the scheme that was tried; both where none was (RFC 9110 §11.6.1). */
export function challenge(message: string, scheme?: Credential['scheme']): OAuthError {
  const basic = `Basic ${REALM}, charset="UTF-8"`;
  const bearer = `Bearer ${REALM}${scheme === 'Bearer' ? ', error="invalid_token"' : ''}`;
  const both = scheme === undefined ? `${basic}, ${bearer}` : basic;
  const headers = { 'www-authenticate': scheme === 'Bearer' ? bearer : both };
  return new OAuthError('invalid_client', message, 401, { headers });
}
