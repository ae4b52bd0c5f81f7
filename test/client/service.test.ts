import { randomUUID } from 'node:crypto';
import {
  authenticate,
  createAuthClient,
  type AuthClient,
  type AuthClientOptions,
  type ClientEvent,
} from '@authgraph/client';
import { ask, startApp, testEnvironment, type TestApp } from '../harness/app.js';
import { startForeignIssuer, type ForeignIssuer } from '../harness/foreign-issuer.js';
import { introspect } from '../harness/oauth.js';
import { enter, join, ownerOf, type Person } from '../harness/people.js';
import { findFreePort } from '../harness/port.js';
import { startProgram } from '../harness/program.js';
import { holderOf, issuedIn, tokensDesk, type Holder } from '../harness/service-tokens.js';
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
  let elsewhere: ForeignIssuer;
  beforeAll(async () => {
    elsewhere = await startForeignIssuer();
    const issuers = [{ ...elsewhere.entry, services: ['records'] }];
    app = await startApp({ LIMITS_SCALE: '100', TRUSTED_ISSUERS: JSON.stringify(issuers) });
    owner = await ownerOf(app);
    ana = await join(app);
    holder = await holderOf(tokensDesk(app, owner), ['users:read']);
  });
  afterAll(async () => {
    await app.close();
    await elsewhere.close();
  });
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

  test('is answered what it asks at the same time as what it may not ask', async () => {
    const may = { token: ana.access };
    const mayNot = { token: ana.access, serviceId: randomUUID() };
    const asked = [may, mayNot, ...Array.from({ length: 9 }, (_, n) => ({ token: `${ana.access}x${n}` }))];
    const told = await Promise.allSettled(
      asked.map(({ token, ...about }) => client.verifyRemote(token, about)),
    );
    expect(told.map(({ status }) => status)).toEqual(
      asked.map((one) => (one === mayNot ? 'rejected' : 'fulfilled')),
    );
    expect(told[1]).toMatchObject({ reason: { code: 'FORBIDDEN' } });
    expect(told[0]).toMatchObject({ value: { valid: true } });
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
    // Nor by asking, whatever this client knows of keys, nor at a service that it names.
    expect((await client.verifyRemote(token)).reason).toBe('WRONG_AUDIENCE');
    const elsewhere = there.verify(token, { serviceId: holder.serviceId });
    await expect(elsewhere).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await desk.setStatus(holder.serviceId, 'DISABLED');
    const reason = () => there.verify(token).then((answer) => answer.reason ?? undefined);
    expect(await until('it is heard', reason, 1500)).toBe('SUBJECT_DISABLED');
    await desk.setStatus(holder.serviceId, 'ACTIVE');
  });

  test('is told whom a token of another issuer speaks of, and whether it is good here', async () => {
    await client.ready();
    const token = elsewhere.token({ claims: { role: 'doctor', permissions: ['patients:read'] } });
    const known = await client.verify(token, { requires: ['patients:read'] });
    const id = `${elsewhere.issuer}#ana`;
    expect(known).toMatchObject({
      valid: true,
      issuer: elsewhere.issuer,
      subject: { id, type: 'EXTERNAL', externalId: 'ana', role: 'doctor', permissions: ['patients:read'] },
    });
    expect(await client.verifyRemote(token)).toEqual(known);
    expect((await client.verify(token, { requires: ['patients:write'] })).reason).toBe('MISSING_PERMISSION');
    const shut = { valid: false, reason: 'NO_SERVICE_ACCESS' };
    expect(await client.verify(token, { service: 'self' })).toMatchObject(shut);
    const records = clientOf(app.url, await holderOf(tokensDesk(app, owner), [], 'records'));
    expect(await records.verify(token, { service: 'self' })).toMatchObject({
      valid: true,
      service: { valid: true, service: { name: 'records' } },
    });
    const forged = elsewhere.token({ claims: { iss: 'https://auth.example.test' } });
    expect((await client.verify(forged)).valid).toBe(false);
    // Nobody here can end it.
    expect(await client.revoke(token)).toBe(true);
    expect((await client.verify(token)).valid).toBe(true);
  });

  test('asks later about a token whose issuer does not answer', async () => {
    const silent = await startForeignIssuer();
    silent.answer((response) => response.writeHead(503).end());
    const there = await app.replica({ TRUSTED_ISSUERS: JSON.stringify([silent.entry]) });
    const asking = clientOf(there.url, holder);
    await asking.ready();
    const token = silent.token();
    expect(await asking.verify(token)).toMatchObject({ valid: false, reason: 'ISSUER_UNAVAILABLE' });
    await expect(authenticate(asking, `Bearer ${token}`)).rejects.toMatchObject({ status: 503 });
    // The other issuer, and ours, are as they were.
    expect((await asking.verify(ana.access)).valid).toBe(true);
    await silent.close();
  });

  test('goes on while its token is exchanged for another one, call by call', async () => {
    const desk = tokensDesk(app, owner);
    let now: Holder = await holderOf(desk, ['tokens:introspect']);
    const modes: string[] = [];
    const rotating = createAuthClient({
      url: app.url,
      serviceToken: () => now.token,
      serviceName: now.name,
      retries: 0,
      onEvent: (event) => modes.push(...(event.type === 'mode' ? [event.mode] : [])),
    });
    clients.push(rotating);
    const there = clientOf(app.url, holder, { serviceName: holder.name });
    await Promise.all([rotating.ready(), there.ready()]);
    const calls: Record<string, () => Promise<unknown>> = {
      asks: async () => (await rotating.verifyRemote(ana.access)).valid,
      knows: async () => (await rotating.verifyServiceToken(now.name, now.token)).valid,
      calls: async () => {
        const { authorization = '' } = await rotating.callHeaders({ audience: holder.name });
        return (await there.verify(authorization.replace('Bearer ', ''))).valid;
      },
      'asks by GraphQL': async () => {
        const query = 'query ($t: String!) { verifyToken(token: $t, tokenOnly: true) { valid } }';
        return (await app.graphql(query, { t: ana.access }, { bearer: now.token })).data['verifyToken'].valid;
      },
      'asks by OAuth': async () => (await introspect(app, now, ana.access)).body.active,
      'passes users on': async () => {
        const asking = { bearer: ana.access, headers: { 'x-service-token': now.token } };
        return (await app.graphql('{ me { id } }', {}, asking)).data['me'].id === ana.id;
      },
    };
    const [failed, done] = [[] as unknown[], new Map<string, number>()];
    let isOver = false;
    const traffic = Object.entries(calls).map(async ([name, call]) => {
      while (!isOver) {
        const good = await call().catch((error: unknown) => error);
        if (good !== true) failed.push([name, good]);
        done.set(name, (done.get(name) ?? 0) + 1);
        // What is remembered is answered without a turn of the event loop.
        await new Promise(setImmediate);
      }
    });
    const round = async () => {
      const before = new Map(done);
      await until('each has called', () =>
        Object.keys(calls).every((name) => (done.get(name) ?? 0) > (before.get(name) ?? 0) + 1),
      );
    };
    for (let turn = 0; turn < 3; turn++) {
      await round();
      const old = now;
      now = { ...old, ...issuedIn(await desk.rotate(old.tokenId, 600)) };
      await round();
      await desk.revoke(old.tokenId);
      const ended = () => rotating.verifyServiceToken(old.name, old.token).then(({ valid }) => !valid);
      await until('the old one is over', ended);
    }
    await round();
    isOver = true;
    await Promise.all(traffic);
    expect(failed).toEqual([]);
    expect(modes).toEqual(['local']);
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

const isUnavailable = (error: unknown): boolean =>
  (error as { code?: string }).code === 'SERVICE_UNAVAILABLE';

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
  const [revoked, late] = [await enter({ graphql }, owner), await enter({ graphql }, owner)];
  await graphql('mutation ($token: String!) { revoke(token: $token) }', { token: revoked.access });
  const states: string[] = [];
  const onEvent = (event: ClientEvent) => {
    if (event.type === 'breaker') states.push(event.state);
  };
  const client = clientOf(program.url, holder, { onEvent, retries: 1, timeoutMs: 500, staleAfterSeconds: 2 });
  const seen = { yes: 0, no: 0, unavailable: 0, wrong: [] as unknown[] };
  let isOver = false;
  const load = async (token: string, isGood: boolean, way: 'verify' | 'verifyRemote') => {
    while (!isOver) {
      try {
        const { valid } = await client[way](token);
        if (valid !== isGood) seen.wrong.push({ valid, isGood });
        seen[valid ? 'yes' : 'no']++;
      } catch (error) {
        if (isUnavailable(error)) seen.unavailable++;
        else seen.wrong.push(error);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  // Once revocations are heard again, `verify` has no question to ask: the others find the service back.
  const callers = (['verify', 'verifyRemote'] as const).flatMap((way) => [
    load(owner.access, true, way),
    load(revoked.access, false, way),
  ]);
  try {
    await until('both are answered', () => seen.yes > 0 && seen.no > 0);
    program.signal('SIGKILL');
    await until('the breaker opens', () => states.includes('open'));
    expect(seen.unavailable).toBeGreaterThan(0);
    program = await start();
    await until('the breaker closes', () => states.at(-1) === 'closed');
    const before = seen.yes;
    await until('it is asked again', () => seen.yes > before);
    await until('all is heard again', () => client.status().mode === 'local');
    await graphql('mutation ($token: String!) { revoke(token: $token) }', { token: late.access });
    const isLate = () => client.verify(late.access).then(({ valid }) => valid, isUnavailable);
    await until('what is ended now is heard as well', async () => !(await isLate()));
  } finally {
    isOver = true;
    await Promise.all(callers);
    client.close();
    program.signal('SIGTERM');
    await program.ended;
    await drop();
  }
  expect(seen.wrong).toEqual([]);
}, 60_000);
