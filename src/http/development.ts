import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Config } from '../config.js';
import { escapeHtml, findInMailbox, listMailbox, type KeptMail } from '../domain/mail.js';
import { isAtHome } from './door.js';
import type { DoorPath } from './doors.js';
import { sendPage } from './page.js';

type Route = Record<'GET', (request: IncomingMessage, response: ServerResponse) => void | Promise<void>>;

/** What only whoever develops gets: a page to begin at, and the mail that was sent nowhere. Nothing in production. */
export function developmentRoutes(config: Config): Partial<Record<DoorPath, Route>> {
  if (config.production) return {};
  const { folder, hasMailbox } = config.mail;
  const front = {
    '/': { GET: (_: IncomingMessage, response: ServerResponse) => begin(response, hasMailbox) },
  };
  if (!hasMailbox) return front;
  return {
    ...front,
    '/mailbox': { GET: atHome((request, response) => showMailbox(folder, request, response)) },
    '/mailbox.json': { GET: atHome((_request, response) => listAsJson(folder, response)) },
  };
}

/** Whoever reads the mail may have any account: it is for this machine alone. */
function atHome(handler: Route['GET']): Route['GET'] {
  return (request, response) => {
    response.setHeader('cross-origin-resource-policy', 'same-origin');
    if (isAtHome(request)) return handler(request, response);
    sendJson(response, 403, { error: 'The mailbox is for this machine alone; open it by localhost.' });
  };
}

function begin(response: ServerResponse, hasMailbox: boolean): void {
  const places = [
    ['graphql', 'Sandbox', 'the graph, to read and to try'],
    ...(hasMailbox ? [['mailbox', 'Mailbox', 'what was mailed, with its links']] : []),
    ['health/ready', 'Health', 'whether all is well'],
    ['.well-known/openid-configuration', 'Discovery', 'where verifiers find the keys'],
  ];
  const items = places.map(([path, name, what]) => `<li><a href="${path}">${name}</a>: ${what}</li>`);
  const docs = '<p>The documentation is in the folder <code>docs</code> beside the README.</p>';
  const body = `<p>This is a service for accounts, in development.</p><ul>${items.join('')}</ul>${docs}`;
  sendPage(response, { status: 200, title: 'authgraph', body });
}

async function showMailbox(
  folder: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const id = new URL(request.url ?? '/', 'http://localhost').searchParams.get('mail');
  if (id === null) return sendPage(response, { status: 200, ...listOf(await listMailbox(folder)) });
  const mail = await findInMailbox(folder, id);
  const page = mail ? viewOf(mail) : { title: 'There is no such mail', body: BACK };
  sendPage(response, { status: mail ? 200 : 404, ...page });
}

const BACK = '<p><a href="mailbox">All mail</a></p>';
const EMPTY = '<p>Nothing was mailed yet. Open the page again once something was.</p>';

function listOf(mails: readonly KeptMail[]): { title: string; body: string } {
  const items = mails.map(
    ({ id, at, to, subject }) =>
      `<li><a href="mailbox?mail=${id}">${escapeHtml(subject)}</a><br>to ${escapeHtml(to)}, <time>${escapeHtml(at)}</time></li>`,
  );
  return { title: 'Mailbox', body: items.length === 0 ? EMPTY : `<ul>${items.join('')}</ul>` };
}

function viewOf({ at, to, subject, text }: KeptMail): { title: string; body: string } {
  const about = `<p>To ${escapeHtml(to)}, <time>${escapeHtml(at)}</time></p>`;
  return { title: subject, body: `${BACK}${about}<pre>${withLinks(text)}</pre>` };
}

/** Ends before what may be the sentence's own. */
const LINK = /https?:\/\/[^\s<>"']*[^\s<>"'.,;:!?)\]]/g;

/** Text as HTML in which nothing is but text and links. */
function withLinks(text: string): string {
  const links = [...text.matchAll(LINK)].map(([link]) => link);
  const between = text.split(LINK).map(escapeHtml);
  return between
    .map((part, at) => {
      const link = links[at] === undefined ? '' : escapeHtml(links[at]);
      return link === '' ? part : `${part}<a href="${link}" rel="noreferrer noopener">${link}</a>`;
    })
    .join('');
}

async function listAsJson(folder: string, response: ServerResponse): Promise<void> {
  const mails = await listMailbox(folder);
  sendJson(
    response,
    200,
    mails.map((mail) => ({ ...mail, links: mail.text.match(LINK) ?? [] })),
  );
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.statusCode = status;
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.setHeader('cache-control', 'no-store');
  response.end(JSON.stringify(body));
}
