import { afterEach, describe, expect, it } from '@jest/globals';
import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { callOut, mayCall } from '../../src/domain/outgoing.js';
import { startApp, type TestApp } from '../harness/app.js';
import { refresh } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { join } from '../harness/people.js';
import { makeTempDir } from '../harness/process.js';
import { startReceiver, type Receiver } from '../harness/receiver.js';
import { until } from '../harness/until.js';

const SECRET = `whsec_${randomBytes(32).toString('base64')}`;

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});
const receiver = async (...answer: Parameters<typeof startReceiver>): Promise<Receiver> => {
  const started = await startReceiver(...answer);
  open.push(started);
  return started;
};
/** A service that has something to tell the webhook. */
const telling = async (settings: Record<string, string>): Promise<{ app: TestApp; look: Look }> => {
  const app = await startApp({
    REFRESH_REPLAY_WINDOW_SECONDS: '0',
    WEBHOOK_SECRET: SECRET,
    ...settings,
  });
  open.push(app);
  const look = await lookInto(app.databaseUrl);
  open.push(look);
  const ana = await join(app);
  await refresh(app, ana.refresh);
  await refresh(app, ana.refresh);
  return { app, look };
};
const tried = (look: Look) =>
  until('it was tried and waits to be tried again', async () => {
    const [row] = await look<{ waits: boolean }>(
      // A lease runs for a minute, the first wait for seconds.
      "select tries > 0 and next_try_at < now() + interval '30 seconds' as waits from webhook_deliveries",
    );
    return row?.waits;
  });
const call = (url: string, allowPrivateNetwork = true) => ({
  url,
  headers: {},
  body: '{}',
  allowPrivateNetwork,
});

const PRIVATE = [
  '10.0.0.1',
  '172.16.0.1',
  '192.168.1.1',
  '127.0.0.1',
  '127.255.255.254',
  '100.64.0.1',
  '::1',
  'fc00::1',
  'fd12:3456::1',
];
const NEVER = [
  '0.0.0.0',
  '0.1.2.3',
  '169.254.169.254',
  '169.254.0.1',
  '192.0.0.1',
  '198.18.0.1',
  '198.19.255.255',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  'fe80::1',
  'ff02::1',
  '::ffff:127.0.0.1',
  '::ffff:10.0.0.1',
  '::ffff:8.8.8.8',
  '::127.0.0.1',
  '64:ff9b::7f00:1',
  '64:ff9b:1::a00:1',
  '2002:7f00:1::',
  '2001::1',
  '2001:db8::1',
  'not an address',
  '',
];

describe('a webhook on a network of our own', () => {
  it.each([...PRIVATE, ...NEVER])('is not called at %j', (address) => {
    expect(mayCall(address, false)).toBe(false);
  });

  it.each(NEVER)('is not called at %j even where private networks are allowed', (address) => {
    expect(mayCall(address, true)).toBe(false);
  });

  it.each(['1.1.1.1', '93.184.216.34', '2606:4700:4700::1111', '2a00:1450:4001:800::200e'])(
    'is something else than one at %s',
    (address) => {
      expect(mayCall(address, false)).toBe(true);
    },
  );

  it.each([
    'https://127.0.0.1',
    'https://127.1',
    'https://0x7f000001',
    'https://2130706433',
    'https://017700000001',
    'https://[::1]',
    'https://[::ffff:127.0.0.1]',
    'https://localhost',
    'https://LOCALHOST',
  ])('is not called as %s', async (origin) => {
    const { port, received } = await receiver();
    await expect(callOut(call(`${origin}:${port}/`, false))).rejects.toMatchObject({ name: 'CallRefused' });
    expect(received).toEqual([]);
  });

  it('is not called where one of the addresses of a name is private, or there is none', async () => {
    const resolve = (addresses: string[]) => () => Promise.resolve(addresses.map((address) => ({ address })));
    for (const addresses of [['1.1.1.1', '10.0.0.1'], ['::1', '2606:4700::1'], []])
      await expect(
        callOut(call('https://hook.example.test/', false), resolve(addresses)),
      ).rejects.toMatchObject({ name: 'CallRefused' });
  });

  it('is not reached by a name that changes its mind: the address that was checked is the one that is called', async () => {
    const { port, received } = await receiver();
    const answers = [['127.0.0.1'], ['169.254.169.254']];
    let asked = 0;
    const resolve = () =>
      Promise.resolve((answers[Math.min(asked++, 1)] ?? []).map((address) => ({ address })));
    await expect(callOut(call(`http://rebinding.example.test:${port}/`), resolve)).resolves.toBe(204);
    expect([asked, received.length]).toEqual([1, 1]);
    expect(received[0]?.headers.host).toBe(`rebinding.example.test:${port}`);
  });

  it.each(['file:///etc/passwd', 'ftp://1.1.1.1/', 'http://1.1.1.1/'])('is not called by %s', async (url) => {
    await expect(callOut(call(url, false))).rejects.toMatchObject({ name: 'CallRefused' });
  });

  it('counts as a failed try, and the delivery waits', async () => {
    const { port, received } = await receiver();
    const { look } = await telling({ WEBHOOK_URL: `https://127.0.0.1:${port}/` });
    await tried(look);
    expect(received).toEqual([]);
  });
});

describe('an answer to the webhook', () => {
  it('that redirects is not followed, and means that it was not taken', async () => {
    const inside = await receiver();
    const { url, received } = await receiver((response) =>
      response.writeHead(307, { location: inside.url }).end(),
    );
    const { look } = await telling({ WEBHOOK_URL: url, WEBHOOK_ALLOW_PRIVATE_NETWORK: 'on' });
    await tried(look);
    expect([received.length > 0, inside.received]).toEqual([true, []]);
  });

  it('that never ends to talk is not listened to for long', async () => {
    let sent = 0;
    const { url } = await receiver((response) => {
      response.writeHead(200);
      const pour = () => {
        while (!response.destroyed && response.write('x'.repeat(16_384))) sent += 16_384;
      };
      response.on('drain', pour);
      pour();
    });
    const start = performance.now();
    await expect(callOut(call(url))).resolves.toBe(200);
    expect(performance.now() - start).toBeLessThan(2000);
    // What was under way in buffers comes on top of the 64 KiB that are read.
    expect(sent).toBeLessThan(16 * 1024 * 1024);
  });

  it('that never comes is not waited for longer than five seconds', async () => {
    const { url } = await receiver(() => undefined);
    const start = performance.now();
    await expect(callOut(call(url))).rejects.toBeDefined();
    expect(performance.now() - start).toBeLessThan(7000);
  });

  it('that drips is not waited for longer either; it was taken', async () => {
    const { url } = await receiver((response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('.'), 50);
      response.on('close', () => clearInterval(timer));
    });
    const start = performance.now();
    await expect(callOut(call(url))).resolves.toBe(200);
    expect(performance.now() - start).toBeLessThan(7000);
  });
});

describe('who receives the webhook', () => {
  type Verify = (headers: Record<string, string>, body: string, secret: string) => boolean;
  /** The very code that the manual prints. */
  async function codeOfManual(): Promise<Verify> {
    const [, alerts = ''] = readFileSync('docs/operations.md', 'utf8').split('## Alerts');
    const [, printed = ''] = /```js\n([\s\S]*?)```/.exec(alerts) ?? [];
    const file = joinPath(makeTempDir(), 'manual.mjs');
    writeFileSync(file, printed);
    return ((await import(file)) as { isGenuine: Verify }).isGenuine;
  }

  it('tells a genuine delivery by the code of the manual, and none that is forged, changed, moved or old', async () => {
    const isGenuine = await codeOfManual();
    const there = await receiver();
    await telling({ WEBHOOK_URL: there.url, WEBHOOK_ALLOW_PRIVATE_NETWORK: 'on' });
    const [delivery] = await until('a delivery has come', () =>
      there.received.length > 0 ? there.received : undefined,
    );
    const { body = '' } = delivery ?? {};
    const headers = delivery?.headers as Record<string, string>;
    expect(isGenuine(headers, body, SECRET)).toBe(true);

    const signature = headers['webhook-signature'] ?? '';
    const forgeries: Record<string, string>[] = [
      { 'webhook-signature': '' },
      { 'webhook-signature': 'v1,' },
      { 'webhook-signature': signature.replace('v1,', '') },
      { 'webhook-signature': signature.replace('v1,', 'v2,') },
      { 'webhook-signature': `v1,${randomBytes(32).toString('base64')}` },
      { 'webhook-id': 'msg_other' },
      { 'webhook-timestamp': String(Number(headers['webhook-timestamp']) + 1) },
      { 'webhook-timestamp': 'now' },
    ];
    for (const forged of forgeries) expect(isGenuine({ ...headers, ...forged }, body, SECRET)).toBe(false);
    expect(isGenuine(headers, `${body} `, SECRET)).toBe(false);
    expect(isGenuine(headers, body, `whsec_${randomBytes(32).toString('base64')}`)).toBe(false);
    const old = String(Math.floor(Date.now() / 1000) - 600);
    const key = Buffer.from(SECRET.slice(6), 'base64');
    const resigned = createHmac('sha256', key)
      .update(`${headers['webhook-id']}.${old}.${body}`)
      .digest('base64');
    const replayed = { ...headers, 'webhook-timestamp': old, 'webhook-signature': `v1,${resigned}` };
    expect(isGenuine(replayed, body, SECRET)).toBe(false);
  });
});
