import type { IncomingMessage, ServerResponse } from 'node:http';
import type { App } from '../context.js';
import type { Client } from '../domain/client.js';
import { verifyEmail } from '../domain/email-verification.js';
import { charge } from '../domain/limits.js';
import { escapeHtml } from '../domain/mail.js';
import { presentable, type ErrorCode } from '../errors.js';
import { readBytes } from './body.js';

/** The page that the link in a mail opens: it shows a button and consumes nothing. */
export function askToConfirm(request: IncomingMessage, response: ServerResponse): void {
  const token = new URL(request.url ?? '/', 'http://localhost').searchParams.get('token') ?? '';
  page(response, 200, 'Confirm your email address', form(token));
}

/** What the button does. */
export async function confirmEmail(
  app: App,
  request: IncomingMessage,
  response: ServerResponse,
  client: Client,
): Promise<void> {
  const token = new URLSearchParams((await readBytes(request)).toString('utf8')).get('token') ?? '';
  try {
    await charge(app.limiters, 'linksFromAddress', client.network);
    await verifyEmail(app, token, client);
    page(response, 200, 'Thank you', '<p>Your email address is confirmed. You can close this page.</p>');
  } catch (error) {
    const [status, title, body] = REFUSALS[presentable(error).code] ?? UNEXPECTED;
    page(response, status, title, body);
  }
}

const UNEXPECTED = [
  503,
  'This did not work',
  '<p>Please try again in a moment. Your link is still good.</p>',
] as const;
const REFUSALS: Partial<Record<ErrorCode, readonly [status: number, title: string, body: string]>> = {
  ONE_TIME_TOKEN_INVALID: [
    400,
    'This link is not valid any more',
    '<p>It was used before, or it is too old. Sign in to ask for a new one.</p>',
  ],
  RATE_LIMITED: [429, 'Too many tries', '<p>Please wait a few minutes and open the link again.</p>'],
};

const form = (token: string) =>
  `<form method="post" action="/verify-email"><input type="hidden" name="token" value="${escapeHtml(token)}"><button>Confirm</button></form>`;

function page(response: ServerResponse, status: number, title: string, body: string): void {
  response.statusCode = status;
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.setHeader('cache-control', 'no-store');
  response.setHeader('referrer-policy', 'no-referrer');
  response.setHeader(
    'content-security-policy',
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  );
  const style =
    'body{font:18px/1.5 system-ui,sans-serif;max-width:32em;margin:15vh auto;padding:0 1em}button{font:inherit;padding:.5em 1.5em}';
  response.end(
    `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title><style>${style}</style><h1>${escapeHtml(title)}</h1>${body}</html>`,
  );
}
