import type { TestApp } from './app.js';
import type { Holder } from './service-tokens.js';

type Reached = Pick<TestApp, 'url'>;

/** What a door of OAuth answered. */
export interface OAuthAnswer {
  status: number;
  headers: Headers;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test reads whatever it has asked for
  body: any;
  text: string;
}

/** HTTP Basic, as RFC 6749 §2.3.1 has it. */
export const basic = ({ name, token }: Pick<Holder, 'name' | 'token'>): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${encodeURIComponent(name)}:${encodeURIComponent(token)}`).toString('base64')}`,
});

export const bearer = ({ token }: Pick<Holder, 'token'>): Record<string, string> => ({
  authorization: `Bearer ${token}`,
});

/** Sends a form to a door. */
export async function post(
  { url }: Reached,
  path: string,
  form: Record<string, string> | string,
  headers: Record<string, string> = {},
): Promise<OAuthAnswer> {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(form).toString(),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? undefined : JSON.parse(text),
    text,
  };
}

/** Asks what a token is worth, as a service. */
export const introspect = (
  app: Reached,
  service: Holder,
  token: string,
  more: Record<string, string> = {},
): Promise<OAuthAnswer> => post(app, '/oauth/introspect', { token, ...more }, basic(service));

/** Has a token ended, as a service. */
export const revokeBy = (app: Reached, service: Holder, token: string): Promise<OAuthAnswer> =>
  post(app, '/oauth/revoke', { token }, basic(service));

/** Asks for a JWT of a service. */
export const exchange = (
  app: Reached,
  service: Holder,
  more: Record<string, string> = {},
): Promise<OAuthAnswer> =>
  post(app, '/oauth/token', { grant_type: 'client_credentials', ...more }, basic(service));

/** The same, where it must succeed. @returns the JWT */
export async function jwtOf(
  app: Reached,
  service: Holder,
  more: Record<string, string> = {},
): Promise<string> {
  const { status, body, text } = await exchange(app, service, more);
  if (status !== 200) throw new Error(text);
  return body.access_token as string;
}
