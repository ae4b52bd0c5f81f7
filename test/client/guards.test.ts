import { randomUUID } from 'node:crypto';
import { createServer, request as rawRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAuthClient, type AuthClient } from '@authgraph/client';
import { requireAuth } from '@authgraph/client/express';
import {
  AuthClientModule,
  AuthClientService,
  AuthGuard,
  Public,
  RequirePermissions,
  RequireSelf,
  RequireServices,
  ServiceTokenGuard,
} from '@authgraph/client/nestjs';
import { startFakeAuth, type FakeAuth } from '@authgraph/client/testing';
import { Module } from '@nestjs/common';
import { NestFactory, Reflector } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { buildSchema, graphql } from 'graphql';
import { startApollo } from '../../packages/client/examples/apollo.js';
import { startExpress } from '../../packages/client/examples/express.js';
import { startFastify } from '../../packages/client/examples/fastify.js';
import { startFetch } from '../../packages/client/examples/fetch.js';
import { startNestjs } from '../../packages/client/examples/nestjs.js';
import type { Running } from '../../packages/client/examples/run.js';
import { until } from '../harness/until.js';

let auth: FakeAuth;
let client: AuthClient;
beforeAll(async () => {
  auth = await startFakeAuth();
  client = createAuthClient({ url: auth.url, serviceToken: auth.serviceToken, retries: 0 });
  await client.ready();
});
afterAll(async () => {
  client.close();
  await auth.close();
});

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** One request as it is written, headers doubled or not. */
function knock(url: string, headers: Record<string, string | string[]>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = rawRequest(url, { headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.once('error', reject).end();
  });
}

describe.each([
  ['Express', startExpress],
  ['Fastify', startFastify],
  ['NestJS', (auth: AuthClient) => startNestjs({ ...auth, close: () => undefined })],
  ['the Fetch standard', startFetch],
] as [string, (auth: AuthClient) => Promise<Running>][])('records behind %s', (name, start) => {
  let app: Running;
  beforeAll(async () => (app = await start(client)));
  afterAll(() => app.close());

  const read = async (patientId: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${app.url}/records/${patientId}`, { headers });
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as Record<string, unknown>,
    };
  };

  test('are shown to the patient whose they are, and not to another', async () => {
    const [ana, ben] = [randomUUID(), randomUUID()];
    const token = auth.token({ sub: ana, roles: ['PATIENT'] });
    expect(await read(ana, bearer(token))).toMatchObject({ status: 200, body: { patientId: ana } });
    const refused = await read(ben, bearer(token));
    expect(refused).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
    expect(refused.headers.get('www-authenticate')).toBe('Bearer error="insufficient_scope"');
    expect((await read(ben, bearer(auth.token({ permissions: ['records:read'] })))).status).toBe(200);
  });

  test('are not shown to who only says who they are', async () => {
    const ana = randomUUID();
    const named = { 'x-user-id': ana, 'x-user-role': 'OWNER', 'x-user-permissions': 'records:read' };
    const refused = await read(ana, named);
    expect(refused).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
    expect(refused.headers.get('www-authenticate')).toBe('Bearer');
    // Beside a token of somebody else they change nothing.
    expect((await read(ana, { ...named, ...bearer(auth.token()) })).status).toBe(403);
  });

  test('are not shown for what is no good token', async () => {
    const sid = randomUUID();
    const revoked = auth.token({ sid });
    auth.revokeSession(sid);
    await until('it is heard', async () => (await client.verify(revoked)).reason ?? undefined);
    for (const [token, reason] of [
      ['nonsense', 'MALFORMED'],
      [auth.token({ ttlSeconds: -60 }), 'EXPIRED'],
      [revoked, 'REVOKED'],
    ] as const) {
      const refused = await read(randomUUID(), bearer(token));
      expect(refused).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED', reason } });
      expect(refused.headers.get('www-authenticate')).toBe(
        `Bearer error="invalid_token", error_description="${reason}"`,
      );
    }
    const sub = randomUUID();
    const url = `${app.url}/records/${sub}`;
    const token = `Bearer ${auth.token({ sub })}`;
    expect(await knock(url, { authorization: token })).toBe(200);
    if (name !== 'the Fetch standard') expect(await knock(url, { authorization: [token, token] })).toBe(401);
    expect(await knock(url, { authorization: `Basic ${token}` })).toBe(401);
  });

  test('are added to by who may', async () => {
    const add = async (token: string) => {
      const response = await fetch(`${app.url}/records/${randomUUID()}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...bearer(token) },
        body: JSON.stringify({ finding: 'well' }),
      });
      return [response.status, response.headers.get('www-authenticate')];
    };
    expect(await add(auth.token({ permissions: ['records:write'] }))).toEqual([201, null]);
    expect(await add(auth.token({ permissions: ['records:read'] }))).toEqual([
      403,
      'Bearer error="insufficient_scope", scope="records:write"',
    ]);
  });

  test('are kept shut while nobody can say who asks', async () => {
    const deaf = createAuthClient({ url: 'http://127.0.0.1:9', serviceToken: 'ags_x', retries: 0 });
    const shut = await start(deaf);
    try {
      const response = await fetch(`${shut.url}/records/x`, { headers: bearer(auth.token()) });
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toBe('1');
      expect(await response.json()).toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    } finally {
      await shut.close();
      deaf.close();
    }
  });
});

test('whoever answers before it is known who asks brings nobody down', async () => {
  const guard = requireAuth(client);
  let told: (error: unknown) => void = () => undefined;
  const error = new Promise((resolve) => (told = resolve));
  const server = createServer((request, response) => {
    guard(request, response, told);
    response.end('too late');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  expect(await response.text()).toBe('too late');
  expect(await error).toMatchObject({ code: 'UNAUTHENTICATED' });
  await new Promise((resolve) => server.close(resolve));
});

describe('a NestJS service', () => {
  let app: Running;
  beforeAll(async () => (app = await startNestjs({ ...client, close: () => undefined })));
  afterAll(() => app.close());

  const knockAs = async (path: string, headers: Record<string, string>) => {
    const response = await fetch(`${app.url}/internal/${path}`, { headers });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  test('tells one service from another', async () => {
    const [billing, pharmacy, stranger] = ['billing', 'pharmacy', 'stranger'].map((name) =>
      auth.service(name),
    );
    const own = (token: string) => ({ 'x-service-token': token });
    expect(await knockAs('invoices', own(billing!.token))).toMatchObject({
      status: 200,
      body: { for: 'billing' },
    });
    expect(await knockAs('invoices', bearer(billing!.token))).toMatchObject({ status: 200 });
    expect(await knockAs('invoices', own(pharmacy!.token))).toMatchObject({
      status: 403,
      body: { code: 'FORBIDDEN' },
    });
    expect(await knockAs('whose-token', own(pharmacy!.token))).toMatchObject({ status: 200 });
    expect((await knockAs('whose-token', own(stranger!.token))).status).toBe(403);
    expect((await knockAs('invoices', own('ags_unknown'))).status).toBe(401);
    expect((await knockAs('invoices', {})).status).toBe(401);
    expect((await knockAs('invoices', bearer(auth.token()))).status).toBe(401);
  });

  test('asks about the token of a user that another service passed on', async () => {
    const pharmacy = auth.service('pharmacy');
    const sub = randomUUID();
    const headers = { 'x-service-token': pharmacy.token, 'x-user-token': auth.token({ sub }) };
    expect((await knockAs('whose-token', headers)).body).toEqual({ valid: true, subject: sub });
  });
});

describe('a field of a NestJS resolver', () => {
  class Records {
    @RequireSelf('patientId', { or: 'records:read' })
    record() {
      return 'well';
    }

    @RequirePermissions('records:write')
    added() {
      return 'added';
    }

    @Public()
    opened() {
      return 'open';
    }

    @RequireServices('billing')
    invoices() {
      return 'paid';
    }
  }
  const schema = buildSchema(
    'type Query { record(patientId: ID!): String, added: String, opened: String, invoices: String }',
  );
  /** As Nest runs a resolver: its guard is asked with the four arguments of the field. */
  const fieldResolver = async (...given: [unknown, object, object, { fieldName: string }]) => {
    const name = given[3].fieldName;
    const handler = Reflect.get(Records.prototype, name) as () => string;
    const context = new ExecutionContextHost(given, Records, handler);
    context.setType('graphql');
    const guard =
      name === 'invoices'
        ? new ServiceTokenGuard(client, new Reflector())
        : new AuthGuard(client, new Reflector());
    await guard.canActivate(context);
    return handler();
  };
  const ask = async (source: string, headers: Record<string, string>, wrap = (req: object) => req) => {
    const rawHeaders = Object.entries(headers).flat();
    const contextValue = { req: wrap({ headers, rawHeaders }) };
    const { data, errors } = await graphql({ schema, source, contextValue, fieldResolver });
    return errors?.[0]?.extensions['code'] ?? Object.values(data ?? {})[0];
  };

  test('is guarded as a route is, by its arguments and with the codes of the service', async () => {
    const ana = randomUUID();
    const own = bearer(auth.token({ sub: ana }));
    expect(await ask(`{ record(patientId: "${ana}") }`, own)).toBe('well');
    // Fastify's request holds that of node:http.
    expect(await ask(`{ record(patientId: "${ana}") }`, own, (raw) => ({ raw, headers: {} }))).toBe('well');
    expect(await ask(`{ record(patientId: "${randomUUID()}") }`, own)).toBe('FORBIDDEN');
    const doctor = bearer(auth.token({ permissions: ['records:read'] }));
    expect(await ask(`{ record(patientId: "${ana}") }`, doctor)).toBe('well');
    expect(await ask('{ added }', doctor)).toBe('FORBIDDEN');
    expect(await ask('{ added }', bearer(auth.token({ permissions: ['records:write'] })))).toBe('added');
    expect(await ask('{ added }', { 'x-user-permissions': 'records:write' })).toBe('UNAUTHENTICATED');
    expect(await ask('{ opened }', {})).toBe('open');
    const sub = randomUUID();
    auth.feed.revoke({ kind: 'subject', key: sub, status: 'DELETED', version: 2 });
    const gone = bearer(auth.token({ sub }));
    await until('it is heard', async () => (await ask('{ added }', gone)) === 'ACCOUNT_DELETED');
  });

  test('is guarded where it asks for something, in a class that is open', async () => {
    @Public()
    class Open {
      free() {
        return 'free';
      }

      @RequirePermissions('records:write')
      added() {
        return 'added';
      }

      @RequireSelf('id')
      own() {
        return 'own';
      }
    }
    const req = { headers: {}, rawHeaders: [] };
    const enter = async (name: keyof Open) => {
      const handler = Reflect.get(Open.prototype, name);
      const context = new ExecutionContextHost([null, {}, { req }], Open, handler);
      context.setType('graphql');
      return new AuthGuard(client, new Reflector()).canActivate(context);
    };
    expect(await enter('free')).toBe(true);
    for (const name of ['added', 'own'] as const)
      await expect(enter(name)).rejects.toMatchObject({ status: 401 });
  });

  test('is for the services that it names', async () => {
    const [billing, stranger] = [auth.service('billing'), auth.service('stranger')];
    expect(await ask('{ invoices }', { 'x-service-token': billing.token })).toBe('paid');
    expect(await ask('{ invoices }', { 'x-service-token': stranger.token })).toBe('FORBIDDEN');
    expect(await ask('{ invoices }', bearer(auth.token()))).toBe('UNAUTHENTICATED');
  });
});

describe('a NestJS application', () => {
  test('asks in the words of AuthClientService, with options that come from elsewhere', async () => {
    const options = { url: auth.url, serviceToken: auth.serviceToken, retries: 0 };
    @Module({ imports: [AuthClientModule.forRootAsync({ useFactory: () => Promise.resolve(options) })] })
    class AppModule {}
    const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
    const service = app.get(AuthClientService);
    await service.client.ready();
    const [sub, sid, billing] = [randomUUID(), randomUUID(), auth.service('billing', ['users:read'])];
    const token = auth.token({ sub, sid, permissions: ['records:read'] });
    expect(await service.validateToken(token)).toMatchObject({ valid: true, subject: { id: sub } });
    expect(await service.validateUser(token, { requires: ['records:read'] })).toMatchObject({
      subject: { id: sub, type: 'USER' },
      sessionId: sid,
    });
    await expect(service.validateUser(token, { requires: ['records:write'] })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    expect(await service.validateServiceToken('billing', billing.token)).toMatchObject({
      valid: true,
      service: { name: 'billing' },
      scopes: ['users:read'],
    });
    expect(await service.getUser(sub)).toMatchObject({ id: sub });
    expect(await service.callHeaders()).toEqual(bearer(auth.serviceToken));
    expect(await service.revokeToken(token)).toBe(true);
    expect(await service.validateToken(token)).toMatchObject({ valid: false, reason: 'REVOKED' });
    await expect(service.validateUser(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await app.close();
  });
});

describe('records behind Apollo Server and type-graphql', () => {
  let app: Running;
  beforeAll(async () => (app = await startApollo(client)));
  afterAll(() => app.close());

  const READ = 'query ($patientId: ID!) { records(patientId: $patientId) { patientId } }';
  const ADD = 'mutation ($patientId: ID!) { addRecord(patientId: $patientId, finding: "well") { findings } }';
  const ask = async (query: string, patientId: string, headers: Record<string, string>) => {
    const response = await fetch(app.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query, variables: { patientId } }),
    });
    const { data, errors } = (await response.json()) as {
      data: unknown;
      errors?: { extensions: { code: string } }[];
    };
    return errors?.[0]?.extensions.code ?? data;
  };

  test('are for the patient whose they are, and for who may', async () => {
    const [ana, ben] = [randomUUID(), randomUUID()];
    const token = auth.token({ sub: ana });
    expect(await ask(READ, ana, bearer(token))).toEqual({ records: { patientId: ana } });
    expect(await ask(READ, ben, bearer(token))).toBe('FORBIDDEN');
    expect(await ask(READ, ana, { 'x-user-id': ana })).toBe('UNAUTHENTICATED');
    expect(await ask(READ, ana, bearer('nonsense'))).toBe('UNAUTHENTICATED');
    expect(await ask(ADD, ana, bearer(token))).toBe('FORBIDDEN');
    const doctor = auth.token({ permissions: ['records:write'] });
    expect(await ask(ADD, ana, bearer(doctor))).toMatchObject({ addRecord: { findings: ['well'] } });
  });
});
