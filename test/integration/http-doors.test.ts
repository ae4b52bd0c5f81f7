import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { catalogue } from '../../src/errors.js';
import { sendRaw } from '../attack/raw.js';
import { startApp, type TestApp } from '../harness/app.js';
import { createDatabase } from '../harness/postgres.js';
import { until } from '../harness/until.js';
import { layWire, type Wire } from '../harness/wire.js';

let app: TestApp;
let wire: Wire;
let drop: () => Promise<void>;
beforeAll(async () => {
  const database = await createDatabase();
  drop = () => database.drop();
  wire = await layWire(database.url);
  app = await startApp({ DATABASE_URL: wire.url });
});
afterAll(async () => {
  await app.close();
  await wire.close();
  await drop();
});

const get = (path: string, init?: RequestInit) => fetch(app.url + path, init);

describe('the doors of the service', () => {
  it.each([
    ['/health', 200],
    ['/health/live', 200],
    ['/health/ready', 200],
    ['/.well-known/jwks.json', 200],
    ['/.well-known/openid-configuration', 200],
    ['/.well-known/oauth-authorization-server', 200],
    ['/verify-email', 200],
    ['/reset-password', 200],
    ['/confirm-email-change', 200],
    ['/undo-email-change', 200],
    ['/', 200],
    ['/mailbox', 200],
    ['/mailbox.json', 200],
    ['/favicon.ico', 404],
    ['/.well-known/', 404],
    ['/metrics', 404],
  ])('%s answers %i, by HEAD as by GET, and any query string', async (path, status) => {
    const [got, head, queried] = [
      await get(path),
      await get(path, { method: 'HEAD' }),
      await get(`${path}?a=b&c`),
    ];
    expect([got.status, head.status, queried.status]).toEqual([status, status, status]);
    expect(await head.text()).toBe('');
    for (const answer of [got, head]) {
      expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      expect(answer.headers.get('cache-control')).toMatch(
        path.includes('.well-known/') && status === 200 ? /^public/ : /^no-store$/,
      );
    }
  });

  it.each([
    ['/health/live', 'POST', 'GET, HEAD'],
    ['/health/ready', 'DELETE', 'GET, HEAD'],
    ['/.well-known/openid-configuration', 'PUT', 'GET, HEAD'],
    ['/oauth/introspect', 'GET', 'POST'],
    ['/oauth/revoke', 'PUT', 'POST'],
    ['/oauth/token', 'GET', 'POST'],
    ['/revocations', 'POST', 'GET, HEAD'],
    ['/router/coprocessor', 'GET', 'POST'],
    ['/verify-email', 'PUT', 'GET, HEAD, POST'],
    ['/reset-password', 'PUT', 'GET, HEAD, POST'],
    ['/undo-email-change', 'PUT', 'GET, HEAD, POST'],
    ['/mailbox', 'POST', 'GET, HEAD'],
    ['/graphql', 'PUT', 'POST, GET, HEAD'],
  ])('%s does not take %s, and says what it takes', async (path, method, allow) => {
    const answer = await get(path, { method });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow]);
  });

  it('answers requests on one connection in their order', async () => {
    const { hostname, port } = new URL(app.url);
    const text = await new Promise<string>((resolve, reject) => {
      let read = '';
      const socket = createConnection(Number(port), hostname).on('error', reject);
      socket.on('data', (chunk) => (read += chunk.toString())).on('end', () => resolve(read));
      const line = (path: string, last = '') =>
        `GET ${path} HTTP/1.1\r\nHost: x\r\nx-request-id: ${path.slice(1)}\r\n${last}\r\n`;
      socket.write(line('/1') + line('/2') + line('/3', 'Connection: close\r\n'));
    });
    expect([...text.matchAll(/x-request-id: (\d)/gi)].map(([, id]) => id)).toEqual(['1', '2', '3']);
  });

  it('speak no other protocol', async () => {
    const upgrade = [
      'GET /graphql HTTP/1.1',
      'Upgrade: websocket',
      'Sec-WebSocket-Key: x',
      'Sec-WebSocket-Version: 13',
    ];
    expect((await sendRaw(app.url, upgrade)).status).not.toBe(101);
    expect(
      (await sendRaw(app.url, ['CONNECT evil.example:443 HTTP/1.1']).catch(() => ({ status: 0 }))).status,
    ).not.toBe(200);
    expect((await sendRaw(app.url, ['PRI * HTTP/2.0'])).status).toBe(400);
  });
});

describe('readiness', () => {
  it('says what it looks at', async () => {
    expect(await (await get('/health/ready')).json()).toEqual({
      draining: false,
      postgres: true,
      revocations: true,
    });
    expect(await (await get('/health/live')).json()).toEqual({ status: 'live' });
  });

  it('is lost with PostgreSQL and comes back with it; the process lives all the while', async () => {
    wire.cut();
    const ready = async () => (await get('/health/ready')).status;
    await until('readiness is lost', async () => (await ready()) === 503);
    expect((await get('/health/live')).status).toBe(200);
    expect((await get('/.well-known/jwks.json')).status).toBe(200);
    wire.mend();
    await until('it is ready again', async () => (await ready()) === 200);
  });
});

describe('every code of the catalogue', () => {
  it('is met by a test', () => {
    const tests = [
      'sign-in',
      'sign-up',
      'refresh',
      'limits',
      'faults',
      'email-verification',
      'errors',
      'permissions',
      'mfa',
      'passkeys',
      'stateless',
    ]
      .map((name) => readFileSync(new URL(`./${name}.test.ts`, import.meta.url), 'utf8'))
      .join('\n');
    expect(Object.keys(catalogue).filter((code) => !tests.includes(code))).toEqual([]);
  });
});
