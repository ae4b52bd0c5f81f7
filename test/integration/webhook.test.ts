import { afterEach, describe, expect, it } from '@jest/globals';
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { watched } from '../harness/alerts.js';
import { startApp, testEnvironment, type TestApp } from '../harness/app.js';
import { refresh, signIn } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { join, type Person } from '../harness/people.js';
import { startProgram } from '../harness/program.js';
import { startReceiver, type Received, type Receiver } from '../harness/receiver.js';
import { until } from '../harness/until.js';

const secretBytes = randomBytes(32);
const SECRET = `whsec_${secretBytes.toString('base64')}`;

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function house(
  receiver: Receiver,
  overrides: Record<string, string> = {},
): Promise<{ app: TestApp; look: Look }> {
  open.push(receiver);
  const app = await startApp({
    LIMITS_SCALE: '100',
    REFRESH_REPLAY_WINDOW_SECONDS: '0',
    TRUSTED_PROXIES: '127.0.0.1',
    WEBHOOK_URL: receiver.url,
    WEBHOOK_SECRET: SECRET,
    WEBHOOK_ALLOW_PRIVATE_NETWORK: 'on',
    ...overrides,
  });
  open.push(app);
  const look = await lookInto(app.databaseUrl);
  open.push(look);
  return { app, look };
}

/** Gives rise to a HIGH alert about somebody. */
async function reuse(app: TestApp, person: Person, asking = {}): Promise<void> {
  await refresh(app, person.refresh, asking);
  await refresh(app, person.refresh, asking);
}
const received = (receiver: Receiver, count: number): Promise<Received[]> =>
  until(`${count} deliveries have come`, () =>
    receiver.received.length >= count ? receiver.received : undefined,
  );
const bodyOf = ({ body }: Received) =>
  JSON.parse(body) as { id: string; type: string; timestamp: string; data: Record<string, unknown> };

/** A delivery as another process leaves it that dies while it hands it over. */
async function leaveBehind(look: Look, body: string): Promise<void> {
  const alert = randomUUID();
  await look(
    `insert into security_alerts (id, type, severity, suspicion, dedupe_key) values ($1, 'refresh_reuse', 'HIGH', 'x', 'x')`,
    [alert],
  );
  await look(
    'insert into webhook_deliveries (id, alert_id, body, tries, next_try_at) values ($1, $2, $3, 1, now())',
    [randomUUID(), alert, body],
  );
}

describe('a webhook', () => {
  it('is told of an alert, signed, with ids and nothing personal', async () => {
    const receiver = await startReceiver();
    const { app, look } = await house(receiver);
    const ana = await join(app);
    const asking = { headers: { 'x-forwarded-for': '203.0.113.77' } };
    await reuse(app, ana, asking);
    for (let at = 0; at < 20; at++) await signIn(app, `nobody${at}`, 'wrong-Password-1', asking);
    const deliveries = await received(receiver, 2);
    const [alert] = await look("select * from security_alerts where type = 'refresh_reuse'");
    const delivery = deliveries.find((one) => bodyOf(one).data['type'] === 'refresh_reuse') as Received;
    expect(bodyOf(delivery)).toEqual({
      id: delivery.headers['webhook-id'],
      type: 'alert.raised',
      timestamp: alert?.raised_at.toISOString(),
      data: {
        id: alert?.id,
        type: 'refresh_reuse',
        severity: 'HIGH',
        status: 'OPEN',
        subject: ana.id,
        raisedAt: alert?.raised_at.toISOString(),
        details: { session: ana.sessionId },
      },
    });
    for (const { headers, body } of deliveries) {
      const { 'webhook-id': id, 'webhook-timestamp': at } = headers;
      expect(Math.abs(Date.now() / 1000 - Number(at))).toBeLessThan(60);
      const expected = createHmac('sha256', secretBytes)
        .update(`${String(id)}.${String(at)}.${body}`)
        .digest('base64');
      expect(headers['webhook-signature']).toBe(`v1,${expected}`);
      expect(headers['content-type']).toBe('application/json');
      for (const personal of ['203.0.113', ana.email, ana.username]) expect(body).not.toContain(personal);
    }
    await until('nothing waits', async () => (await look('select 1 from webhook_deliveries')).length === 0);
  });

  it('that fails is told again, the same words under the same id, until it takes them', async () => {
    const receiver = await startReceiver((response, count) =>
      response.writeHead(count < 2 ? 500 : 200).end(),
    );
    const { app, look } = await house(receiver);
    await reuse(app, await join(app));
    const deliveries = await received(receiver, 3);
    expect(new Set(deliveries.map(({ body }) => body)).size).toBe(1);
    expect(new Set(deliveries.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    await until('nothing waits', async () => (await look('select 1 from webhook_deliveries')).length === 0);
    expect(receiver.received).toHaveLength(3);
  });

  it('hears of one account in order, and of others meanwhile', async () => {
    let refused: string | undefined;
    const heard: string[] = [];
    const receiver = await startReceiver((response) => {
      const { data } = bodyOf(receiver.received.at(-1) as Received);
      refused ??= String(data['id']);
      const isRefused = data['id'] === refused && receiver.received.length < 4;
      if (!isRefused) heard.push(String(data['id']));
      response.writeHead(isRefused ? 503 : 200).end();
    });
    const { app, look } = await house(receiver);
    const [ana, ben] = [await join(app), await join(app)];
    await reuse(app, ana);
    await received(receiver, 1);
    for (let at = 0; at < 5; at++) await signIn(app, ana.username, 'wrong-Password-1');
    await reuse(app, ben);
    await until('nothing waits', async () => {
      const [row] = await look<{ done: boolean }>(
        'select count(*) = 3 and not exists (select 1 from webhook_deliveries) as done from security_alerts',
      );
      return row?.done;
    });
    const about = async (id: string) =>
      (await look<{ id: string }>('select id from security_alerts where subject = $1 order by id', [id])).map(
        (row) => row.id,
      );
    const ofAna = await about(ana.id);
    expect(heard.filter((id) => ofAna.includes(id))).toEqual(ofAna);
    expect(heard[0]).toBe((await about(ben.id))[0]);
  });

  it('hears of what was raised before a crash', async () => {
    const receiver = await startReceiver();
    const { app, look } = await house(receiver);
    await leaveBehind(look, '{"left":true}');
    await app.replica();
    const [delivery] = await received(receiver, 1);
    expect(delivery?.body).toBe('{"left":true}');
  });

  it('is given up in the end, and what comes later is told', async () => {
    const receiver = await startReceiver((response) => response.writeHead(400).end());
    const { app, look } = await house(receiver);
    const ana = await join(app);
    await reuse(app, ana);
    await received(receiver, 1);
    await look('update webhook_deliveries set tries = 40, next_try_at = now()');
    await app.replica();
    await until('it is given up', async () => (await look('select 1 from webhook_deliveries')).length === 0);
    expect(await look('select 1 from security_alerts')).toHaveLength(1);
  });

  it('that answers with a fault has its status in the log', async () => {
    const receiver = await startReceiver((response) => response.writeHead(418).end());
    open.push(receiver);
    const { env, drop } = await testEnvironment({
      LOG_LEVEL: 'info',
      WEBHOOK_URL: receiver.url,
      WEBHOOK_SECRET: SECRET,
      WEBHOOK_ALLOW_PRIVATE_NETWORK: 'on',
    });
    open.push({ close: drop });
    const look = await lookInto(env.DATABASE_URL);
    open.push(look);
    await leaveBehind(look, '{"left":true}');
    const program = await startProgram(env);
    const close = async () => {
      program.signal('SIGTERM');
      await program.ended;
    };
    open.push({ close });
    const line = await until('the log tells', () =>
      /^.*a webhook delivery could not.*$/m.exec(program.output()),
    );
    expect(JSON.parse(String(line))).toMatchObject({
      err: { type: 'WebhookRefused', code: '418' },
      tries: 2,
    });
  });

  it('that is not configured has nothing waiting for it', async () => {
    const receiver = await startReceiver();
    const { app, look } = await house(receiver, { WEBHOOK_URL: '', WEBHOOK_SECRET: '' });
    await reuse(app, await join(app));
    await watched(look);
    expect(await look('select 1 from security_alerts')).toHaveLength(1);
    expect(await look('select 1 from webhook_deliveries')).toEqual([]);
  });
});
