import type { IncomingMessage } from 'node:http';
import { readBytes } from '../body.js';
import { OAuthError } from './errors.js';

/** The parameters of a request, by name; those without a value are left out (RFC 6749 §3.2). */
export type Form = ReadonlyMap<string, string>;

const FORM_TYPE = /^application\/x-www-form-urlencoded\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;
/** 16 KiB and the longest token. */
const MOST_BYTES = 24 * 1024;
const MOST_PARAMETERS = 100;

/** Reads a form of bounded size. @throws {OAuthError} invalid_request; {BodyRefused} */
export async function readForm(request: IncomingMessage): Promise<Form> {
  const { 'content-type': type, 'content-encoding': encoding } = request.headers;
  if (!FORM_TYPE.test(type ?? '') || (encoding ?? 'identity') !== 'identity') {
    request.resume();
    throw new OAuthError('invalid_request', 'Send application/x-www-form-urlencoded in UTF-8.', 415);
  }
  const text = (await readBytes(request, MOST_BYTES)).toString('utf8');
  return readParameters(new URLSearchParams(text));
}

function readParameters(parameters: URLSearchParams): Form {
  const form = new Map<string, string>();
  for (const [name, value] of parameters) form.set(name, value);
  if (parameters.size > MOST_PARAMETERS) throw new OAuthError('invalid_request', 'Too many parameters.');
  if (form.size < parameters.size)
    throw new OAuthError('invalid_request', 'A parameter may be sent once only.');
  for (const [name, value] of form) if (value === '') form.delete(name);
  return form;
}

/** A parameter that must be there. @throws {OAuthError} invalid_request */
export function requireParameter(form: Form, name: string): string {
  const value = form.get(name);
  if (value === undefined) throw new OAuthError('invalid_request', `The parameter ${name} is missing.`);
  return value;
}
