import { createHash, randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConfigError, loadConfig } from '../../src/config.js';
import { createStateless } from '../../src/stateless.js';
import { ask, type Asking } from '../harness/app.js';
import {
  foreignClaims,
  hs256,
  startForeignIssuer,
  VERIFY_FOREIGN,
  type ForeignIssuer,
  type ForeignVerdict,
} from '../harness/foreign-issuer.js';
import { makeTempDir } from '../harness/process.js';
import { startProgram, type Program } from '../harness/program.js';
import { startReceiver, type Receiver } from '../harness/receiver.js';
import { askEdge } from '../harness/router.js';
import { until } from '../harness/until.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CLINIC = 'https://clinic.example.test';
const secret = randomBytes(32).toString('hex');
const serviceToken = randomBytes(32).toString('hex');
const gatewaySecret = randomBytes(24).toString('base64url');
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

let app: Program;
let provider: ForeignIssuer;
let hook: Receiver;
beforeAll(async () => {
  [provider, hook] = await Promise.all([startForeignIssuer(), startReceiver()]);
  app = await startProgram({
    PORT: '0',
    DATA_DIR: makeTempDir(),
    STATELESS: 'on',
    TRUSTED_ISSUERS: JSON.stringify([provider.entry, { issuer: CLINIC, audiences: 'clinic', secret }]),
    SERVICE_TOKEN_HASHES: `records:${sha256(serviceToken)}`,
    GATEWAY_SECRETS: gatewaySecret,
    TRUSTED_PROXIES: '127.0.0.1/32',
    WEBHOOK_URL: hook.url,
    WEBHOOK_SECRET: `whsec_${randomBytes(32).toString('base64')}`,
    WEBHOOK_ALLOW_PRIVATE_NETWORK: 'on',
  });
});
afterAll(async () => {
  app.signal('SIGTERM');
  expect(await app.ended).toBe(0);
  await Promise.all([provider.close(), hook.close()]);
});

const clinicToken = (claims: Record<string, unknown> = {}) =>
  hs256(foreignClaims(CLINIC, { role: 'doctor', permissions: ['patients:read'], ...claims }), secret);

async function verify(token: string, more = {}, asking: Asking = {}): Promise<ForeignVerdict> {
  const { data, body } = await ask(app.url, VERIFY_FOREIGN, { token, ...more }, asking);
  if (!data['verifyToken']) throw new Error(body);
  return data['verifyToken'] as ForeignVerdict;
}

describe('a service without accounts', () => {
  it('verifies the tokens of every issuer it trusts, and no others', async () => {
    expect(await verify(clinicToken(), { requires: ['patients:read'] })).toMatchObject({
      valid: true,
      issuer: CLINIC,
      user: null,
      subject: { id: `${CLINIC}#ana`, type: 'EXTERNAL', role: 'doctor', permissions: ['patients:read'] },
    });
    expect(await verify(provider.token())).toMatchObject({ valid: true, issuer: provider.issuer });
    expect(await verify(clinicToken(), { requires: ['wards:read'] })).toMatchObject({
      reason: 'MISSING_PERMISSION',
    });
    expect(await verify(clinicToken({ iss: 'https://auth.example.test' }))).toMatchObject({
      reason: 'UNTRUSTED_ISSUER',
    });
    for (const text of ['', 'x', 'a.b.c', 'y'.repeat(9000)])
      expect(await verify(text)).toMatchObject({ valid: false, reason: 'MALFORMED' });
  });

  it('answers many questions at once', async () => {
    const requests = [{ token: clinicToken() }, { token: 'x' }, { token: provider.token(), requires: ['a'] }];
    const query = 'query ($r: [TokenVerificationRequest!]!) { verifyTokens(requests: $r) { valid reason } }';
    const { data } = await ask(app.url, query, { r: requests });
    expect(data['verifyTokens']).toEqual([
      { valid: true, reason: null },
      { valid: false, reason: 'MALFORMED' },
      { valid: false, reason: 'MISSING_PERMISSION' },
    ]);
    const tooMany = await ask(app.url, query, { r: Array.from({ length: 101 }, () => ({ token: 'x' })) });
    expect(tooMany.errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
  });

  it('says NOT_AVAILABLE to everything else, and shows the same graph', async () => {
    const { data, errors } = await ask(app.url, '{ me { id } roles { totalCount } signingKeys { kid } }');
    expect(data).toEqual({});
    expect(errors.map(({ extensions }) => extensions.code)).toContain('NOT_AVAILABLE');
    for (const document of [
      'mutation { signOut }',
      'mutation { revoke(token: "x") }',
      '{ _entities(representations: []) { __typename } }',
    ])
      expect((await ask(app.url, document)).errors[0]?.extensions.code).toBe('NOT_AVAILABLE');
    const { data: service } = await ask(app.url, '{ _service { sdl } }');
    expect((service['_service'] as { sdl: string }).sdl).toContain('verifyToken(');
    const tooDeep = await ask(app.url, `{ ${'a'.repeat(3)}: nonsense }`);
    expect(tooDeep.errors[0]?.extensions.code).toBe('GRAPHQL_VALIDATION_FAILED');
  });

  it('tells its health', async () => {
    for (const path of ['/health', '/health/live', '/health/ready'])
      expect((await fetch(app.url + path)).status).toBe(200);
    expect(await (await fetch(`${app.url}/.well-known/jwks.json`)).json()).toEqual({ keys: [] });
    expect((await fetch(`${app.url}/reset-password`)).status).toBe(404);
  });

  it('lets nobody ask about others’ tokens but services and the gateway', async () => {
    const token = clinicToken();
    const code = async (asking: Asking) =>
      (await ask(app.url, VERIFY_FOREIGN, { token }, asking)).errors[0]?.extensions.code;
    expect(await code({ bearer: token })).toBeUndefined();
    expect(await code({ bearer: serviceToken })).toBeUndefined();
    expect(await code({ headers: { 'x-service-token': serviceToken } })).toBeUndefined();
    expect(await code({ bearer: provider.token() })).toBe('UNAUTHENTICATED');
    expect(await code({ bearer: `${serviceToken}x` })).toBe('UNAUTHENTICATED');
    expect(await code({ headers: { 'x-service-token': 'guess' } })).toBe('UNAUTHENTICATED');
  });
});

describe('a router that asks a service without accounts', () => {
  const CLAIMS = 'apollo::authentication::jwt_claims';

  it('is told whom a good token speaks of, and to refuse all others', async () => {
    const { answer } = await askEdge(app, clinicToken());
    expect(answer.context?.entries[CLAIMS]).toMatchObject({
      iss: CLINIC,
      sub: `${CLINIC}#ana`,
      role: 'doctor',
      scope: 'patients:read',
      subject_type: 'EXTERNAL',
    });
    const service = (await askEdge(app, serviceToken)).answer.context?.entries[CLAIMS];
    expect(service).toMatchObject({ client_id: 'records', subject_type: 'SERVICE' });
    for (const token of ['x', `${clinicToken()}x`, clinicToken({ iss: 'https://nobody.example.test' })])
      expect((await askEdge(app, token)).answer.control).toEqual({ break: 401 });
    const late = (await askEdge(app, clinicToken({ iat: 1, exp: 2 }), { accept: ['*/*'] })).answer;
    expect([late.control, late.headers]).toEqual(['continue', { accept: ['*/*'] }]);
  });
});

describe('introspection without accounts', () => {
  const introspect = (form: Record<string, string>, headers: Record<string, string>) =>
    fetch(`${app.url}/oauth/introspect`, { method: 'POST', headers, body: new URLSearchParams(form) });
  const basic = (token: string) => ({
    authorization: `Basic ${Buffer.from(`records:${token}`).toString('base64')}`,
  });

  it('tells services and the gateway what a token says', async () => {
    const token = clinicToken({ email: 'ana@example.test', azp: 'app' });
    for (const headers of [
      basic(serviceToken),
      { authorization: `Bearer ${serviceToken}` },
      { 'x-service-token': serviceToken },
      { 'x-gateway-secret': gatewaySecret },
    ]) {
      const answer = await introspect({ token }, headers);
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(await answer.json()).toMatchObject({
        active: true,
        iss: CLINIC,
        sub: `${CLINIC}#ana`,
        aud: 'clinic',
        client_id: 'app',
        scope: 'patients:read',
        token_type: 'Bearer',
        role: 'doctor',
        permissions: ['patients:read'],
        subject_type: 'EXTERNAL',
      });
    }
  });

  it('tells nothing of any other token', async () => {
    for (const token of ['x', clinicToken({ exp: 1 }), `${clinicToken()}x`])
      expect(await (await introspect({ token }, basic(serviceToken))).json()).toEqual({ active: false });
  });

  it('tells nobody else', async () => {
    for (const headers of [
      {},
      basic('guess'),
      { authorization: `Basic ${Buffer.from(`others:${serviceToken}`).toString('base64')}` },
      { 'x-gateway-secret': 'guess' },
      { authorization: 'Bearer x' },
    ]) {
      const answer = await introspect({ token: clinicToken() }, headers);
      expect(answer.status).toBe(401);
      expect(await answer.json()).toMatchObject({ error: 'invalid_client' });
      expect(answer.headers.get('www-authenticate')).toContain('realm="authgraph"');
    }
  });

  it('is found by discovery, and nothing else is: no grants, and no keys', async () => {
    for (const name of ['openid-configuration', 'oauth-authorization-server']) {
      const found = await (await fetch(`${app.url}/.well-known/${name}`)).json();
      expect(found).toMatchObject({
        introspection_endpoint: expect.stringMatching(/\/oauth\/introspect$/) as unknown,
        grant_types_supported: [],
      });
      expect(found).not.toHaveProperty('token_endpoint');
    }
  });

  it('takes the credential from the form as well, and one alone', async () => {
    const form = { token: clinicToken(), client_id: 'records', client_secret: serviceToken };
    expect(await (await introspect(form, {})).json()).toMatchObject({ active: true });
    expect((await introspect({ ...form, client_id: 'others' }, {})).status).toBe(401);
    const twice = await introspect(form, basic(serviceToken));
    expect([twice.status, await twice.json()]).toMatchObject([400, { error: 'invalid_request' }]);
  });

  it('says of a service that is named whether the entry of the issuer names it', async () => {
    const answer = await introspect({ token: clinicToken(), service_id: 'records' }, basic(serviceToken));
    expect(await answer.json()).toMatchObject({
      active: true,
      service_name: 'records',
      service_valid: false,
      service_status: null,
    });
  });

  it('wants a form with one token', async () => {
    expect((await introspect({}, basic(serviceToken))).status).toBe(400);
    const json = { ...basic(serviceToken), 'content-type': 'application/json' };
    const answer = await fetch(`${app.url}/oauth/introspect`, { method: 'POST', headers: json, body: '{}' });
    expect(answer.status).toBe(415);
  });
});

describe('the record of a service without accounts', () => {
  interface Line {
    audit?: { type: string; outcome: string; subject: string | null; ipAddress: string; details: object };
    alert?: { type: string; severity: string; subject: string | null; details: { failures?: number } };
  }
  const lines = (): Line[] =>
    app
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Line);
  const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });

  it('is its log: who was refused what, and no token', async () => {
    const token = clinicToken({ sub: 'marked' });
    await verify(token, { requires: ['no:such'] }, from('203.0.113.7'));
    const line = await until('it was written', () =>
      lines().find(({ audit }) => audit?.subject === `${CLINIC}#marked`),
    );
    expect(line.audit).toMatchObject({
      type: 'token.refused',
      outcome: 'DENIED',
      ipAddress: '203.0.113.7',
      details: { reason: 'MISSING_PERMISSION', count: 1 },
    });
    expect(app.output()).not.toContain(token.slice(-40));
  });

  it('raises an alert for an address that tries many bad tokens, once, and tells the webhook', async () => {
    for (let count = 0; count < 25; count++) await verify(`a.b.${count}`, {}, from('198.51.100.9'));
    const found = () => lines().filter(({ alert }) => alert?.type === 'repeated_refusals_address');
    await until('it was raised', () => found().length > 0);
    expect(found()).toHaveLength(1);
    expect(found()[0]?.alert).toMatchObject({ severity: 'MEDIUM', details: { failures: 20 } });
    const told = await until('the webhook was told', () =>
      hook.received.find(({ body }) => body.includes('repeated_refusals_address')),
    );
    expect(told.headers['webhook-signature']).toMatch(/^v1,/);
    expect(told.body).not.toContain('198.51.100.9');
  });

  it('raises an alert for a token that is used from two networks', async () => {
    const token = clinicToken({ sub: 'travels' });
    await verify(token, {}, from('203.0.113.7'));
    await verify(token, {}, from('192.0.2.7'));
    const line = await until('it was raised', () =>
      lines().find(({ alert }) => alert?.type === 'token_two_networks'),
    );
    expect(line.alert).toMatchObject({ severity: 'LOW', subject: `${CLINIC}#travels` });
  });
});

describe('what a service without accounts needs', () => {
  it('loads nothing that speaks to a database or hashes passwords', () => {
    const program = `
      import { createRequire } from 'node:module';
      await import(${JSON.stringify(new URL('../../dist/src/stateless.js', import.meta.url).href)});
      const loaded = Object.keys(createRequire(import.meta.url).cache);
      console.log(['knex', 'pg', 'objection', 'bcrypt', 'ioredis', 'nodemailer', 'graphql-shield'].filter((name) =>
        loaded.some((path) => path.includes('/node_modules/' + name + '/'))).join());`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: ROOT,
    });
    expect([stdout.toString().trim(), stderr.toString()]).toEqual(['', '']);
  });

  it('is less than 120 MB', () => {
    if (process.platform !== 'linux') return;
    const status = readFileSync(`/proc/${app.pid}/status`, 'utf8');
    expect(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1])).toBeLessThan(120_000);
  });

  const mistakesOf = (env: Record<string, string>): readonly string[] => {
    try {
      loadConfig(env);
      return [];
    } catch (error) {
      if (error instanceof ConfigError) return error.mistakes;
      throw error;
    }
  };

  it('is an issuer to trust, and no database', () => {
    expect(mistakesOf({ STATELESS: 'on' })).toEqual([expect.stringContaining('TRUSTED_ISSUERS')]);
    const issuers = JSON.stringify([{ issuer: CLINIC, audiences: 'clinic', secret }]);
    expect(mistakesOf({ STATELESS: 'on', TRUSTED_ISSUERS: issuers })).toEqual([]);
    expect(
      mistakesOf({
        STATELESS: 'on',
        TRUSTED_ISSUERS: issuers,
        DATABASE_URL: 'postgresql://localhost/a',
        REDIS_URL: 'redis://localhost',
        SERVICE_TOKEN_HASHES: 'records:secret',
      }).map((mistake) => mistake.split(/[: ]/)[0]),
    ).toEqual(['SERVICE_TOKEN_HASHES', 'DATABASE_URL', 'REDIS_URL']);
    expect(mistakesOf({ NODE_ENV: 'production', STATELESS: 'on', TRUSTED_ISSUERS: issuers })).toEqual([
      expect.stringContaining('GATEWAY_SECRETS'),
    ]);
  });

  it('opens its graph in production to those alone who prove themselves', async () => {
    const running = await createStateless(
      loadConfig({
        NODE_ENV: 'production',
        PORT: '0',
        HOST: '127.0.0.1',
        LOG_LEVEL: 'silent',
        STATELESS: 'on',
        TRUSTED_ISSUERS: JSON.stringify([{ issuer: CLINIC, audiences: 'clinic', secret }]),
        GATEWAY_SECRETS: gatewaySecret,
        SERVICE_TOKEN_HASHES: `records:${sha256(serviceToken)}`,
      }),
    );
    const status = async (asking: Asking) =>
      (await ask(running.url, VERIFY_FOREIGN, { token: clinicToken() }, asking)).status;
    expect([
      await status({}),
      await status({ bearer: clinicToken() }),
      await status({ bearer: serviceToken }),
      await status({ headers: { 'x-gateway-secret': gatewaySecret } }),
    ]).toEqual([401, 401, 200, 200]);
    await running.close();
  });
});
