import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { startApp, type TestApp } from '../harness/app.js';
import { readAlerts } from '../harness/alerts.js';
import { basic, bearer, exchange, introspect, jwtOf, post, revokeBy } from '../harness/oauth.js';
import { verify, type Person } from '../harness/people.js';
import { openScene, type Scene } from '../harness/scene.js';
import { holderOf, issuedIn, tokensDesk, type Holder, type TokensDesk } from '../harness/service-tokens.js';
import { sql } from '../harness/sql.js';
import { follow } from '../harness/streams.js';
import { until } from '../harness/until.js';
import { sendRaw } from './raw.js';

const SECRET = randomBytes(24).toString('base64url');

let app: TestApp;
let production: TestApp;
let scene: Scene;
let desk: TokensDesk;
let owner: Person;
let plain: Holder;
let other: Holder;
let strong: Holder;
let ana: Person;
beforeAll(async () => {
  app = await startApp({ GATEWAY_SECRETS: SECRET, LIMITS_SCALE: '100', TRUSTED_PROXIES: '127.0.0.1' });
  production = await app.replica({ NODE_ENV: 'production' });
  scene = await openScene(app);
  owner = await scene.enter(await scene.seat(['OWNER']));
  desk = tokensDesk(app, owner);
  plain = await holderOf(desk);
  other = await holderOf(desk);
  strong = await holderOf(desk, ['tokens:introspect', 'tokens:revoke']);
  ana = await newcomer();
});
afterAll(async () => {
  await scene.close();
  await app.close();
});

const newcomer = async () => scene.enter(await scene.seat(['USER']));
const raw = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});
const DOORS = ['/oauth/introspect', '/oauth/revoke', '/oauth/token'];
const SOUND = { token: 'x', grant_type: 'client_credentials' };

describe('whoever is no service', () => {
  it('is not let in anywhere, not even on the machine itself', async () => {
    const gone = await holderOf(desk);
    await desk.revoke(gone.tokenId);
    const jwt = await jwtOf(app, plain, { audience: other.name });
    const strangers: Record<string, string>[] = [
      {},
      { 'x-gateway-secret': SECRET },
      { 'x-service-token': plain.token },
      { 'x-user-id': owner.id, 'x-internal-service': plain.name },
      bearer({ token: ana.access }),
      bearer({ token: jwt }),
      bearer({ token: ana.refresh }),
      basic(gone),
      basic({ ...plain, name: other.name }),
      basic({ ...plain, token: other.token }),
      raw(plain.name, ''),
      raw('', plain.token),
      raw('%zz', '%zz'),
      { authorization: `Basic ${plain.token}` },
      { authorization: 'Basic' },
      { authorization: 'Bearer' },
      { authorization: `Digest username="${plain.name}"` },
    ];
    for (const headers of strangers) {
      for (const door of DOORS) {
        const { status, headers: answered, body } = await post(app, door, SOUND, headers);
        expect([door, headers, status, body.error]).toEqual([door, headers, 401, 'invalid_client']);
        expect(answered.get('www-authenticate')).toMatch(/^(Basic|Bearer) realm=/);
        expect(answered.get('cache-control')).toBe('no-store');
        expect(Object.keys(body)).toEqual(['error', 'error_description']);
      }
      const stream = await fetch(`${app.url}/revocations`, { headers });
      expect([headers, stream.status]).toEqual([headers, 401]);
    }
  });

  it('may prove itself in one way only', async () => {
    const form = { ...SOUND, client_id: plain.name, client_secret: plain.token };
    expect((await post(app, '/oauth/introspect', form)).status).toBe(200);
    expect(
      (await post(app, '/oauth/introspect', { ...SOUND, client_id: plain.name }, basic(plain))).status,
    ).toBe(200);
    for (const headers of [basic(plain), bearer(plain)])
      expect((await post(app, '/oauth/introspect', form, headers)).body.error).toBe('invalid_request');
    expect((await post(app, '/oauth/introspect', { ...form, client_id: other.name })).status).toBe(401);
    expect(
      (await post(app, '/oauth/introspect', { ...SOUND, client_id: other.name }, bearer(plain))).status,
    ).toBe(401);
    const twice = await sendRaw(app.url, [
      'GET /revocations HTTP/1.1',
      `Authorization: Bearer ${plain.token}`,
      `Authorization: Bearer ${plain.token}`,
    ]);
    expect(twice.status).toBe(400);
  });
});

describe('a service that has proved itself before', () => {
  const knock = async (holder: Holder, headers = bearer(holder)) =>
    (await post(app, '/oauth/introspect', SOUND, headers)).status;

  it('is turned away from the moment on that it is disabled, its token revoked or its token’s time over', async () => {
    const holder = await holderOf(desk);
    for (const headers of [bearer(holder), basic(holder)]) expect(await knock(holder, headers)).toBe(200);
    await desk.setStatus(holder.serviceId, 'DISABLED');
    expect(await knock(holder)).toBe(401);
    await desk.setStatus(holder.serviceId, 'ACTIVE');
    expect(await knock(holder)).toBe(200);
    const next = issuedIn(await desk.rotate(holder.tokenId, 1));
    expect(await knock({ ...holder, ...next })).toBe(200);
    await until('the old one has ended', async () => (await knock(holder)) === 401);
    await desk.revoke(next.tokenId);
    for (const headers of [bearer(next), basic({ ...holder, ...next })])
      expect(await knock(holder, headers)).toBe(401);
  });

  it('lends nothing to what looks like its token', async () => {
    const holder = await holderOf(desk);
    expect(await knock(holder)).toBe(200);
    const wrong = [...holder.token].map((_, at) => {
      const letter = holder.token[at] === '0' ? '1' : '0';
      return holder.token.slice(0, at) + letter + holder.token.slice(at + 1);
    });
    for (const token of wrong.filter((_, at) => at % 10 === 5))
      expect(await knock({ ...holder, token })).toBe(401);
    expect(await knock({ ...holder, token: holder.token.toUpperCase() })).toBe(401);
    expect(await knock(holder)).toBe(200);
  });

  it('is called by the name that it has now, and by its former one no more', async () => {
    const holder = await holderOf(desk);
    expect(await knock(holder, basic(holder))).toBe(200);
    const name = `${holder.name}-renamed`;
    await scene.asOwner(
      'mutation ($id: ID!, $i: UpdateServiceInput!) { updateService(id: $id, input: $i) { id } }',
      { id: holder.serviceId, i: { name } },
    );
    expect(await knock(holder, basic(holder))).toBe(401);
    expect(await knock(holder, basic({ ...holder, name }))).toBe(200);
  });
});

describe('a request that is not well made', () => {
  it('is refused in the words of OAuth, and says nothing of what was sent', async () => {
    const ask = (form: Record<string, string> | string, headers = {}) =>
      post(app, '/oauth/token', form, { ...basic(strong), ...headers });
    const grant = 'grant_type=client_credentials';
    const cases: [string, string, number, Record<string, string>?][] = [
      ['', 'invalid_request', 400],
      ['scope=x', 'invalid_request', 400],
      ['grant_type=', 'invalid_request', 400],
      ['grant_type=password&username=a&password=b', 'unsupported_grant_type', 400],
      ['grant_type=toString', 'unsupported_grant_type', 400],
      ['grant_type=__proto__', 'unsupported_grant_type', 400],
      [`${grant}&grant_type=refresh_token`, 'invalid_request', 400],
      [`${grant}&scope=users%3Aread`, 'invalid_scope', 400],
      [`${grant}&scope=users%3Amanage+tokens%3Aintrospect`, 'invalid_scope', 400],
      [`${grant}&audience=nobody`, 'invalid_target', 400],
      [`${grant}&audience=__proto__`, 'invalid_target', 400],
      [`${grant}&audience=${plain.name}&resource=${other.name}`, 'invalid_target', 400],
      [`${grant}&audience=${plain.name}&audience=${other.name}`, 'invalid_request', 400],
      ['grant_type=refresh_token', 'invalid_request', 400],
      ['grant_type=refresh_token&refresh_token=agr_nonsense', 'invalid_grant', 400],
      [`grant_type=refresh_token&refresh_token=${ana.access}`, 'invalid_grant', 400],
      [grant, 'invalid_request', 415, { 'content-type': 'application/json' }],
      [grant, 'invalid_request', 415, { 'content-type': 'text/plain' }],
      [grant, 'invalid_request', 415, { 'content-encoding': 'gzip' }],
      [`${grant}&x=${'x'.repeat(25_000)}`, 'invalid_request', 413],
      [`${grant}${Array.from({ length: 101 }, (_, i) => `&p${i}=1`).join('')}`, 'invalid_request', 400],
    ];
    for (const [form, error, status, headers] of cases) {
      const answer = await postText(form, { ...basic(strong), ...headers });
      expect([form.slice(0, 80), answer.status, answer.body.error]).toEqual([
        form.slice(0, 80),
        status,
        error,
      ]);
      expect(answer.body).not.toHaveProperty('errors');
      expect(answer.text).not.toContain('agr_nonsense');
    }
    expect((await ask({ grant_type: 'client_credentials' })).status).toBe(200);
    expect((await introspect(app, plain, '')).body.error).toBe('invalid_request');
  });

  it('is read as a form is, however it is written, and never as two tokens', async () => {
    const ask = (form: string | Buffer) => postText(form, bearer(strong), '/oauth/introspect');
    const token = ana.access;
    const [first = '', ...rest] = token;
    const encoded = `%${first.charCodeAt(0).toString(16)}${rest.join('')}`;
    for (const form of [
      `token=${token}`,
      `token=${encoded}`,
      `&&token=${token}&`,
      `?token=${token}`,
      `to%6ben=${token}&token_type_hint=access_token`,
      `token=${token}&service_id=`,
      `service_id&token=${token}`,
    ])
      expect([form, (await ask(form)).body.sub]).toEqual([form, ana.id]);
    for (const form of [
      `token=${token}&token=${token}`,
      `token=${token}&to%6ben=x`,
      `to%6ben=x&token=${token}`,
      `token&token=${token}`,
      `token=${token}&token=`,
      'token',
      'token=',
      '=x',
      ` token=${token}`,
      `\ufefftoken=${token}`,
      `token+=${token}`,
      `Token=${token}`,
      `token=&x=${token}`,
    ])
      expect([form, (await ask(form)).body.error]).toEqual([form, 'invalid_request']);
    for (const form of [
      `token=${token}=`,
      `token=${token}+`,
      `token= ${token}`,
      `token=${token};token=x`,
      `token=%zz${token}`,
      Buffer.concat([Buffer.from(`token=${token}`), Buffer.from([0xff])]),
    ])
      expect([form, (await ask(form)).body]).toEqual([form, { active: false }]);
  });

  it('of a token in the address is not heard', async () => {
    const answer = await post(app, `/oauth/introspect?token=${ana.access}`, {}, basic(strong));
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request']);
  });
});

/** A form as it is written, so that it may be written badly. */
async function postText(form: string | Buffer, headers: Record<string, string>, door = '/oauth/token') {
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  const response = await fetch(app.url + door, {
    method: 'POST',
    headers: { ...type, ...headers },
    body: form,
  });
  const text = await response.text();
  return { status: response.status, text, body: JSON.parse(text) };
}

describe('a service without scopes', () => {
  it('learns nothing of accounts beyond itself', async () => {
    const asked = await introspect(app, plain, ana.access, { service_id: other.serviceId });
    expect([asked.status, asked.body.error]).toEqual([403, 'insufficient_scope']);
    const spent = await introspect(app, plain, ana.refresh, { service_id: other.serviceId });
    expect([spent.status, spent.body.error]).toEqual([403, 'insufficient_scope']);
    expect((await introspect(app, plain, ana.access)).body).toEqual({ active: false });
    expect((await introspect(app, plain, ana.refresh)).body).toEqual({ active: false });
    const made = await introspect(app, strong, ana.access, { service_id: 'no-service' });
    expect(made.body).toMatchObject({ active: true, service_name: null, service_valid: false });
  });

  it('ends nobody’s session, and that it tried is on record', async () => {
    const person = await newcomer();
    for (const token of [person.access, person.refresh]) await revokeBy(app, plain, token);
    expect((await verify(app, person.access)).valid).toBe(true);
    await until('it is on record', async () => {
      const rows = await sql(
        app,
        "select from audit_events where type = 'access.denied' and actor = $1 and details->>'field' = '/oauth/revoke'",
        [plain.serviceId],
      );
      return rows.length > 0;
    });
  });
});

describe('the JWT of a service', () => {
  it('is never for a service that bears the name of our own audience', async () => {
    const clash = await desk.register('authgraph');
    const asked = await exchange(app, plain, { audience: clash.serviceId });
    expect([asked.status, asked.body.error]).toEqual([400, 'invalid_target']);
    await desk.deleteService(clash.serviceId);
  });

  it('is nothing to a service that it was not made for, however that one asks', async () => {
    const jwt = await jwtOf(app, plain, { audience: other.name });
    const query = 'query ($token: String!) { verifyToken(token: $token, tokenOnly: true) { valid reason } }';
    const asked = async ({ token }: Holder) =>
      (await app.graphql(query, { token: jwt }, { bearer: token })).data['verifyToken'];
    expect(await asked(other)).toEqual({ valid: true, reason: null });
    for (const holder of [plain, strong])
      expect(await asked(holder)).toEqual({ valid: false, reason: 'WRONG_AUDIENCE' });
  });

  it('is not for a service that is disabled, and carries no more than its token', async () => {
    const shut = await desk.register();
    await desk.setStatus(shut.serviceId, 'DISABLED');
    expect((await exchange(app, plain, { audience: shut.name })).body.error).toBe('invalid_target');
    expect(decodeJwt(await jwtOf(app, plain, { audience: other.name })).scope).toBe('');
  });

  it('lives no longer than its token', async () => {
    const service = await desk.register();
    const soon = new Date(Date.now() + 60_000).toISOString();
    const { data } = await desk.issue(service.serviceId, { expiresAt: soon });
    const { body } = await exchange(app, { ...plain, ...service, token: data['issueServiceToken'].token });
    expect(body.expires_in).toBeLessThanOrEqual(60);
  });
});

describe('in production', () => {
  it('a refresh token is taken from whoever may knock at the graph alone', async () => {
    const form = { grant_type: 'refresh_token', refresh_token: ana.refresh };
    const bare = await post(production, '/oauth/token', form);
    expect([bare.status, bare.body.error]).toEqual([401, 'invalid_client']);
    const wrong = await post(production, '/oauth/token', form, {
      'x-gateway-secret': SECRET,
      ...basic({ ...plain, token: other.token }),
    });
    expect(wrong.status).toBe(401);
    expect((await post(production, '/oauth/token', form, { 'x-gateway-secret': SECRET })).status).toBe(200);
    expect((await post(production, '/oauth/token', form, basic(plain))).status).toBe(200);
  });
});

describe('a service that asks too much', () => {
  it('is told to wait, in the words of HTTP', async () => {
    const small = await startApp({ LIMITS_SCALE: '0.001' });
    const answers = [];
    for (let i = 0; i < 3; i++)
      answers.push(await post(small, '/oauth/introspect', SOUND, raw('nobody', 'ags_x')));
    const last = answers.at(-1);
    expect([last?.status, last?.body.error]).toEqual([429, 'temporarily_unavailable']);
    expect(Number(last?.headers.get('retry-after'))).toBeGreaterThan(0);
    await small.close();
  });
});

describe('a service token that was stolen', () => {
  it('raises an alert when it is used from a network where it never was', async () => {
    const holder = await holderOf(desk);
    const from = (address: string) =>
      post(app, '/oauth/introspect', { token: 'x' }, { ...basic(holder), 'x-forwarded-for': address });
    const networks = () =>
      sql(app, 'select network from service_token_sightings where token_id = $1 order by 1', [
        holder.tokenId,
      ]);
    const alerts = async () =>
      (await readAlerts(app, owner)).data['securityAlerts'].nodes.filter(
        ({ type, subject }: { type: string; subject: string }) =>
          type === 'service_token_new_network' && subject === holder.serviceId,
      );
    await from('198.51.100.7');
    await from('198.51.200.9');
    await until('it was seen', async () => (await networks()).length === 1);
    await from('203.0.113.5');
    const [alert] = await until('an alert', async () => {
      const found = await alerts();
      return found.length > 0 ? found : undefined;
    });
    expect(alert).toMatchObject({
      severity: 'MEDIUM',
      details: { token: holder.tokenId, network: '203.0.0.0/16', known: ['198.51.0.0/16'] },
    });
  });
});

describe('the stream of revocations', () => {
  it('tells nothing but ids, and never a secret', async () => {
    await revokeBy(app, strong, (await newcomer()).access);
    const stream = await follow(app, basic(plain));
    await stream.ready();
    const known = new Set(['kind', 'key', 'status', 'version', 'of', 'at', 'expiresAt']);
    for (const { data } of stream.revocations())
      expect(Object.keys(data).filter((name) => !known.has(name))).toEqual([]);
    const text = JSON.stringify(stream.events);
    for (const secret of [plain.token, ana.email, ana.username, ana.refresh])
      expect(text).not.toContain(secret);
    await stream.close();
  });

  it('is given to one service a hundred times at most', async () => {
    const greedy = await holderOf(desk);
    const streams = await Promise.all(Array.from({ length: 100 }, () => follow(app, basic(greedy))));
    const refused = await fetch(`${app.url}/revocations`, { headers: basic(greedy) });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '5']);
    const one = await follow(app, basic(plain));
    await Promise.all([one, ...streams].map((stream) => stream.close()));
    await until('there is room again', async () => {
      const again = await fetch(`${app.url}/revocations`, { method: 'HEAD', headers: basic(greedy) });
      return again.status === 200;
    });
  });
});
