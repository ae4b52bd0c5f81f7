import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import type { Session, SessionChange, SessionStorage } from '@authgraph/client/browser';
import { startApp, type TestApp } from '../harness/app.js';
import { openChromium, type Chromium } from '../harness/browser.js';
import { join } from '../harness/people.js';
import { until } from '../harness/until.js';
// @ts-expect-error -- JavaScript without types
import { compile } from '../runner/swc.mjs';

const CLIENT = new URL('../../packages/client/src/', import.meta.url);
const KEEPING = fileURLToPath(import.meta.resolve('idb-keyval'));
const PAGE = `<!doctype html><title>An application</title>
<script type="importmap">{ "imports": { "idb-keyval": "/keeping.js" } }</script>
<script type="module">
  import { browserStorage, createSession } from '/client/browser.js';
  let offset = 0;
  const changes = [];
  const storage = browserStorage();
  const session = createSession({ url: '/graphql', now: () => Date.now() + offset });
  session.subscribe((change) => changes.push(change));
  Object.assign(window, { session, storage, changes, later: (seconds) => (offset += seconds * 1000) });
</script>`;

/** What the page leaves for the test. */
interface Tab {
  session: Session;
  storage: SessionStorage;
  changes: SessionChange[];
  later: (seconds: number) => void;
}

let app: TestApp;
let chromium: Chromium;
let site: Server;
let origin: string;
/** Operations that the graph was asked for by the pages. */
const asked: string[] = [];
/** What the graph is asked with the header x-late is passed on only then. */
let late: Promise<void>;

beforeAll(async () => {
  [app, chromium] = await Promise.all([startApp({ LIMITS_SCALE: '100' }), openChromium()]);
  site = createServer((request, response) => {
    const [, name] = /^\/(?:client\/)?([\w/-]+)\.js$/.exec(request.url ?? '') ?? [];
    const isGraph = request.url === '/graphql';
    if (!isGraph) {
      const text = name === undefined ? PAGE : codeOf(name);
      return void response.setHeader('content-type', name ? 'text/javascript' : 'text/html').end(text);
    }
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    const pass = async () => {
      if (request.headers['x-late'] !== undefined) await late;
      const body = Buffer.concat(parts).toString();
      asked.push(/(\w+)\(/.exec(body)?.[1] ?? body);
      const { authorization } = request.headers;
      const headers = { 'content-type': 'application/json', ...(authorization ? { authorization } : {}) };
      const answer = await fetch(`${app.url}/graphql`, { method: 'POST', headers, body });
      response.setHeader('content-type', 'application/json').end(await answer.text());
    };
    request.on('end', () => void pass());
  });
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  origin = `http://localhost:${(site.address() as AddressInfo).port}`;
});
afterAll(async () => {
  site.closeAllConnections();
  site.close();
  await chromium.close();
  await app.close();
});

const codeOf = (name: string): string =>
  name === 'keeping'
    ? readFileSync(KEEPING, 'utf8')
    : (compile as (path: string) => { code: string })(fileURLToPath(new URL(`${name}.ts`, CLIENT))).code;

const inTab = <T, A>(page: Page, work: (tab: Tab, argument: A) => T | Promise<T>, argument?: A): Promise<T> =>
  page.evaluate(`(${work.toString()})(window, ${JSON.stringify(argument ?? null)})`);

const kept = async (page: Page) => {
  const text = await inTab(page, ({ storage }) => storage.get('authgraph.session'));
  return (JSON.parse(text ?? '{}') as { refreshToken: string }).refreshToken;
};

/** Twenty requests in each tab when the token is due, all at once. @returns how many were answered with the account */
async function hurry(...tabs: Page[]): Promise<number> {
  const askMany = async ({ session, later }: Tab) => {
    later(850);
    const body = JSON.stringify({ query: '{ me { id } }' });
    const one = async () =>
      (
        (await (
          await session.fetch('/graphql', {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body,
          })
        ).json()) as { data?: { me?: { id: string } } }
      ).data?.me?.id;
    const ids = await Promise.all(Array.from({ length: 20 }, one));
    return ids.filter(Boolean).length;
  };
  const found = await Promise.all(tabs.map((tab) => inTab(tab, askMany)));
  return found.reduce((sum, one) => sum + one, 0);
}

test('two tabs share one session, exchange its token once, and are signed out together', async () => {
  const ana = await join(app);
  await chromium.visit({ sites: [origin] }, async ({ open }) => {
    const [one, other] = [await open(origin), await open(origin)];
    const credentials = { login: ana.username, password: ana.password };
    const outcome = await inTab(
      one,
      ({ session }, given: typeof credentials) => session.signIn(given),
      credentials,
    );
    expect(outcome).toEqual({ kind: 'signed-in' });
    const last = (page: Page) => inTab(page, ({ changes }) => changes.at(-1));
    await until('the other tab has heard', async () => (await last(other))?.type === 'signed-in');
    const stolen = await kept(one);

    expect(await hurry(one, other)).toBe(40);
    expect(asked.filter((operation) => operation === 'Refresh')).toHaveLength(1);
    expect(await hurry(one, other)).toBe(40);
    expect(asked.filter((operation) => operation === 'Refresh')).toHaveLength(2);

    const refresh = 'mutation ($token: String!) { refresh(refreshToken: $token) { accessToken } }';
    const { errors } = await app.graphql(refresh, { token: stolen });
    expect(errors[0]?.extensions.code).toBe('REFRESH_TOKEN_REUSED');
    expect(await hurry(one)).toBe(0);
    for (const tab of [one, other]) {
      await until('the tab is signed out', async () => (await last(tab))?.type === 'signed-out');
      expect(await inTab(tab, async ({ session }) => (await session.accessToken()) ?? null)).toBeNull();
    }
  });
});

test('a late answer to somebody whose account is gone does not sign out who has signed in since', async () => {
  const [ana, ben] = [await join(app), await join(app)];
  await chromium.visit({ sites: [origin] }, async ({ open }) => {
    const [one, other] = [await open(origin), await open(origin)];
    const signIn = (tab: Page, { username, password }: typeof ana) =>
      inTab(tab, ({ session }, who) => session.signIn(who), { login: username, password });
    let release = (): void => undefined;
    late = new Promise((resolve) => (release = resolve));
    await signIn(one, ana);
    const asking = inTab(one, async ({ session }) => {
      const headers = { 'content-type': 'application/json', 'x-late': '1' };
      const body = JSON.stringify({ query: '{ me { id } }' });
      return (await session.fetch('/graphql', { method: 'POST', headers, body })).text();
    });
    const before = await inTab(one, ({ session }) => session.accessToken());
    const leave = 'mutation ($password: String!) { deleteMe(password: $password) }';
    await app.graphql(leave, { password: ana.password }, { bearer: ana.access });
    await signIn(other, ben);
    release();
    expect(await asking).toContain('ACCOUNT_DELETED');
    const after = await inTab(one, ({ session }) => session.accessToken());
    expect(after).toEqual(expect.any(String));
    expect(after).not.toBe(before);
    expect(await inTab(one, ({ changes }) => changes.filter(({ code }) => code !== undefined))).toEqual([]);
  });
});
