import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../harness/app.js';
import { sendRaw } from './raw.js';

const SECRET = randomBytes(24).toString('base64url');
const APP = 'https://app.example.test';
const ADMIN = 'https://admin.example.test:8443';

let production: TestApp;
let development: TestApp;
beforeAll(async () => {
  const ours = { GATEWAY_SECRETS: SECRET, FRONTEND_URL: `${APP}/, ${ADMIN}/console?x=1` };
  [production, development] = await Promise.all([
    startApp({ ...ours, NODE_ENV: 'production' }),
    startApp(ours),
  ]);
});
afterAll(() => Promise.all([production.close(), development.close()]));

const preflight = ({ url }: TestApp, origin: string) =>
  fetch(`${url}/graphql`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization, content-type',
    },
  });
const post = ({ url }: TestApp, origin: string, headers: Record<string, string> = {}) =>
  fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { origin, 'content-type': 'application/json', 'x-gateway-secret': SECRET, ...headers },
    body: '{"query":"{ __typename }"}',
  });
const allowed = (answer: Response) => answer.headers.get('access-control-allow-origin');

const LOOPBACK = ['http://localhost:3000', 'https://localhost', 'http://127.0.0.1:5173', 'http://[::1]:3000'];
const STRANGERS = [
  'https://evil.example',
  'https://app.example.test.evil.example',
  'https://evilapp.example.test',
  'https://sub.app.example.test',
  'http://app.example.test',
  'https://app.example.test:444',
  'https://admin.example.test',
  'https://APP.example.test',
  'https://app.example.test/',
  'https://app.example.test, https://evil.example',
  'https://app.example.test@evil.example',
  'https://auth.example.test',
  'http://localhost.evil.example',
  'http://127.0.0.1.evil.example',
  'http://127.0.0.2',
  'http://0.0.0.0',
  'http://localhost:3000/',
  'http://localhost:3000:80',
  'http://x@localhost:3000',
  'file://',
  'null',
  '*',
];

describe.each([
  ['production', () => production, [APP, ADMIN], [...STRANGERS, ...LOOPBACK]],
  ['development', () => development, [APP, ADMIN, ...LOOPBACK], STRANGERS],
] as const)('in %s', (_mode, app, friends, strangers) => {
  it.each(friends)('a page on %s may send operations and read the answers', async (origin) => {
    const asked = await preflight(app(), origin);
    expect([asked.status, allowed(asked)]).toEqual([204, origin]);
    expect(asked.headers.get('access-control-allow-methods')).toBe('POST, GET');
    expect(asked.headers.get('access-control-allow-headers')).toMatch(/content-type, authorization/);
    expect(Number(asked.headers.get('access-control-max-age'))).toBeLessThanOrEqual(600);
    const answer = await post(app(), origin);
    expect([answer.status, allowed(answer), answer.headers.get('vary')]).toEqual([200, origin, 'origin']);
    expect(answer.headers.get('access-control-expose-headers')).toBe('x-request-id');
  });

  it.each(strangers)('a page on %s may do neither', async (origin) => {
    for (const answer of [await preflight(app(), origin), await post(app(), origin)]) {
      expect(allowed(answer)).toBeNull();
      expect(answer.headers.get('access-control-allow-headers')).toBeNull();
      expect(answer.headers.get('access-control-allow-methods')).toBeNull();
      expect(answer.headers.get('vary')).toBe('origin');
    }
  });

  it('no page may send cookies, and none are ever set', async () => {
    for (const origin of [...friends, 'https://evil.example'])
      for (const answer of [await preflight(app(), origin), await post(app(), origin, { cookie: 'a=b' })]) {
        expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
        expect(answer.headers.get('set-cookie')).toBeNull();
      }
  });

  it('a page that may, can read refusals as well', async () => {
    const { url } = app();
    const refusals = [
      await fetch(`${url}/graphql`, { method: 'POST', headers: { origin: APP, 'x-gateway-secret': SECRET } }),
      await fetch(`${url}/nowhere`, { headers: { origin: APP } }),
    ];
    expect(refusals.map(({ status }) => status)).toEqual([415, 404]);
    expect(refusals.map(allowed)).toEqual([APP, APP]);
  });
});

describe('to a page of anybody', () => {
  it('the public keys are public', async () => {
    for (const path of ['/.well-known/jwks.json', '/.well-known/openid-configuration'])
      expect(
        allowed(await fetch(production.url + path, { headers: { origin: 'https://evil.example' } })),
      ).toBe('*');
  });

  it('nothing else is, without a word on its origin', async () => {
    for (const path of ['/health/live', '/health/ready', '/verify-email', '/nowhere'])
      expect(
        allowed(await fetch(production.url + path, { headers: { origin: 'https://evil.example' } })),
      ).toBeNull();
  });

  it('two origins at once are none', async () => {
    const { headers } = await sendRaw(development.url, [
      'OPTIONS /graphql HTTP/1.1',
      `Origin: ${APP}`,
      'Origin: https://evil.example',
    ]);
    // The first counts, and a browser never sends a second.
    expect(headers['access-control-allow-origin'] ?? '').not.toContain('evil');
  });

  it('the page that confirms an address can be neither framed nor made to run anything', async () => {
    const page = await fetch(
      `${production.url}/verify-email?token=${encodeURIComponent('"><script>alert(1)</script>')}`,
    );
    const html = await page.text();
    expect(page.status).toBe(200);
    const scripts = [...html.matchAll(/<script[^>]*>(.*?)<\/script/gs)].map(([, text = '']) => text);
    expect(scripts).toHaveLength(1);
    expect(html.match(/<script/g)).toHaveLength(1);
    const own = createHash('sha256').update(scripts[0]!).digest('base64');
    expect(page.headers.get('content-security-policy')).toContain(`script-src 'sha256-${own}'`);
    expect(html).toContain('&quot;&gt;&lt;script&gt;');
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
    expect(page.headers.get('cache-control')).toBe('no-store');
    const policy = page.headers.get('content-security-policy') ?? '';
    for (const rule of [
      "default-src 'none'",
      "frame-ancestors 'none'",
      "form-action 'self'",
      "base-uri 'none'",
    ])
      expect(policy).toContain(rule);
  });
});
