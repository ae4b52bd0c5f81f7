import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Provider from 'oidc-provider';
import { ConfigError, loadConfig } from '../../src/config.js';
import { movableClock, startApp, type Asking, type TestApp } from '../harness/app.js';
import {
  foreignClaims,
  hs256,
  startForeignIssuer,
  VERIFY_FOREIGN,
  type ForeignIssuer,
  type ForeignVerdict,
} from '../harness/foreign-issuer.js';
import { introspect } from '../harness/oauth.js';
import { ownerOf } from '../harness/people.js';
import { makeTempDir } from '../harness/process.js';
import { as, holderOf, tokensDesk, type Holder } from '../harness/service-tokens.js';
import { until } from '../harness/until.js';

const SUPABASE = 'https://project.supabase.example';
const SUPABASE_ISSUER = `${SUPABASE}/auth/v1`;
const supabaseSecret = randomBytes(32).toString('hex');
const clock = movableClock();

let app: TestApp;
let provider: ForeignIssuer;
let oidc: Awaited<ReturnType<typeof startOidcProvider>>;
/** A service that its subjects may use, one that they may not, and one that may ask about any token. */
let records: Holder;
let wards: Holder;
let gate: Holder;
beforeAll(async () => {
  oidc = await startOidcProvider();
  provider = await startForeignIssuer({}, () => clock.now());
  app = await startApp(
    {
      SUPABASE_URL: SUPABASE,
      SUPABASE_JWT_SECRET: supabaseSecret,
      TRUSTED_ISSUERS: JSON.stringify([
        { ...provider.entry, services: ['records'] },
        { issuer: oidc.issuer, audiences: API, allowPrivateNetwork: true },
      ]),
    },
    clock,
  );
  const desk = tokensDesk(app, await ownerOf(app));
  records = await holderOf(desk, [], 'records');
  wards = await holderOf(desk);
  gate = await holderOf(desk, ['tokens:introspect']);
});
afterAll(async () => {
  await app.close();
  await Promise.all([provider.close(), oidc.close()]);
});

const API = 'https://api.example.test';

/** A real OpenID Connect provider that gives its client tokens for our API. */
async function startOidcProvider() {
  let answer: RequestListener = (_request, response) => response.writeHead(503).end();
  const server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = { client_id: 'app', client_secret: 'of-the-app', grant_types: ['client_credentials'] };
  const described = {
    scope: 'wards:read',
    audience: API,
    accessTokenFormat: 'jwt',
    accessTokenTTL: 600,
  } as const;
  answer = new Provider(issuer, {
    clients: [{ ...client, redirect_uris: [], response_types: [] }],
    scopes: ['wards:read'],
    ttl: { ClientCredentials: 600 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: { enabled: true, getResourceServerInfo: () => described },
    },
  }).callback();
  const token = async (): Promise<string> => {
    const form = { grant_type: 'client_credentials', resource: API, scope: 'wards:read' };
    const authorization = `Basic ${Buffer.from('app:of-the-app').toString('base64')}`;
    const init = { method: 'POST', headers: { authorization }, body: new URLSearchParams(form) };
    const body = (await (await fetch(`${issuer}/token`, init)).json()) as { access_token: string };
    return body.access_token;
  };
  const close = () => new Promise((resolve) => server.close(resolve).closeAllConnections());
  return { issuer, token, close };
}

async function verify(
  token: string,
  more: Record<string, unknown> = {},
  asking?: Asking,
): Promise<ForeignVerdict> {
  const { data, body } = await app.graphql(VERIFY_FOREIGN, { token, ...more }, asking);
  if (!data['verifyToken']) throw new Error(body);
  return data['verifyToken'] as ForeignVerdict;
}

const supabaseToken = (claims: Record<string, unknown> = {}) =>
  hs256(
    foreignClaims(SUPABASE_ISSUER, { aud: 'authenticated', role: 'authenticated', ...claims }, clock.now()),
    supabaseSecret,
  );

describe('a token of a trusted issuer', () => {
  it('is answered in the words that ours are', async () => {
    const token = provider.token({
      claims: { role: 'doctor', roles: ['staff'], permissions: ['patients:read'], email: 'ana@example.test' },
    });
    const { expiresAt, ...answer } = await verify(token);
    expect(answer).toEqual({
      valid: true,
      reason: null,
      issuer: provider.issuer,
      sessionId: null,
      user: null,
      service: null,
      scopes: ['patients:read'],
      subject: {
        id: `${provider.issuer}#ana`,
        type: 'EXTERNAL',
        externalId: 'ana',
        username: null,
        email: 'ana@example.test',
        role: 'doctor',
        roles: ['doctor', 'staff'],
        permissions: ['patients:read'],
      },
    });
    expect(new Date(expiresAt ?? 0).getTime()).toBeGreaterThan(clock.now());
  });

  it('of Supabase, signed with its secret, says what the project says of the user, and not what the user does', async () => {
    const { subject, valid } = await verify(
      supabaseToken({
        app_metadata: { role: 'nurse', permissions: ['wards:read'] },
        user_metadata: { role: 'OWNER', permissions: ['users:manage'] },
      }),
    );
    expect([valid, subject?.role, subject?.roles, subject?.permissions]).toEqual([
      true,
      'nurse',
      ['nurse'],
      ['wards:read'],
    ]);
  });

  it('of an OpenID Connect provider is checked by the keys that it publishes', async () => {
    const token = await oidc.token();
    expect(await verify(token, { requires: ['wards:read'] })).toMatchObject({
      valid: true,
      issuer: oidc.issuer,
      subject: { id: `${oidc.issuer}#app`, type: 'EXTERNAL', permissions: ['wards:read'] },
    });
    const [head, body] = token.split('.');
    expect(await verify(`${head ?? ''}.${body ?? ''}.${provider.token().split('.')[2] ?? ''}`)).toMatchObject(
      {
        reason: 'UNTRUSTED_SIGNATURE',
      },
    );
  });

  it('is told to a service, and has access to it where its issuer’s entry says so', async () => {
    const token = provider.token();
    expect(await verify(token, {}, as(wards))).toMatchObject({ valid: true, service: null });
    expect(await verify(token, { serviceId: wards.serviceId })).toMatchObject({
      reason: 'NO_SERVICE_ACCESS',
    });
    expect(await verify(token, { serviceId: records.serviceId })).toMatchObject({
      valid: true,
      service: { valid: true, service: { id: records.serviceId } },
    });
    // A name is no id, as with our own tokens: nobody would hear that the service of that name is disabled.
    expect(await verify(token, { serviceId: 'records' })).toMatchObject({ reason: 'NO_SERVICE_ACCESS' });
  });

  it('answers for permissions as ours does', async () => {
    const token = provider.token({ claims: { permissions: ['a:read'], scope: 'b:read c:read' } });
    expect(await verify(token, { requires: ['a:read', 'c:read'] })).toMatchObject({ valid: true });
    expect(await verify(token, { requires: ['a:read', 'd:read'] })).toMatchObject({
      valid: false,
      reason: 'MISSING_PERMISSION',
      subject: null,
    });
  });

  it('ends with its time, also where it was asked about before', async () => {
    const token = provider.token();
    expect(await verify(token)).toMatchObject({ valid: true });
    clock.advance(3540);
    expect(await verify(token)).toMatchObject({ valid: true });
    clock.advance(66);
    expect(await verify(token)).toMatchObject({ valid: false, reason: 'EXPIRED', subject: null });
    clock.advance(-3606);
  });

  it('is nobody at our own door, save to ask about itself', async () => {
    const bearer = provider.token();
    const { errors } = await app.graphql('{ me { id } }', {}, { bearer });
    expect(errors.map(({ extensions }) => extensions.code)).toEqual(['UNAUTHENTICATED']);
    expect(await verify(bearer, {}, { bearer })).toMatchObject({ valid: true });
    const other = await app.graphql(VERIFY_FOREIGN, { token: provider.token() }, { bearer });
    expect(other.errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
  });

  it('is revoked by its issuer alone', async () => {
    const token = provider.token();
    const { data } = await app.graphql('mutation ($t: String!) { revoke(token: $t) }', { t: token });
    expect(data).toEqual({ revoke: true });
    expect(await verify(token)).toMatchObject({ valid: true });
  });
});

describe('introspection of a token of a trusted issuer', () => {
  const ask = async (service: Holder, token: string, more: Record<string, string> = {}) =>
    (await introspect(app, service, token, more)).body as Record<string, unknown>;
  const INACTIVE = { active: false };

  it('answers in the words that ours is answered in, with a client where the token says one', async () => {
    const claims = { role: 'doctor', permissions: ['patients:read'], email: 'ana@example.test' };
    const { exp, iat, jti, ...said } = await ask(gate, provider.token({ claims }));
    expect(said).toEqual({
      active: true,
      scope: 'patients:read',
      token_type: 'Bearer',
      sub: `${provider.issuer}#ana`,
      aud: 'clinic',
      iss: provider.issuer,
      email: 'ana@example.test',
      role: 'doctor',
      roles: ['doctor'],
      permissions: ['patients:read'],
      subject_type: 'EXTERNAL',
      external_id: 'ana',
    });
    expect([Number(exp) - Number(iat), typeof jti]).toEqual([3600, 'string']);
    expect(await ask(gate, await oidc.token())).toMatchObject({ active: true, client_id: 'app' });
    expect(await ask(gate, supabaseToken())).toMatchObject({ active: true, iss: SUPABASE_ISSUER });
  });

  it('asks for a service without a scope whether the token may be used there', async () => {
    const token = provider.token();
    expect(await ask(records, token)).toMatchObject({ active: true, sub: `${provider.issuer}#ana` });
    expect(await ask(wards, token)).toEqual(INACTIVE);
    expect((await introspect(app, wards, token, { service_id: records.serviceId })).status).toBe(403);
  });

  it('describes the subject at the service that is named', async () => {
    const token = provider.token();
    expect(await ask(gate, token, { service_id: records.serviceId })).toMatchObject({
      active: true,
      service_name: 'records',
      service_valid: true,
      service_role: null,
      service_status: 'ACTIVE',
    });
    expect(await ask(wards, token, { service_id: wards.serviceId })).toMatchObject({
      active: true,
      service_name: wards.name,
      service_valid: false,
      service_status: null,
    });
  });

  it('says nothing of one that is not good', async () => {
    const stranger = hs256(foreignClaims('https://nobody.example.test'), supabaseSecret);
    const late = provider.token({ claims: { exp: Math.floor(clock.now() / 1000) - 60 } });
    for (const token of [stranger, late, `${provider.token()}x`])
      expect(await ask(gate, token)).toEqual(INACTIVE);
  });

  it('gives no verdict while the keys of its issuer cannot be had', async () => {
    clock.advance(31);
    expect(await ask(gate, provider.token())).toMatchObject({ active: true });
    provider.answer((response) => response.writeHead(500).end());
    clock.advance(90_001);
    const { status, headers, body } = await introspect(app, gate, provider.token());
    expect([status, headers.get('retry-after'), body.error]).toEqual([503, '1', 'temporarily_unavailable']);
    provider.answer(undefined);
    clock.advance(31);
    expect(await ask(gate, provider.token())).toMatchObject({ active: true });
  });
});

describe('the keys of an issuer', () => {
  it('are fetched anew when a token names one that is not known, once in 30 seconds', async () => {
    expect(await verify(provider.token())).toMatchObject({ valid: true });
    clock.advance(31);
    provider.rotate();
    expect(await verify(provider.token())).toMatchObject({ valid: true });
    const before = provider.fetches();
    const flood = (count: number) =>
      Promise.all(
        Array.from({ length: count }, (_, at) =>
          verify(provider.token({ header: { kid: `made-up-${at}` } })),
        ),
      );
    for (const { reason } of await flood(50)) expect(reason).toBe('UNTRUSTED_SIGNATURE');
    expect(provider.fetches() - before).toBe(0);
    clock.advance(31);
    await flood(50);
    expect(provider.fetches() - before).toBe(1);
  });

  it('are not looked for again on behalf of a token that names one and fits it not', async () => {
    clock.advance(31);
    expect(await verify(provider.token())).toMatchObject({ valid: true });
    clock.advance(31);
    const before = provider.fetches();
    for (let at = 0; at < 3; at++)
      expect(await verify(provider.token({ header: { alg: 'RS256' } }))).toMatchObject({
        reason: 'UNTRUSTED_SIGNATURE',
      });
    expect(provider.fetches() - before).toBe(0);
    // What may be spent on keys that are not known is there for one that is new.
    provider.rotate();
    expect(await verify(provider.token())).toMatchObject({ valid: true });
  });

  it('stay as they are while it is down, until they are too old', async () => {
    clock.advance(31);
    expect(await verify(provider.token())).toMatchObject({ valid: true });
    provider.answer((response) => response.writeHead(500).end());
    const before = provider.fetches();
    clock.advance(3601);
    await until('they were asked for again', async () => {
      expect(await verify(provider.token())).toMatchObject({ valid: true });
      return provider.fetches() > before;
    });
    clock.advance(86_400);
    expect(await verify(provider.token())).toMatchObject({ valid: false, reason: 'ISSUER_UNAVAILABLE' });
    provider.answer(undefined);
    clock.advance(31);
    expect(await verify(provider.token())).toMatchObject({ valid: true });
  });
});

describe('whoever configures issuers', () => {
  const mistakesOf = (issuers: unknown, more: Record<string, string> = {}): readonly string[] => {
    const key = randomBytes(32).toString('base64');
    const given = { ENCRYPTION_KEYS: key, PASSWORD_PEPPERS: key, ...more };
    try {
      const text = typeof issuers === 'string' ? issuers : JSON.stringify(issuers);
      loadConfig({ ...given, ...(issuers === undefined ? {} : { TRUSTED_ISSUERS: text }) });
      return [];
    } catch (error) {
      if (error instanceof ConfigError) return error.mistakes;
      throw error;
    }
  };
  const good = { issuer: 'https://a.example.test', audiences: 'api' };
  const secret = randomBytes(32).toString('hex');

  it.each<[string, unknown]>([
    ['must be JSON, or the path', '/no/such/file'],
    ['is not JSON', '[{'],
    ['must be a list', { ...good }],
    ['issuer 1: must be an object', ['a']],
    ['audiences must say', [{ issuer: good.issuer }]],
    ['has a member that is not known', [{ ...good, audience: 'api' }]],
    ['issuer 2: issuer', [good, { audiences: 'api' }]],
    ['must have no spaces', [{ ...good, issuer: 'https://a.example.test#b' }]],
    ['algorithms', [{ ...good, algorithms: ['none'] }]],
    ['HS256 needs a secret', [{ ...good, algorithms: ['HS256', 'RS256'] }]],
    ['a secret is for HS256 alone', [{ ...good, secret, algorithms: ['HS256', 'RS256'] }]],
    ['either a secret or a jwksUrl', [{ ...good, secret, jwksUrl: 'https://a.example.test/keys' }]],
    ['32 or more random bytes', [{ ...good, secret: 'short' }]],
    ['32 or more random bytes', [{ ...good, secret: 'ab'.repeat(32) }]],
    ['by https', [{ ...good, jwksUrl: 'http://a.example.test/keys' }]],
    ['ends with a slash', [{ ...good, preset: 'auth0' }]],
    ['for an issuer with a secret', [{ ...good, allowMissingIssuer: true }]],
    ['user_metadata', [{ ...good, claims: { role: 'user_metadata.role' } }]],
    ['user_metadata', [{ ...good, claims: { roles: ['roles', 'https://a.example.test/user_metadata'] } }]],
    ['each issuer may be there once', [good, good]],
    [
      'each secret may be of one issuer',
      [
        { ...good, secret },
        { ...good, issuer: 'b', secret },
      ],
    ],
  ])('wrongly is told: %s', (said, issuers) => {
    const mistakes = mistakesOf(issuers);
    expect(mistakes).toEqual([expect.stringMatching(/^TRUSTED_ISSUERS: /)]);
    expect(mistakes[0]).toContain(said);
    expect(mistakes[0]).not.toContain(secret);
  });

  it('in many places wrongly is told all of them', () => {
    expect(
      mistakesOf([{ ...good, secret: 'a' }, { issuer: 'b c' }], { SUPABASE_JWT_SECRET: 'a' }),
    ).toHaveLength(3);
    expect(
      mistakesOf([{ ...good, issuer: 'https://own.example.test' }], {
        PUBLIC_URL: 'https://own.example.test',
      }),
    ).toHaveLength(1);
    expect(mistakesOf(undefined, { SUPABASE_URL: 'http://project.example.test' })).toHaveLength(1);
    expect(
      mistakesOf(undefined, { SUPABASE_URL: 'https://a.test', SUPABASE_JWT_SECRET: 'short' }),
    ).toHaveLength(1);
  });

  it('may put them into a file', () => {
    const file = join(makeTempDir(), 'issuers.json');
    writeFileSync(file, JSON.stringify([good]));
    expect(mistakesOf(file)).toEqual([]);
    writeFileSync(file, '[{}]');
    expect(mistakesOf(file)).toHaveLength(1);
  });
});
