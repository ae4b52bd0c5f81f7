import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf } from '../harness/calls.js';
import { join, type Person } from '../harness/people.js';
import { postRaw, sendRaw } from './raw.js';

const secret = () => randomBytes(24).toString('base64url');
const [FIRST, SECOND] = [secret(), secret()];
const withSecret = (value: string) => ({ headers: { 'x-gateway-secret': value } });
const gateway = withSecret(FIRST);

/** Both in the world at large and on the machine of whoever tries it out. */
let production: TestApp;
let development: TestApp;
let behindProxy: TestApp;
beforeAll(async () => {
  const ours = { GATEWAY_SECRETS: `${FIRST},${SECOND}` };
  [production, development, behindProxy] = await Promise.all([
    startApp({ ...ours, NODE_ENV: 'production' }),
    startApp(ours),
    startApp({ ...ours, TRUSTED_PROXIES: '127.0.0.1' }),
  ]);
});
afterAll(() => Promise.all([production, development, behindProxy].map((app) => app.close())));

const REFUSAL = {
  errors: [
    {
      message: 'Direct access to internal service is not allowed',
      extensions: { code: 'UNAUTHENTICATED' },
    },
  ],
};

describe('in production, whoever does not prove to be the gateway', () => {
  it.each([
    '{ __typename }',
    '{ _service { sdl } }',
    '{ _entities(representations: [{ __typename: "User", id: "1" }]) { __typename } }',
    '{ __schema { types { name } } }',
    '{ me { id } }',
    '{ nonsense',
    'mutation { revoke(token: "x") }',
    '',
  ])('is told nothing but to stay out: %s', async (query) => {
    const answer = await production.graphql(query);
    expect([answer.status, JSON.parse(answer.body)]).toEqual([401, REFUSAL]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('stays out with a good token of a good account too', async () => {
    const { data } = await production.graphql(
      'mutation ($i: SignInInput!) { signIn(input: $i) { ... on AuthPayload { accessToken } } }',
      { i: { login: production.owner.username, password: production.owner.password } },
      gateway,
    );
    const bearer = data['signIn'].accessToken as string;
    expect((await production.graphql('{ me { id } }', {}, { bearer })).status).toBe(401);
    expect((await production.graphql('{ me { username } }', {}, { ...gateway, bearer })).data).toEqual({
      me: { username: 'owner' },
    });
  });

  it.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'TRACE'])('stays out by %s', async (method) => {
    const { status, body } = await sendRaw(production.url, [
      `${method} /graphql?query=%7B__typename%7D HTTP/1.1`,
      'Accept: text/html',
    ]);
    expect(status).toBe(401);
    if (method !== 'HEAD') expect(JSON.parse(body)).toEqual(REFUSAL);
  });

  it('is refused before the body is looked at', async () => {
    for (const body of ['', 'junk', 'x'.repeat(200_000)]) {
      const answer = await fetch(`${production.url}/graphql`, { method: 'POST', body });
      expect([answer.status, await answer.json()]).toEqual([401, REFUSAL]);
    }
  });

  it.each([
    ['an empty secret', ['x-gateway-secret:']],
    ['the secret cut short', [`x-gateway-secret: ${FIRST.slice(0, -1)}`]],
    ['the secret with more behind it', [`x-gateway-secret: ${FIRST}x`]],
    ['both secrets as they stand in the configuration', [`x-gateway-secret: ${FIRST},${SECOND}`]],
    ['the secret twice', [`x-gateway-secret: ${FIRST}`, `x-gateway-secret: ${FIRST}`]],
    ['another secret of the same length', [`x-gateway-secret: ${secret()}`]],
    ['the secret in capitals', [`x-gateway-secret: ${FIRST.toUpperCase()}`]],
    ['15,000 characters', [`x-gateway-secret: ${'x'.repeat(15_000)}`]],
    ['bytes beyond ASCII', ['x-gateway-secret: \xe9\xff\xfe']],
    ['the secret under another name', [`x-gateway-token: ${FIRST}`, `gateway-secret: ${FIRST}`]],
    ['the secret as a bearer token', [`Authorization: Bearer ${FIRST}`]],
    ['the secret as a cookie', [`Cookie: x-gateway-secret=${FIRST}`]],
    ['a claim to be local', ['X-Forwarded-For: 127.0.0.1', 'X-Real-IP: ::1', 'Forwarded: for=127.0.0.1']],
    ['a claim to be the gateway', ['x-internal-service: gateway', 'x-gateway: 1', 'x-gateway-id: router']],
    ['a claim to be somebody', ['x-user-id: 1', 'x-user-role: OWNER', 'x-hasura-role: admin']],
    ['a local host name', ['Host: 127.0.0.1']],
  ])('is not let in by %s', async (_name, headers) => {
    const { status, body } = await postRaw(production.url, '{ _service { sdl } }', headers);
    expect([status, JSON.parse(body)]).toEqual([401, REFUSAL]);
  });

  it.each([
    '//graphql',
    '/graphql/',
    '/GRAPHQL',
    '/%67raphql',
    '/graphql/..;/graphql',
    'http://localhost/graphql',
    '/./graphql',
  ])('finds nothing at %s', async (path) => {
    const body = '{"query":"{ __typename }"}';
    const answer = await sendRaw(
      production.url,
      [`POST ${path} HTTP/1.1`, 'Content-Type: application/json', `Content-Length: ${body.length}`],
      body,
    );
    expect(answer.status).toBe(404);
  });

  it('still finds out whether the service lives, and its public keys', async () => {
    for (const path of [
      '/health/live',
      '/health/ready',
      '/.well-known/jwks.json',
      '/.well-known/openid-configuration',
    ])
      expect((await fetch(production.url + path)).status).toBe(200);
  });
});

describe('in production, the gateway', () => {
  it.each([FIRST, SECOND])('is let in by either of two secrets', async (value) => {
    const { status, data } = await production.graphql(
      '{ __typename _service { sdl } }',
      {},
      withSecret(value),
    );
    expect([status, data['__typename']]).toEqual([200, 'Query']);
    expect(data['_service'].sdl).toContain('type User');
  });

  it('and its callers cannot look at the schema by any trick', async () => {
    const tricks = [
      '{ __schema { types { name } } }',
      '{ __type(name: "User") { name } }',
      '{ a: __schema { queryType { name } } }',
      'query ($yes: Boolean = true) { __schema @include(if: $yes) { queryType { name } } }',
      '{ ... { ...f } } fragment f on Query { __type(name: "User") { fields { name } } }',
    ];
    for (const query of tricks) {
      const answer = await production.graphql(query, {}, gateway);
      expect(codeOf(answer)).toBe('GRAPHQL_VALIDATION_FAILED');
      expect(answer.body).not.toMatch(/"data"|User"/);
    }
  });

  it.each([
    '{ mee { id } }',
    '{ me { usernam } }',
    '{ user(idd: "1") { id } }',
    'query ($f: UserFiltr) { users(filter: $f) { totalCount } }',
    '{ users(orderBy: { field: PASSWORD_HASH }) { totalCount } }',
    'fragment f on Usr { id } { me { ...f } }',
    'mutation { signin(input: {}) { __typename } }',
    '{ me { id @includ(if: true) } }',
  ])('and its callers get no help at guessing names: %s', async (query) => {
    const answer = await production.graphql(query, {}, gateway);
    expect(codeOf(answer)).toBe('GRAPHQL_VALIDATION_FAILED');
    expect(answer.body).not.toMatch(/did you mean/i);
  });

  it('and its callers see neither stack traces nor paths of ours', async () => {
    for (const query of [
      '{',
      '{ me { id } }',
      '{ nope }',
      '{ user(id: 1.5) { id } }',
      'subscription { x }',
    ]) {
      const { body } = await production.graphql(query, {}, gateway);
      expect(body).not.toMatch(/stacktrace|node_modules|\.[jt]s:\d|at \w+ \(/);
    }
  });

  it('gets no page to play with', async () => {
    const answer = await fetch(`${production.url}/graphql`, {
      headers: { accept: 'text/html', ...gateway.headers },
    });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
  });
});

describe('in development', () => {
  it('a caller on this machine counts as the gateway, and never as a user', async () => {
    expect((await development.graphql('{ _service { sdl } }')).status).toBe(200);
    expect(codeOf(await development.graphql('{ me { id } }'))).toBe('UNAUTHENTICATED');
  });

  it('the schema may be looked at, and typing errors get help', async () => {
    const { data } = await development.graphql(
      '{ __schema { queryType { name } } __type(name: "User") { name } }',
    );
    expect(data).toEqual({ __schema: { queryType: { name: 'Query' } }, __type: { name: 'User' } });
    expect((await development.graphql('{ rols { totalCount } }')).body).toContain('Did you mean');
  });

  it('a browser gets a page to play with, anything else is told to POST', async () => {
    const page = await fetch(`${development.url}/graphql`, { headers: { accept: 'text/html' } });
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html']);
    const other = await fetch(`${development.url}/graphql?query=%7B__typename%7D`);
    expect([other.status, other.headers.get('allow')]).toEqual([405, 'POST']);
    expect(await other.text()).not.toContain('Query');
  });

  it('a wrong secret on this machine is no worse than none', async () => {
    expect((await development.graphql('{ __typename }', {}, withSecret('wrong'))).status).toBe(200);
  });

  it.each(['203.0.113.9', '127.0.0.1', '::1', '203.0.113.9, 127.0.0.1', 'unknown', '', ','])(
    'it is the connection that says who is on this machine, not what a proxy says: "%s"',
    async (forwarded) => {
      const headers = { 'x-forwarded-for': forwarded };
      const local = await behindProxy.graphql('{ me { id } }', {}, { headers });
      expect([local.status, codeOf(local)]).toEqual([200, 'UNAUTHENTICATED']);
      const afar = await production.graphql('{ me { id } }', {}, { headers });
      expect([afar.status, JSON.parse(afar.body)]).toEqual([401, REFUSAL]);
    },
  );
});

describe('headers that other systems believe', () => {
  let ana: Person;
  let bob: Person;
  beforeAll(async () => {
    ana = await join(development);
    bob = await join(development);
  });
  const claims = (id: string): Record<string, string> => ({
    'x-user-id': id,
    'x-user-role': 'OWNER',
    'x-user-roles': 'OWNER',
    'x-user-permissions': 'users:read',
    'x-hasura-user-id': id,
    'x-hasura-role': 'OWNER',
    'x-authenticated-userid': id,
    'x-forwarded-user': id,
    'x-forwarded-email': 'owner@example.test',
    'x-jwt-claims': JSON.stringify({ sub: id, roles: ['OWNER'] }),
    'x-apollo-claims': JSON.stringify({ sub: id }),
    'x-internal-service': 'gateway',
    'x-internal-secret': FIRST,
    'x-service-name': 'gateway',
    'x-gateway-user': id,
    'x-remote-user': id,
    'remote-user': id,
  });

  it('make nobody somebody', async () => {
    const asking = { headers: claims(ana.id) };
    expect(codeOf(await development.graphql('{ me { id } }', {}, asking))).toBe('UNAUTHENTICATED');
    expect(codeOf(await development.graphql('{ users { totalCount } }', {}, asking))).toBe('UNAUTHENTICATED');
  });

  it('make nobody somebody else', async () => {
    const asking = { headers: claims(ana.id), bearer: bob.access };
    const { data } = await development.graphql('{ me { id roles { name } } }', {}, asking);
    expect(data['me']).toEqual({ id: bob.id, roles: [{ name: 'USER' }] });
    expect(codeOf(await development.graphql('{ users { totalCount } }', {}, asking))).toBe('FORBIDDEN');
  });
});
