import { rmSync } from 'node:fs';
import {
  chromium,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type Page,
} from 'playwright-core';
import { makeTempDir } from './process.js';

/** A real Chromium, one for a test file; it ends with the process of the test, however that ends. */
export interface Chromium {
  /**
   * Lets somebody with a browser of their own, in which nobody has been before, do `work`, and closes it.
   * @throws Error where a page asked for anything that is not on `sites`, ran into an error or broke its policy
   */
  visit(visit: Visit, work: (visitor: Visitor) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** What somebody's browser is like: Playwright's options of a context, besides ours. */
export interface Visit extends BrowserContextOptions {
  /** The origins that pages may ask for anything, such as `http://localhost:4000`; all others are cut off. */
  sites: readonly string[];
  /** Where complaints are what is tested: they are read from the visitor, and fail nothing. */
  mayComplain?: boolean;
}

/** Somebody with a browser. */
export interface Visitor {
  readonly context: BrowserContext;
  /** What the pages have said that should not be said: of errors nobody caught, of policies broken. */
  readonly complaints: string[];
  /** Opens an address in a new tab, and waits until it is loaded. */
  open: (url: string) => Promise<Page>;
}

/** Nothing is found but this machine: what pages do not ask for, the browser itself would. */
const AT_HOME = '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1';

/** Starts Chromium without a window. @throws Error where there is none */
export async function openChromium(): Promise<Chromium> {
  const executablePath = process.env['TEST_CHROMIUM'];
  if (!executablePath)
    throw new Error(
      'The tests in a browser need Chromium: run them by npm test, which says how to come by one.',
    );
  const folder = makeTempDir();
  // Without its sandbox, by Playwright's default: root cannot have it, and only pages of our own are opened.
  const env = { ...process.env, HOME: folder } as Record<string, string>;
  const first = await chromium.launchPersistentContext(folder, { executablePath, env, args: [AT_HOME] });
  return {
    visit: (visit, work) => visitBy(first.browser()!, visit, work),
    async close() {
      await first.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function visitBy(
  browser: Browser,
  { sites, mayComplain = false, ...options }: Visit,
  work: (visitor: Visitor) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext(options);
  const [strays, complaints]: string[][] = [[], []];
  try {
    context.setDefaultTimeout(10_000);
    await watch(context, sites, strays!, complaints!);
    await work({ context, complaints: complaints!, open: (url) => open(context, url) });
  } finally {
    await context.close();
  }
  if (strays!.length > 0) throw new Error(`A page asked for ${strays!.join(', ')}.`);
  if (!mayComplain && complaints!.length > 0) throw new Error(`A page complained: ${complaints!.join('; ')}`);
}

async function open(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

/** Cuts off what is not on these sites, and writes down what is asked for all the same and what is complained of. */
async function watch(
  context: BrowserContext,
  sites: readonly string[],
  strays: string[],
  complaints: string[],
): Promise<void> {
  const isAway = (url: URL) => /^(https?|wss?):$/.test(url.protocol) && !sites.includes(url.origin);
  await context.route(isAway, async (route) => {
    strays.push(route.request().url());
    await route.abort();
  });
  await context.routeWebSocket(isAway, (socket) => void strays.push(socket.url()));
  context.on('weberror', (error) => complaints.push(String(error.error())));
  context.on('console', (message) => {
    if (message.type() === 'error' && !STATUS.test(message.text())) complaints.push(message.text());
  });
}

/** What Chromium says of a form that was answered with a refusal, which tests expect by the page. */
const STATUS = /^Failed to load resource: the server responded with a status of \d+/;

/** A device that makes and uses passkeys for a tab, as if somebody held a finger on it. */
export interface Fingers {
  /** How many passkeys it holds. */
  count: () => Promise<number>;
  /** From now on it knows its owner by the finger, or does not. */
  recognise: (isKnown: boolean) => Promise<void>;
}

/** Puts a device with passkeys into the machine of a tab, which pages reach by navigator.credentials. */
export async function plugIn(page: Page): Promise<Fingers> {
  const browser = await page.context().newCDPSession(page);
  await browser.send('WebAuthn.enable');
  const { authenticatorId } = await browser.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return {
    count: async () =>
      (await browser.send('WebAuthn.getCredentials', { authenticatorId })).credentials.length,
    recognise: async (isUserVerified) => {
      await browser.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified });
    },
  };
}
