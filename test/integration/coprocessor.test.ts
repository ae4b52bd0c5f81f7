import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { sendRaw } from '../attack/raw.js';
import { movableClock, startApp, type TestApp } from '../harness/app.js';
import { startForeignIssuer, type ForeignIssuer } from '../harness/foreign-issuer.js';
import { jwtOf } from '../harness/oauth.js';
import type { Person } from '../harness/people.js';
import { modelRouter, readRouter } from '../harness/router.js';
import { openScene, type Scene } from '../harness/scene.js';
import { holderOf, tokensDesk, type Holder, type TokensDesk } from '../harness/service-tokens.js';
import { until } from '../harness/until.js';

const SECRET = randomBytes(24).toString('base64url');
const CLAIMS = 'apollo::authentication::jwt_claims';
const SUBJECT = 'authgraph::subject';
const clock = movableClock();

/** In development, in production, and in production with a network of routers; all on one database. */
let app: TestApp;
let production: TestApp;
let nearby: TestApp;
let scene: Scene;
let desk: TokensDesk;
let provider: ForeignIssuer;
let billing: Holder;
beforeAll(async () => {
  provider = await startForeignIssuer({ services: ['billing'] }, () => clock.now());
  app = await startApp(
    {
      LIMITS_SCALE: '100',
      GATEWAY_SECRETS: SECRET,
      TRUSTED_PROXIES: '127.0.0.1',
      TRUSTED_ISSUERS: JSON.stringify([provider.entry]),
    },
    clock,
  );
  [production, nearby] = await Promise.all([
    app.replica({ NODE_ENV: 'production', HOST: '127.0.0.1' }),
    app.replica({ NODE_ENV: 'production', HOST: '127.0.0.1', ROUTER_NETWORKS: '127.0.0.0/8' }),
  ]);
  scene = await openScene(app);
  desk = tokensDesk(app, await scene.enter(await scene.seat(['OWNER'])));
  billing = await holderOf(desk, ['users:read'], 'billing');
});
afterAll(async () => {
  await scene.close();
  // Each waits for its balancers.
  await Promise.all([production.close(), nearby.close()]);
  await app.close();
  await provider.close();
});

const newcomer = async (): Promise<Person> => scene.enter(await scene.seat(['USER']));

/** What the coprocessor answered. */
interface Answer {
  status: number;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test reads whatever it has asked for
  body: any;
}

async function send(body: unknown, { url } = app, headers: Record<string, string> = {}): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${url}/router/coprocessor`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: text,
  });
  return { status: response.status, body: await response.json() };
}

const asked = (headers: Record<string, string[]>, more: object = {}) => ({
  version: 1,
  stage: 'RouterRequest',
  control: 'continue',
  id: 'a-request',
  method: 'POST',
  headers: { accept: ['*/*'], ...headers },
  ...more,
});
const withBearer = (token: string, more: object = {}) => asked({ authorization: [`Bearer ${token}`] }, more);
const goesOn = { version: 1, stage: 'RouterRequest', control: 'continue', id: 'a-request' };

/** Status, code and reason with which the router is to refuse its client. */
function refusalIn({ body }: Answer): [number, string, string | undefined] {
  const [error] = JSON.parse(body.body as string).errors;
  return [
    body.control.break as number,
    error.extensions.code as string,
    error.extensions.reason as string | undefined,
  ];
}

describe('what a router is told of a request', () => {
  it('is whom its token speaks of, where the token is good', async () => {
    const ana = await newcomer();
    const { status, body } = await send(withBearer(ana.access));
    expect(status).toBe(200);
    expect(body).toMatchObject(goesOn);
    expect(Object.keys(body).sort()).toEqual(['context', 'control', 'id', 'stage', 'version']);
    const claims = body.context.entries[CLAIMS];
    expect(claims).toMatchObject({
      iss: 'https://auth.example.test',
      aud: 'authgraph',
      sub: ana.id,
      sid: ana.sessionId,
      role: 'USER',
      roles: ['USER'],
      permissions: claims.scope.split(' ').filter(Boolean),
      aal: 1,
      amr: ['pwd'],
      subject_type: 'USER',
      exp: decodeJwt(ana.access).exp,
    });
    expect(claims).not.toHaveProperty('email');
    expect(body.context.entries[SUBJECT]).toMatchObject({
      type: 'USER',
      id: ana.id,
      sessionId: ana.sessionId,
      aal: 1,
      role: 'USER',
    });
  });

  it('is what the person may do now, and not when the token was given', async () => {
    const ben = await newcomer();
    const permission = await scene.permission();
    const role = await scene.role({ rank: 5, permissions: [permission] });
    await scene.asOwner('mutation ($u: ID!, $r: [ID!]!) { setUserRoles(userId: $u, roleIds: $r) { id } }', {
      u: ben.id,
      r: [role.id],
    });
    const { body } = await send(withBearer(ben.access));
    expect(body.context.entries[CLAIMS]).toMatchObject({
      role: role.name,
      scope: permission,
      permissions: [permission],
    });
  });

  it.each([
    ['no Authorization', {}],
    ['another scheme', { authorization: ['Basic YTpi'] }],
    ['an empty one', { authorization: [''] }],
    ['a token elsewhere', { 'x-service-token': ['Bearer x'], cookie: ['access_token=x'] }],
  ])('is nothing for %s, which goes on as it is', async (_what, headers) => {
    expect((await send(asked(headers))).body).toEqual(goesOn);
  });

  it('is that a service speaks for itself, by its own token', async () => {
    const { body } = await send(withBearer(billing.token));
    expect(body.context.entries[CLAIMS]).toMatchObject({
      sub: billing.serviceId,
      client_id: 'billing',
      scope: 'users:read',
      subject_type: 'SERVICE',
    });
    expect(refusalIn(await send(withBearer(`${billing.token}x`)))).toEqual([
      401,
      'UNAUTHENTICATED',
      'MALFORMED',
    ]);
  });

  it('is the subject of another issuer under the name that it has with us', async () => {
    const token = provider.token({
      claims: { role: 'doctor', permissions: ['patients:read'], email: 'a@b.test' },
    });
    const claims = (await send(withBearer(token))).body.context.entries[CLAIMS];
    expect(claims).toMatchObject({
      iss: provider.issuer,
      sub: `${provider.issuer}#ana`,
      external_id: 'ana',
      role: 'doctor',
      scope: 'patients:read',
      subject_type: 'EXTERNAL',
    });
    expect(claims).not.toHaveProperty('email');
  });
});

describe('a token that is not good', () => {
  it('that was revoked a moment ago is refused, in the words of the graph', async () => {
    const mia = await newcomer();
    expect((await send(withBearer(mia.access))).body.control).toBe('continue');
    await app.graphql('mutation ($t: String!) { revoke(token: $t) }', { t: mia.access });
    for (const replica of [app, nearby])
      await until(
        'it is refused',
        async () => (await send(withBearer(mia.access), replica)).body.control !== 'continue',
      );
    const answer = await send(withBearer(mia.access));
    expect(refusalIn(answer)).toEqual([401, 'UNAUTHENTICATED', 'REVOKED']);
    expect(answer.body).toMatchObject({ version: 1, stage: 'RouterRequest', id: 'a-request' });
    expect(answer.body.headers).toMatchObject({
      'content-type': ['application/json'],
      'cache-control': ['no-store'],
    });
    expect(answer.body).not.toHaveProperty('context');
    const later = (await send(withBearer(mia.access, { stage: 'SupergraphRequest' }))).body;
    expect([later.control, later.body.errors[0].extensions.reason]).toEqual([{ break: 401 }, 'REVOKED']);
  });

  it('of an account that is suspended or deleted says so', async () => {
    const [leo, zoe] = [await newcomer(), await newcomer()];
    await scene.asOwner('mutation ($id: ID!) { suspendUser(id: $id) { id } }', { id: leo.id });
    await scene.asOwner('mutation ($id: ID!) { deleteUser(id: $id) { id } }', { id: zoe.id });
    expect(refusalIn(await send(withBearer(leo.access)))).toEqual([
      401,
      'ACCOUNT_SUSPENDED',
      'SUBJECT_DISABLED',
    ]);
    expect(refusalIn(await send(withBearer(zoe.access)))).toEqual([
      401,
      'ACCOUNT_DELETED',
      'SUBJECT_DELETED',
    ]);
  });

  it('of another kind or of nobody is refused', async () => {
    const [head, body] = (await newcomer()).access.split('.');
    const forged = {
      [`${head}.${body}.${'A'.repeat(86)}`]: 'UNTRUSTED_SIGNATURE',
      x: 'MALFORMED',
      'a.b.c': 'MALFORMED',
    };
    const foreign = {
      [provider.token({ claims: { iss: 'https://nobody.example.test' } })]: 'UNTRUSTED_ISSUER',
      [provider.token({ claims: { aud: 'others' } })]: 'WRONG_AUDIENCE',
    };
    const ofServices = { [await jwtOf(app, billing)]: 'WRONG_AUDIENCE' };
    for (const [token, reason] of Object.entries({ ...forged, ...foreign, ...ofServices }))
      expect([reason, ...refusalIn(await send(withBearer(token)))]).toEqual([
        reason,
        401,
        'UNAUTHENTICATED',
        reason,
      ]);
  });

  it('whose issuer cannot be asked is no verdict, and goes no further', async () => {
    const away = await startForeignIssuer({}, () => clock.now());
    away.answer((response) => response.writeHead(503).end());
    const other = await app.replica({ TRUSTED_ISSUERS: JSON.stringify([away.entry]) });
    expect(refusalIn(await send(withBearer(away.token()), other))).toEqual([
      503,
      'SERVICE_UNAVAILABLE',
      'ISSUER_UNAVAILABLE',
    ]);
    await other.close();
    await away.close();
  });

  it('counts against the client behind the router, not against the router', async () => {
    const strict = await app.replica({ LIMITS_SCALE: '0.00001' });
    const from = (ip: string) => asked({ authorization: ['Bearer x'], 'x-forwarded-for': [ip] });
    const ask = async (ip: string) =>
      refusalIn(await send(from(ip), strict, { 'x-gateway-secret': SECRET }))[0];
    const statuses = [];
    for (let n = 0; n < 12; n++) statuses.push(await ask('192.0.2.1'));
    expect(new Set(statuses)).toEqual(new Set([401, 429]));
    expect(await ask('192.0.2.2')).toBe(401);
    await strict.close();
  });
});

describe('headers that somebody wrote by hand', () => {
  it.each([
    ['twice in one list', (token: string) => ({ authorization: [`Bearer ${token}`, 'Bearer other'] })],
    [
      'twice by its spelling',
      (token: string) => ({ Authorization: [`Bearer ${token}`], authorization: ['Basic x'] }),
    ],
    ['as a list in one value', (token: string) => ({ authorization: [`Bearer ${token}, Bearer other`] })],
    ['behind another scheme', (token: string) => ({ authorization: [`Basic YTpi, Bearer ${token}`] })],
    ['behind a comma', (token: string) => ({ authorization: [`, Bearer ${token}`] })],
    ['with a tab', (token: string) => ({ authorization: [`Bearer\t${token}`] })],
    ['without a token', () => ({ authorization: ['Bearer'] })],
  ])('let nobody in with a bearer %s', async (_what, headers) => {
    const { access } = await newcomer();
    expect(refusalIn(await send(asked(headers(access))))).toEqual([401, 'UNAUTHENTICATED', 'MALFORMED']);
  });

  it('are read however they are spelt', async () => {
    const { access, id } = await newcomer();
    const { body } = await send(asked({ AUTHORIZATION: [`bEARER ${access}`] }));
    expect(body.context.entries[SUBJECT].id).toBe(id);
  });
});

describe('the context that a router sends', () => {
  const forged = { [CLAIMS]: { sub: 'admin', scope: 'everything' }, [SUBJECT]: { id: 'admin' } };

  it('comes back whole, save for what is said of the subject: of that nothing is believed', async () => {
    const entries = { 'apollo::telemetry::client_name': 'web', ...forged };
    const { access, id } = await newcomer();
    const known = (await send(withBearer(access, { context: { entries } }))).body.context.entries;
    expect([known[CLAIMS].sub, known[SUBJECT].id, known['apollo::telemetry::client_name']]).toEqual([
      id,
      id,
      'web',
    ]);
    const nobody = (await send(asked({}, { context: { entries } }))).body;
    expect(nobody.context.entries).toEqual({ 'apollo::telemetry::client_name': 'web' });
  });

  it('is left alone where nothing of ours is in it', async () => {
    expect((await send(asked({}, { context: { entries: { a: 1 } } }))).body).toEqual(goesOn);
  });
});

describe('stages', () => {
  it.each(['RouterResponse', 'SupergraphResponse', 'ExecutionResponse', 'SubgraphResponse'])(
    'of answers go on: %s',
    async (stage) => {
      const { body } = await send(withBearer('x', { stage, body: '{"data":{}}', statusCode: 200 }));
      expect(body).toEqual({ ...goesOn, stage });
      // As routers send it. To tell one to go on would make any status 200.
      const { control: _none, ...bare } = asked({}, { stage, statusCode: 404 });
      expect((await send(bare)).body).toEqual({ version: 1, stage, id: 'a-request' });
    },
  );

  it.each(['SupergraphRequest', 'ExecutionRequest', 'SubgraphRequest'])(
    'of requests are checked: %s',
    async (stage) => {
      const { body } = await send(withBearer('x', { stage, body: { query: '{ me { id } }' } }));
      expect(body).toMatchObject({ version: 1, stage, control: { break: 401 } });
      expect(body.body.errors[0].extensions).toEqual({ code: 'UNAUTHENTICATED', reason: 'MALFORMED' });
    },
  );

  it('without headers let nobody in: the router does not send what is to be looked at', async () => {
    const { headers: _none, ...blind } = asked({});
    expect(refusalIn(await send(blind))).toEqual([503, 'SERVICE_UNAVAILABLE', undefined]);
  });

  it('before a subgraph that is named as a service is hand it a token of ours in place of the client’s', async () => {
    const token = provider.token({ claims: { role: 'doctor', permissions: ['bills:read'] } });
    const before = (service: string) =>
      send(
        asked(
          {
            authorization: [`Bearer ${token}`],
            'x-gateway-secret': [SECRET],
            'content-type': ['application/json'],
          },
          { stage: 'SubgraphRequest', serviceName: service },
        ),
      );
    const { headers } = (await before('billing')).body;
    expect(Object.keys(headers).sort()).toEqual(['accept', 'authorization', 'content-type']);
    expect(decodeJwt((headers.authorization[0] as string).slice('Bearer '.length))).toMatchObject({
      iss: 'https://auth.example.test',
      aud: 'billing',
      sub: `${provider.issuer}#ana`,
      role: 'doctor',
      permissions: ['bills:read'],
      client_id: 'authgraph',
      act: { sub: 'https://auth.example.test' },
    });
    expect((await before('auth')).body).not.toHaveProperty('headers');
    const ana = await newcomer();
    const refused = (await send(withBearer(ana.access, { stage: 'SubgraphRequest', serviceName: 'billing' })))
      .body;
    expect([refused.control, refused.body.errors[0].extensions.code]).toEqual([{ break: 403 }, 'FORBIDDEN']);
  });
});

describe('who may ask', () => {
  const outside = { status: 401, code: 'UNAUTHENTICATED' };
  const told = ({ status, body }: Answer) => ({ status, code: body.errors?.[0].extensions.code });

  it('is nobody in production who does not prove to be the router, whatever is sent', async () => {
    const { access } = await newcomer();
    for (const body of [
      withBearer(access),
      asked({}),
      'nonsense',
      '',
      '[]',
      asked({ 'x-gateway-secret': ['wrong'] }),
    ])
      expect(told(await send(body, production))).toEqual(outside);
    for (const headers of [
      { 'x-gateway-secret': 'wrong' },
      { authorization: `Bearer ${access}` },
      { authorization: `Bearer ${billing.token}` },
    ])
      expect(told(await send(withBearer(access), production, headers))).toEqual(outside);
    expect(told(await send(asked({ 'x-gateway-secret': [SECRET, 'x'] }), production))).toEqual(outside);
  });

  it('is whoever shows the gateway’s secret, to us or among the client’s headers, where it goes no further', async () => {
    const { access } = await newcomer();
    expect((await send(withBearer(access), production, { 'x-gateway-secret': SECRET })).body.control).toBe(
      'continue',
    );
    const shown = { authorization: [`Bearer ${access}`], 'X-Gateway-Secret': [SECRET] };
    const { status, body } = await send(asked(shown), production);
    expect([status, body.control]).toEqual([200, 'continue']);
    expect(body.headers).toEqual({ accept: ['*/*'], authorization: [`Bearer ${access}`] });
  });

  it('is a router in a network of routers, and nobody whom a proxy there passes on', async () => {
    const { access } = await newcomer();
    expect((await send(withBearer(access), nearby)).body.control).toBe('continue');
    for (const name of ['x-forwarded-for', 'forwarded', 'via'])
      expect(told(await send(withBearer(access), nearby, { [name]: '192.0.2.1' }))).toEqual(outside);
    // It opens this door alone.
    expect((await nearby.graphql('{ __typename }')).status).toBe(401);
  });
});

describe('what no router sends', () => {
  it.each([
    ['no JSON', 'nonsense'],
    ['no object', '[]'],
    ['nothing', ''],
    ['another version', { ...asked({}), version: 2 }],
    ['a stage that there is not', { ...asked({}), stage: 'ConnectorRequest' }],
    ['a stage that every object has', { ...asked({}), stage: 'constructor' }],
    ['headers that are no lists', { ...asked({}), headers: { authorization: 'Bearer x' } }],
    ['headers of numbers', { ...asked({}), headers: { authorization: [1] } }],
  ])('is refused, and says so by no envelope: %s', async (_what, body) => {
    const answer = await send(body);
    expect([answer.status, answer.body.errors[0].extensions.code]).toEqual([400, 'BAD_REQUEST']);
  });

  it('is refused by its size, in production without a proof too', async () => {
    const large = withBearer('x', { body: 'x'.repeat(300_000) });
    expect((await send(large)).status).toBe(413);
    expect((await send(large, production)).status).toBe(401);
    // A client's largest body fits.
    expect((await send(withBearer('x', { body: '"'.repeat(102_400) }))).status).toBe(200);
  });

  it('is refused by its method and its type', async () => {
    expect((await fetch(`${app.url}/router/coprocessor`)).status).toBe(405);
    const lines = ['POST /router/coprocessor HTTP/1.1', 'Content-Type: text/plain', 'Content-Length: 2'];
    expect((await sendRaw(app.url, lines, '{}')).status).toBe(415);
  });
});

describe('the configurations of Apollo Router', () => {
  /** As the documentation of Router 2.15 and its source have them. */
  const OF_COPROCESSOR = ['url', 'timeout', 'client', 'router', 'supergraph', 'execution', 'subgraph'];
  const OF_ROUTER_REQUEST = ['condition', 'headers', 'context', 'body', 'sdl', 'path', 'method'];
  const LICENSED = ['authentication', 'coprocessor', 'batching'];

  it('hold what this router knows', () => {
    const { coprocessor = { router: { request: {} } } } = readRouter('gateway/router.edge.yaml');
    expect(Object.keys(coprocessor).filter((key) => !OF_COPROCESSOR.includes(key))).toEqual([]);
    expect(Object.keys(coprocessor.router.request).filter((key) => !OF_ROUTER_REQUEST.includes(key))).toEqual(
      [],
    );
    expect(coprocessor.router.request).toEqual({ headers: true });
  });

  it('differ in nothing but who decides about a token', () => {
    const [edge, keys] = [readRouter('gateway/router.edge.yaml'), readRouter('gateway/router.yaml')];
    const { coprocessor, rhai, ...rest } = edge;
    const { authentication, ...others } = keys;
    expect([coprocessor, rhai, authentication].every((block) => block !== undefined)).toBe(true);
    expect(rest).toEqual(others);
    expect(LICENSED.filter((block) => block in readRouter('gateway/router.unlicensed.yaml'))).toEqual([]);
    expect(readdirSync(new URL('../../gateway/rhai/', import.meta.url))).toEqual(['edge.rhai']);
  });

  it('with the auth service there, and then stopped: one refuses everybody, the other goes on by its keys', async () => {
    const auth = await app.replica();
    const env = {
      GATEWAY_SECRET: SECRET,
      COPROCESSOR_URL: `${auth.url}/router/coprocessor`,
      AUTH_JWKS_URL: `${auth.url}/.well-known/jwks.json`,
      TOKEN_ISSUER: 'https://auth.example.test',
    };
    const edge = modelRouter(readRouter('gateway/router.edge.yaml', env), env);
    const keys = modelRouter(readRouter('gateway/router.yaml', env), env);
    await keys.poll();
    const [ana, mia] = [await newcomer(), await newcomer()];
    const as = ({ access }: Person) => ({
      authorization: [`Bearer ${access}`],
      'x-gateway-secret': ['of the client'],
    });
    await app.graphql('mutation ($t: String!) { revoke(token: $t) }', { t: mia.access });
    await until('the edge has heard of it', async () => (await edge.route(as(mia))).status === 401);

    expect(await edge.route(as(ana))).toMatchObject({ status: undefined, claims: { sub: ana.id } });
    expect((await edge.route(as(ana))).headers).toEqual({ authorization: [`Bearer ${ana.access}`] });
    expect(await edge.route({})).toMatchObject({ status: undefined, claims: undefined, headers: {} });
    expect(await keys.route(as(ana))).toMatchObject({ claims: { sub: ana.id } });
    // What the second one gives up: the subgraphs must hear of revocations themselves.
    expect(await keys.route(as(mia))).toMatchObject({ claims: { sub: mia.id } });

    await auth.close();
    await keys.poll();
    for (const headers of [as(ana), as(mia), {}]) expect((await edge.route(headers)).status).toBe(500);
    expect(await keys.route(as(ana))).toMatchObject({ claims: { sub: ana.id } });
    expect(await keys.route({ authorization: ['Bearer x'] })).toMatchObject({
      status: undefined,
      claims: undefined,
    });
  });

  it('without the secret the edge lets nobody in', async () => {
    const env = { COPROCESSOR_URL: `${production.url}/router/coprocessor` };
    const router = modelRouter(readRouter('gateway/router.edge.yaml', env), { GATEWAY_SECRET: 'another' });
    expect((await router.route({})).status).toBe(500);
  });
});

/** Last, as from then on it is later for everybody. */
describe('what a router is told later', () => {
  it('is nothing of an expired token, which is taken off: it may have come along with a refresh', async () => {
    const eve = await newcomer();
    const others = { accept: ['a', 'b'], cookie: ['x=y'] };
    clock.advance(910);
    const { body } = await send(asked({ ...others, Authorization: [`Bearer ${eve.access}`] }));
    expect(body).toEqual({ ...goesOn, headers: others });
  });
});
