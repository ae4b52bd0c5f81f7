import {
  createAuthClient,
  type AuthClient,
  type AuthClientOptions,
  type ClientEvent,
} from '@authgraph/client';
import { ask, startApp, testEnvironment, type TestApp } from '../harness/app.js';
import { enter, join, ownerOf, type Person } from '../harness/people.js';
import { findFreePort } from '../harness/port.js';
import { startProgram } from '../harness/program.js';
import { holderOf, tokensDesk, type Holder } from '../harness/service-tokens.js';
import { servicesDesk } from '../harness/services.js';
import { until } from '../harness/until.js';

const clients: AuthClient[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

function clientOf(url: string, { token }: Holder, options: AuthClientOptions = {}): AuthClient {
  const client = createAuthClient({ url, serviceToken: token, ...options });
  clients.push(client);
  return client;
}

describe('a service that asks the auth service', () => {
  let app: TestApp;
  let owner: Person;
  let ana: Person;
  let holder: Holder;
  let client: AuthClient;
  beforeAll(async () => {
    app = await startApp({ LIMITS_SCALE: '100' });
    owner = await ownerOf(app);
    ana = await join(app);
    holder = await holderOf(tokensDesk(app, owner), ['users:read']);
  });
  afterAll(() => app.close());
  beforeEach(() => {
    client = clientOf(app.url, holder);
  });

  test('is told of a token alone, and of access to itself where it asks for that', async () => {
    expect(await client.verify(ana.access)).toMatchObject({
      valid: true,
      subject: { id: ana.id, type: 'USER' },
    });
    const shut = { valid: false, reason: 'NO_SERVICE_ACCESS' };
    expect(await client.verify(ana.access, { service: 'self' })).toMatchObject(shut);
    expect(await client.verify(ana.access, { serviceId: holder.serviceId })).toMatchObject(shut);
    const desk = servicesDesk(app, owner);
    await desk.setUserServices(ana.id, [{ serviceId: holder.serviceId }]);
    await until('she has access', async () => {
      const { valid, service } = await client.verify(ana.access, { service: 'self' });
      return valid && service?.service.name === holder.name;
    });
    const missing = await client.verify(ana.access, { requires: ['users:delete'] });
    expect(missing).toMatchObject({ valid: false, reason: 'MISSING_PERMISSION' });
  });

  test('asks a hundred questions at once, and more', async () => {
    const answers = await Promise.all(
      Array.from({ length: 150 }, (_, at) => client.verifyRemote(ana.access, { requires: [`none:${at}`] })),
    );
    expect(new Set(answers.map(({ reason }) => reason))).toEqual(new Set(['MISSING_PERMISSION']));
  });

  test('hears of what is ended elsewhere, and needs no question for it', async () => {
    await client.ready();
    const sessions = await Promise.all(Array.from({ length: 5 }, () => enter(app, ana)));
    for (const { access } of sessions) expect((await client.verify(access)).valid).toBe(true);
    for (const { access } of sessions) {
      await app.graphql('mutation ($token: String!) { revoke(token: $token) }', { token: access });
      const reason = () => client.verify(access).then((answer) => answer.reason ?? undefined);
      expect(await until('it is heard', reason, 1500)).toBe('REVOKED');
    }
    expect(client.status()).toMatchObject({ mode: 'local', isBreakerOpen: false });
  });

  test('shows another service what is made for it alone, and is known there by it', async () => {
    const desk = tokensDesk(app, owner);
    const other = await holderOf(desk);
    const there = clientOf(app.url, other, { serviceName: other.name });
    await Promise.all([client.ready(), there.ready()]);
    const { authorization = '' } = await client.callHeaders({ audience: other.name });
    const token = authorization.replace('Bearer ', '');
    const known = { valid: true, subject: { id: holder.serviceId, type: 'SERVICE', username: holder.name } };
    expect(await there.verify(token)).toMatchObject(known);
    expect(await there.verifyRemote(token)).toMatchObject(known);
    expect((await client.verify(token)).valid).toBe(false);
    await desk.setStatus(holder.serviceId, 'DISABLED');
    const reason = () => there.verify(token).then((answer) => answer.reason ?? undefined);
    expect(await until('it is heard', reason, 1500)).toBe('SUBJECT_DISABLED');
    await desk.setStatus(holder.serviceId, 'ACTIVE');
  });

  test('reads accounts, knows services by their tokens, and ends sessions', async () => {
    expect(await client.getUser(ana.id)).toMatchObject({
      id: ana.id,
      username: ana.username,
      email: ana.email,
    });
    expect(await client.getUser('019a0000-0000-7000-8000-000000000000')).toBeUndefined();
    expect(await client.verifyServiceToken(holder.name, holder.token)).toMatchObject({
      valid: true,
      scopes: ['users:read'],
    });
    expect((await client.verifyServiceToken('nobody', holder.token)).reason).toBe('WRONG_AUDIENCE');
    const again = await enter(app, ana);
    expect(await client.revoke(again.access)).toBe(true);
    expect((await client.verify(again.access)).reason).toBe('REVOKED');
  });
});

test('the auth service may be killed and come back under load: no wrong yes, no error that nobody meets', async () => {
  const { env, drop } = await testEnvironment({ LIMITS_SCALE: '1000' });
  const PORT = String(await findFreePort());
  const start = () => startProgram({ ...env, PORT });
  let program = await start();
  const graphql: TestApp['graphql'] = (...call) => ask(program.url, ...call);
  const owner = await enter(
    { graphql },
    { username: env['OWNER_USERNAME']!, password: env['OWNER_PASSWORD']!, email: '' },
  );
  const holder = await holderOf(tokensDesk({ graphql }, owner));
  const revoked = await enter({ graphql }, owner);
  await graphql('mutation ($token: String!) { revoke(token: $token) }', { token: revoked.access });
  const states: string[] = [];
  const onEvent = (event: ClientEvent) => {
    if (event.type === 'breaker') states.push(event.state);
  };
  const client = clientOf(program.url, holder, { onEvent, retries: 1, timeoutMs: 500, staleAfterSeconds: 2 });
  const seen = { yes: 0, no: 0, unavailable: 0, wrong: [] as unknown[] };
  let isOver = false;
  const load = async (token: string, isGood: boolean) => {
    while (!isOver) {
      try {
        const { valid } = await client.verify(token);
        if (valid !== isGood) seen.wrong.push({ valid, isGood });
        seen[valid ? 'yes' : 'no']++;
      } catch (error) {
        if ((error as { code?: string }).code === 'SERVICE_UNAVAILABLE') seen.unavailable++;
        else seen.wrong.push(error);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const callers = [1, 2, 3, 4].map((at) => load(at % 2 ? owner.access : revoked.access, at % 2 === 1));
  await until('both are answered', () => seen.yes > 0 && seen.no > 0);
  program.signal('SIGKILL');
  await until('the breaker opens', () => states.includes('open'));
  expect(seen.unavailable).toBeGreaterThan(0);
  program = await start();
  await until('the breaker closes', () => states.at(-1) === 'closed');
  const before = seen.yes;
  await until('it is asked again', () => seen.yes > before);
  isOver = true;
  await Promise.all(callers);
  expect(seen.wrong).toEqual([]);
  client.close();
  program.signal('SIGTERM');
  await program.ended;
  await drop();
});
