import type { IncomingMessage, ServerResponse } from 'node:http';
import type { App } from '../context.js';
import type { Client } from '../domain/client.js';
import { verifyEmail } from '../domain/email-verification.js';
import { charge } from '../domain/limits.js';
import { escapeHtml } from '../domain/mail.js';
import { AuthError } from '../errors.js';

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

const MOST_BYTES = 2048;

/** The page that the link in a mail opens: GET shows a button and consumes nothing, POST confirms the address. */
export function answerEmailVerification(
  app: App,
  clientOf: (request: IncomingMessage, response: ServerResponse) => Client,
): Record<string, Handler> {
  return {
    GET: (request, response) =>
      page(
        response,
        200,
        'Confirm your email address',
        form(new URL(request.url ?? '/', 'http://localhost').searchParams.get('token') ?? ''),
      ),
    POST: async (request, response) => {
      const client = clientOf(request, response);
      const token = new URLSearchParams(await readForm(request)).get('token') ?? '';
      const isConfirmed = await confirm(app, token, client);
      if (isConfirmed)
        page(response, 200, 'Thank you', '<p>Your email address is confirmed. You can close this page.</p>');
      else
        page(
          response,
          400,
          'This link is not valid any more',
          '<p>It was used before, or it is too old. Sign in to ask for a new one.</p>',
        );
    },
  };
}

async function confirm(app: App, token: string, client: Client): Promise<boolean> {
  try {
    await charge(app.limiters, 'linksFromAddress', client.network);
    await verifyEmail(app, token, client);
    return true;
  } catch (error) {
    if (error instanceof AuthError) return false;
    throw error;
  }
}

async function readForm(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > MOST_BYTES) return '';
  }
  return text;
}

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
