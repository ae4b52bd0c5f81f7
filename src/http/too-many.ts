import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AuthError } from '../errors.js';
import { sendPage, type Page } from './page.js';

/** What a person reads who asks for too much; the link in the mail is good as before. */
export const TOO_MANY: Page = {
  status: 429,
  title: 'Too many tries',
  body: '<p role="alert">Please wait a few minutes and open the link again.</p>',
};

/** Says when to come back (RFC 9110 §10.2.3), to programs and proxies. */
export function tellWait(response: ServerResponse, { extensions }: AuthError): void {
  response.setHeader('retry-after', String(Number(extensions['retryAfterSeconds'] ?? 1)));
}

/** Refuses a request beyond the limit of its door: by a page to whom reads pages, else as the graph does. */
export function refuseTooMany(request: IncomingMessage, response: ServerResponse, error: AuthError): void {
  request.resume();
  tellWait(response, error);
  if (request.headers.accept?.includes('text/html') === true) return sendPage(response, TOO_MANY);
  const { message, extensions } = error;
  response.statusCode = 429;
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.setHeader('cache-control', 'no-store');
  response.end(JSON.stringify({ errors: [{ message, extensions }] }));
}
