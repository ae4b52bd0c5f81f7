import type { IncomingMessage, ServerResponse } from 'node:http';
import type { App } from '../context.js';
import type { Client } from '../domain/client.js';
import { confirmEmailChange, undoEmailChange } from '../domain/email-change.js';
import { verifyEmail } from '../domain/email-verification.js';
import { charge } from '../domain/limits.js';
import { escapeHtml } from '../domain/mail.js';
import { resetPassword } from '../domain/recovery.js';
import { presentable, type AuthError, type ErrorCode } from '../errors.js';
import { readBytes } from './body.js';
import type { DoorName } from './doors.js';
import { hidden, LINK_SCRIPT, PASSWORD_SCRIPT, passwordForm, WITHOUT_LINK } from './link-form.js';
import { sendPage, type Page } from './page.js';
import { tellWait, TOO_MANY } from './too-many.js';

/** A page that a link in a mail opens: it shows a button, which acts, and consumes nothing by itself. */
interface LinkPage {
  /** Its path, and where its button leads. */
  path: DoorName;
  title: string;
  /** HTML that says what the button does. */
  about?: string;
  button: string;
  act: (app: App, token: string, client: Client) => Promise<void>;
  done: Omit<Page, 'status'>;
}

/** The pages of links that only have to be confirmed. */
export const linkPages: readonly LinkPage[] = [
  {
    path: 'verify-email',
    title: 'Confirm your email address',
    button: 'Confirm',
    act: verifyEmail,
    done: {
      title: 'Thank you',
      body: '<p>Your email address is confirmed. You can close this page.</p>',
    },
  },
  {
    path: 'confirm-email-change',
    title: 'Confirm your new email address',
    about: '<p>Your account moves to this address, and other devices are signed out.</p>',
    button: 'Confirm',
    act: confirmEmailChange,
    done: {
      title: 'Your email address is changed',
      body: '<p>Your account has its new address. You can close this page.</p>',
    },
  },
  {
    path: 'undo-email-change',
    title: 'Keep your email address',
    about:
      '<p>Your account stays at this address, or comes back to it. If it had moved already, everybody is signed out, and what was set up since to sign in is void.</p>',
    button: 'Keep this address',
    act: undoEmailChange,
    done: {
      title: 'Your email address is kept',
      body: '<p>We have sent you a mail with a link to set a new password: use it, as somebody may know the one that you have. You can close this page.</p>',
    },
  },
];

/** Shows the button. */
export function showButton(page: LinkPage, request: IncomingMessage, response: ServerResponse): void {
  const token = tokenOf(request);
  const body = token === '' ? WITHOUT_LINK : buttonForm(page, token);
  sendPage(response, { status: 200, title: page.title, script: LINK_SCRIPT, body });
}

/** What the button does. */
export async function pressButton(
  { act, done }: LinkPage,
  app: App,
  request: IncomingMessage,
  response: ServerResponse,
  client: Client,
): Promise<void> {
  const token = tokenIn(await readForm(request));
  const page = await attempt(app, response, client, async () => {
    await act(app, token, client);
    return { status: 200, ...done };
  });
  sendPage(response, page);
}

/** The page that the link of an invitation or of a forgotten password opens: it asks for a password and consumes nothing. */
export function askForPassword({ config }: App, request: IncomingMessage, response: ServerResponse): void {
  const token = tokenOf(request);
  const page = { status: 200, title: 'Choose a password', script: PASSWORD_SCRIPT };
  const form = () => passwordForm(token, config.passwords.minLength);
  sendPage(response, { ...page, body: token === '' ? WITHOUT_LINK : form() });
}

/** Sets the password, or says what is wrong with it and leaves the link good. */
export async function setPassword(
  app: App,
  request: IncomingMessage,
  response: ServerResponse,
  client: Client,
): Promise<void> {
  const form = await readForm(request);
  const [token, password] = [tokenIn(form), form.get('newPassword') ?? ''];
  const done = {
    status: 200,
    title: 'Your password is set',
    body: '<p>You are signed out everywhere. Sign in with the new password; you can close this page.</p>',
  };
  const again = ({ code, extensions }: AuthError) =>
    code === 'WEAK_PASSWORD' || code === 'BAD_USER_INPUT'
      ? {
          status: 400,
          title: 'Error: choose another password',
          script: PASSWORD_SCRIPT,
          body: passwordForm(token, app.config.passwords.minLength, faultIn(extensions)),
        }
      : undefined;
  const work = async () => {
    await resetPassword(app, token, password, client);
    return done;
  };
  sendPage(response, await attempt(app, response, client, work, again));
}

const tokenOf = ({ url = '/' }: IncomingMessage): string =>
  tokenIn(new URL(url, 'http://localhost').searchParams);

/** No token of ours has as many characters; what else somebody sends is not carried about. */
const LONGEST_TOKEN = 128;
const tokenIn = (sent: URLSearchParams) => (sent.get('token') ?? '').slice(0, LONGEST_TOKEN);

const readForm = async (request: IncomingMessage): Promise<URLSearchParams> =>
  new URLSearchParams((await readBytes(request)).toString('utf8'));

/** Does what a link is for, within the limit of links, and says on a page what came of it. */
async function attempt(
  app: App,
  response: ServerResponse,
  client: Client,
  work: () => Promise<Page>,
  explain: (error: AuthError) => Page | undefined = () => undefined,
): Promise<Page> {
  try {
    await charge(app.limiters, 'linksFromAddress', client.network);
    return onward(app, await work());
  } catch (error) {
    const known = presentable(error);
    if (known.code === 'RATE_LIMITED') tellWait(response, known);
    if (known.code === 'INTERNAL_SERVER_ERROR')
      app.log.error({ err: error, requestId: client.requestId }, 'unexpected error');
    return explain(known) ?? onward(app, REFUSALS[known.code] ?? UNEXPECTED);
  }
}

/** Says where to go next, where the configuration tells: to the first front end. */
function onward({ config }: App, page: Page): Page {
  const [frontEnd] = config.http.frontendOrigins;
  if (frontEnd === undefined) return page;
  const link = `<a href="${escapeHtml(`${frontEnd}/`)}">Go to ${escapeHtml(new URL(frontEnd).host)}</a>`;
  return { ...page, body: `${page.body}<p>${link}</p>` };
}

const UNEXPECTED: Page = {
  status: 503,
  title: 'This did not work',
  body: '<p>Please try again in a moment. Your link is still good.</p>',
};
const REFUSALS: Partial<Record<ErrorCode, Page>> = {
  ONE_TIME_TOKEN_INVALID: {
    status: 400,
    title: 'This link is not valid any more',
    body: '<p role="alert">It was used before, or replaced by a newer one, or it is too old. Ask for a new one where you sign in.</p>',
  },
  CONFLICT: {
    status: 409,
    title: 'This address is taken',
    body: '<p role="alert">Another account has this address by now. Nothing has changed.</p>',
  },
  RATE_LIMITED: TOO_MANY,
};

const buttonForm = ({ path, about = '', button }: LinkPage, token: string) =>
  `${about}<form method="post" action="${path}">${hidden(token)}<button>${button}</button></form>`;

function faultIn(extensions: AuthError['extensions']): string {
  const [field] = (extensions['fields'] ?? []) as { message: string }[];
  return field?.message ?? 'This password cannot be used.';
}
