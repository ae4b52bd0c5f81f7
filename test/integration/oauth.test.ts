import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  createRemoteJWKSet,
  customFetch as joseFetch,
  decodeJwt,
  decodeProtectedHeader,
  jwtVerify,
} from 'jose';
import * as client from 'openid-client';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf, refresh, whoAmI } from '../harness/calls.js';
import { bearer, exchange, introspect, jwtOf, post, revokeBy } from '../harness/oauth.js';
import { verify, type Person } from '../harness/people.js';
import { openScene, type Scene } from '../harness/scene.js';
import { as, holderOf, tokensDesk, type Holder, type TokensDesk } from '../harness/service-tokens.js';
import { businessRoleOf, servicesDesk } from '../harness/services.js';
import { sql } from '../harness/sql.js';
import { until } from '../harness/until.js';

const ISSUER = 'https://auth.example.test';

let app: TestApp;
let scene: Scene;
let desk: TokensDesk;
let owner: Person;
let clinic: Holder;
let billing: Holder;
let gate: Holder;
let ana: Person;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  scene = await openScene(app);
  owner = await scene.enter(await scene.seat(['OWNER']));
  desk = tokensDesk(app, owner);
  clinic = await holderOf(desk);
  billing = await holderOf(desk);
  gate = await holderOf(desk, ['tokens:introspect', 'tokens:revoke', 'users:read']);
  ana = await newcomer();
});
afterAll(async () => {
  await scene.close();
  await app.close();
});

const newcomer = async () => scene.enter(await scene.seat(['USER']));
const isValid = async (token: string) => (await verify(app, token)).valid;

describe('introspection', () => {
  it('says of an access token whose it is, for how long and what it may do', async () => {
    const { status, headers, body } = await introspect(app, gate, ana.access);
    const claims = decodeJwt(ana.access);
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toMatchObject({
      active: true,
      username: ana.username,
      token_type: 'Bearer',
      sub: ana.id,
      sid: ana.sessionId,
      aud: 'authgraph',
      iss: ISSUER,
      jti: claims.jti,
      iat: claims.iat,
      exp: claims.exp,
      role: 'USER',
      roles: ['USER'],
      permissions: body.scope.split(' ').filter(Boolean),
      subject_type: 'USER',
    });
    expect(body).not.toHaveProperty('service_valid');
  });

  it('tells the kinds of token apart, whatever the hint says', async () => {
    const jwt = await jwtOf(app, clinic, { audience: billing.name });
    const person = await newcomer();
    const kinds = { [person.access]: person.id, [person.refresh]: person.id, [jwt]: clinic.serviceId };
    for (const [token, sub] of Object.entries(kinds))
      for (const token_type_hint of ['access_token', 'refresh_token', 'nonsense'])
        expect((await introspect(app, gate, token, { token_type_hint })).body).toMatchObject({
          active: true,
          sub,
        });
    expect((await introspect(app, gate, person.refresh)).body).toMatchObject({
      token_type: 'refresh_token',
      username: person.username,
      sid: person.sessionId,
      role: 'USER',
    });
    expect((await introspect(app, gate, clinic.token)).body).toMatchObject({
      active: true,
      sub: clinic.serviceId,
      client_id: clinic.name,
      jti: clinic.tokenId,
      subject_type: 'SERVICE',
    });
    // Looking does not spend it.
    expect((await refresh(app, person.refresh)).code).toBeUndefined();
  });

  it('describes the account at a service that is named, and says yes to its token all the same', async () => {
    const permission = await scene.permission();
    const role = `carer-${ana.username}`;
    const roleId = await businessRoleOf(servicesDesk(app, owner), {
      name: role,
      serviceId: clinic.serviceId,
      permissions: [permission],
    });
    const person = await newcomer();
    const grant = (services: object[]) =>
      scene.asOwner(
        'mutation ($u: ID!, $s: [ServiceAccessInput!]!) { setUserServices(userId: $u, services: $s) { id } }',
        { u: person.id, s: services },
      );
    const ask = async () =>
      (await introspect(app, clinic, person.access, { service_id: clinic.serviceId })).body;
    const asked = { active: true, sub: person.id, service_name: clinic.name };
    expect(await ask()).toMatchObject({
      ...asked,
      service_valid: false,
      service_role: null,
      service_status: null,
    });
    expect((await introspect(app, clinic, person.access)).body).toEqual({ active: false });

    await grant([{ serviceId: clinic.serviceId, businessRoleId: roleId }]);
    expect(await ask()).toMatchObject({
      ...asked,
      service_valid: true,
      service_role: role,
      service_status: 'ACTIVE',
      permissions: [permission],
    });
    expect((await introspect(app, clinic, person.access)).body).toMatchObject({
      active: true,
      sub: person.id,
    });
    expect((await introspect(app, clinic, person.refresh)).body).toMatchObject({
      active: true,
      sub: person.id,
    });

    await grant([{ serviceId: clinic.serviceId, businessRoleId: roleId, status: 'SUSPENDED' }]);
    const suspended = await ask();
    expect(suspended).toMatchObject({
      ...asked,
      service_valid: false,
      service_role: role,
      service_status: 'SUSPENDED',
    });
    expect(suspended.permissions).not.toContain(permission);
    expect((await introspect(app, clinic, person.access)).body).toEqual({ active: false });
  });

  it('says the same again, until something about the account is another', async () => {
    const permission = await scene.permission();
    const role = await scene.role({ rank: 21, permissions: [permission] });
    const person = await newcomer();
    const ask = () => introspect(app, gate, person.access);
    const [first, again] = [await ask(), await ask()];
    expect(again.text).toBe(first.text);
    const [user] = await scene.look<{ id: string }>("select id from roles where name = 'USER'");
    const give = (...roleIds: (string | undefined)[]) =>
      scene.asOwner('mutation ($u: ID!, $r: [ID!]!) { setUserRoles(userId: $u, roleIds: $r) { id } }', {
        u: person.id,
        r: roleIds,
      });
    await give(role.id, user?.id);
    const risen = await ask();
    expect(risen.body).toEqual({
      ...first.body,
      role: role.name,
      roles: [role.name, 'USER'],
      permissions: expect.arrayContaining([permission]),
      scope: expect.stringContaining(permission),
    });
    await give(user?.id);
    expect((await ask()).text).toBe(first.text);
    await revokeBy(app, gate, person.access);
    expect((await ask()).body).toEqual({ active: false });
  });

  it('says nothing but no of a token that is not good', async () => {
    const [gone, spent] = [await newcomer(), await newcomer()];
    await revokeBy(app, gate, gone.access);
    await refresh(app, spent.refresh);
    const dead = await holderOf(desk);
    const deadJwt = await jwtOf(app, dead, { audience: billing.name });
    await desk.revoke(dead.tokenId);
    const tokens = [
      gone.access,
      gone.refresh,
      spent.refresh,
      dead.token,
      deadJwt,
      'x',
      'agr_x',
      `${ana.access}x`,
    ];
    for (const token of tokens) {
      const { status, body } = await introspect(app, gate, token);
      expect([status, body]).toEqual([200, { active: false }]);
    }
  });
});

describe('revocation', () => {
  it('ends whatever a service with tokens:revoke is shown, and says who did it', async () => {
    const [one, other] = [await newcomer(), await newcomer()];
    for (const [person, token] of [
      [one, one.access],
      [other, other.refresh],
    ] as const) {
      const { status, text } = await revokeBy(app, gate, token);
      expect([status, text]).toEqual([200, '']);
      expect(await isValid(person.access)).toBe(false);
      expect((await refresh(app, person.refresh)).code).toBe('REFRESH_TOKEN_INVALID');
    }
    const [event] = await sql(
      app,
      "select * from audit_events where type = 'session.ended' and subject = $1",
      [one.id],
    );
    expect(event).toMatchObject({ actor: gate.serviceId, outcome: 'SUCCESS' });
  });

  it('without the scope ends only what is the service’s own', async () => {
    const person = await newcomer();
    const foreign = await jwtOf(app, billing, { audience: clinic.name });
    const own = await jwtOf(app, clinic, { audience: billing.name });
    const spare = await holderOf(desk);
    for (const token of [person.access, person.refresh, foreign, billing.token, 'nonsense', own, spare.token])
      expect((await revokeBy(app, clinic, token)).status).toBe(200);
    expect(await isValid(person.access)).toBe(true);
    expect(await isValid(foreign)).toBe(true);
    expect((await introspect(app, billing, billing.token)).body.active).toBe(true);
    expect(await verify(app, own)).toEqual({ valid: false, reason: 'REVOKED' });
    expect((await revokeBy(app, spare, spare.token)).status).toBe(200);
    expect((await introspect(app, spare, ana.access)).status).toBe(401);
  });

  it('is for services by the graph too, where holding a token is proof enough', async () => {
    const person = await newcomer();
    const ask = (service: Holder) =>
      app.graphql('mutation ($t: String!) { revoke(token: $t) }', { t: person.refresh }, as(service));
    expect((await ask(clinic)).data['revoke']).toBe(true);
    expect(await isValid(person.access)).toBe(false);
    const events = await sql(
      app,
      "select actor from audit_events where type = 'session.ended' and subject = $1",
      [person.id],
    );
    expect(events).toEqual([{ actor: clinic.serviceId }]);
  });
});

describe('the JWT of a service', () => {
  it('says which service shows it to which, for ten minutes, with the scopes that were asked for', async () => {
    const { status, body } = await exchange(app, gate, { audience: billing.name, scope: 'users:read' });
    expect(status).toBe(200);
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 600, scope: 'users:read' });
    const claims = decodeJwt(body.access_token);
    expect(claims).toMatchObject({
      iss: ISSUER,
      aud: billing.name,
      sub: gate.serviceId,
      client_id: gate.name,
      scope: 'users:read',
      service_token: gate.tokenId,
    });
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(600);
    const keys = createRemoteJWKSet(new URL(`${app.url}/.well-known/jwks.json`));
    const options = { issuer: ISSUER, audience: billing.name, typ: 'at+jwt' };
    await expect(jwtVerify(body.access_token, keys, options)).resolves.toBeDefined();
    await expect(jwtVerify(ana.access, keys, { ...options, audience: 'authgraph' })).resolves.toBeDefined();
  });

  it('carries what its service may do elsewhere: permissions of applications, given by whoever holds them', async () => {
    const permission = await scene.permission(`invoices:${ana.username}`);
    const { id } = await scene.role({ rank: 29, permissions: ['services:manage'] });
    const clerk = await scene.seat([]);
    await scene.look('insert into user_roles (user_id, role_id) values ($1, $2)', [clerk.id, id]);
    const refused = await tokensDesk(app, await scene.enter(clerk)).issue(clinic.serviceId, {
      scopes: [permission],
    });
    expect(codeOf(refused)).toBe('FORBIDDEN');
    const holder = await holderOf(desk, [permission]);
    const jwt = await jwtOf(app, holder, { audience: billing.name, scope: permission });
    const { data } = await app.graphql(
      'query ($t: String!, $r: [String!]) { verifyToken(token: $t, requires: $r) { valid scopes } }',
      { t: jwt, r: [permission] },
      as(billing),
    );
    expect(data['verifyToken']).toEqual({ valid: true, scopes: [permission] });
  });

  it('may be asked for by id, by resource, by bearer and in the form, and is for the service itself unless said', async () => {
    const grant = { grant_type: 'client_credentials' };
    const secret = { client_id: clinic.name, client_secret: clinic.token };
    const answers = [
      await post(app, '/oauth/token', { ...grant, resource: billing.serviceId }, bearer(clinic)),
      await post(app, '/oauth/token', {
        ...grant,
        ...secret,
        audience: billing.name,
        resource: billing.name,
      }),
      await post(app, '/oauth/token', { ...grant, ...secret, client_id: clinic.serviceId }),
    ];
    expect(answers.map(({ body }) => decodeJwt(body.access_token).aud)).toEqual([
      billing.name,
      billing.name,
      clinic.name,
    ]);
  });

  it('is good at the service that it is for alone, and makes nobody a user', async () => {
    const jwt = await jwtOf(app, gate, { audience: billing.name });
    const QUERY =
      'query ($t: String!, $s: ID, $r: [String!]) { verifyToken(token: $t, serviceId: $s, requires: $r) { valid reason sessionId scopes subject { id type username permissions } user { id } } }';
    const ask = async (service: Holder, variables: object = {}) =>
      (await app.graphql(QUERY, { t: jwt, ...variables }, as(service))).data['verifyToken'];
    expect(await ask(billing)).toEqual({
      valid: true,
      reason: null,
      sessionId: null,
      scopes: ['tokens:introspect', 'tokens:revoke', 'users:read'],
      subject: {
        id: gate.serviceId,
        type: 'SERVICE',
        username: gate.name,
        permissions: ['tokens:introspect', 'tokens:revoke', 'users:read'],
      },
      user: null,
    });
    expect(await ask(clinic)).toMatchObject({ valid: false, reason: 'WRONG_AUDIENCE', subject: null });
    expect(await ask(billing, { r: ['users:manage'] })).toMatchObject({ reason: 'MISSING_PERMISSION' });
    expect((await introspect(app, clinic, jwt)).body).toEqual({ active: false });
    expect((await introspect(app, billing, jwt)).body).toMatchObject({ active: true, client_id: gate.name });
    expect((await whoAmI(app, jwt)).errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
    expect(
      (await post(app, '/oauth/introspect', { token: jwt }, { authorization: `Bearer ${jwt}` })).status,
    ).toBe(401);
  });

  it('ends with its service token, and rests while its service is disabled', async () => {
    const holder = await holderOf(desk);
    const jwt = await jwtOf(app, holder, { audience: billing.name });
    await desk.setStatus(holder.serviceId, 'DISABLED');
    expect((await verify(app, jwt)).reason).toBe('SUBJECT_DISABLED');
    expect((await exchange(app, holder)).status).toBe(401);
    await desk.setStatus(holder.serviceId, 'ACTIVE');
    expect((await verify(app, jwt)).valid).toBe(true);
    await desk.revoke(holder.tokenId);
    expect((await verify(app, jwt)).reason).toBe('REVOKED');
    await desk.deleteService(holder.serviceId);
    expect((await verify(app, jwt)).reason).toBe('SUBJECT_DELETED');
  });
});

describe('a token of a person, exchanged for one of ours for a single service', () => {
  const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
  const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
  const swap = (service: Holder, subject_token: string, more: Record<string, string> = {}) =>
    post(
      app,
      '/oauth/token',
      { grant_type: EXCHANGE, subject_token, subject_token_type: ACCESS_TOKEN, ...more },
      bearer(service),
    );
  const keys = () => createRemoteJWKSet(new URL(`${app.url}/.well-known/jwks.json`));

  let kim: Person;
  let permissions: string[];
  let role: { id: string; name: string };
  beforeAll(async () => {
    permissions = [await scene.permission(), await scene.permission()].sort();
    role = { name: `payer-${ana.username}`, id: '' };
    role.id = await businessRoleOf(servicesDesk(app, owner), {
      name: role.name,
      serviceId: billing.serviceId,
      permissions,
    });
    kim = await newcomer();
    await grant(kim, { businessRoleId: role.id });
  });
  const grant = (person: Person, more: object = {}) =>
    scene.asOwner(
      'mutation ($u: ID!, $s: [ServiceAccessInput!]!) { setUserServices(userId: $u, services: $s) { id } }',
      { u: person.id, s: [{ serviceId: billing.serviceId, ...more }] },
    );

  it('says who it is, what they may do there, and who acts for them, for five minutes', async () => {
    const { status, headers, body } = await swap(gate, kim.access, { audience: billing.name });
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(body).toMatchObject({
      issued_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_type: 'Bearer',
      expires_in: 300,
      scope: permissions.join(' '),
    });
    const options = { issuer: ISSUER, audience: billing.name, typ: 'JWT' };
    const { payload } = await jwtVerify(body.access_token as string, keys(), options);
    expect(payload).toMatchObject({
      sub: kim.id,
      sid: kim.sessionId,
      subject_type: 'USER',
      role: 'USER',
      roles: ['USER'],
      service_role: role.name,
      permissions,
      scope: permissions.join(' '),
      client_id: gate.name,
      act: { sub: gate.serviceId, client_id: gate.name },
    });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(300);
  });

  it('is narrowed to what is asked for, and widened to nothing', async () => {
    const [one = ''] = permissions;
    const narrow = (await swap(billing, kim.access, { scope: one })).body;
    expect([narrow.scope, decodeJwt(narrow.access_token as string)['permissions']]).toEqual([one, [one]]);
    expect((await swap(billing, kim.access, { scope: `${one} users:delete` })).body.error).toBe(
      'invalid_scope',
    );
  });

  it('is for the service itself unless said, and for another one only where it may ask about any token', async () => {
    expect(decodeJwt((await swap(billing, kim.access)).body.access_token as string).aud).toBe(billing.name);
    expect((await swap(clinic, kim.access, { audience: billing.name })).body.error).toBe(
      'insufficient_scope',
    );
    const errors = [];
    for (const audience of ['nobody', 'authgraph', clinic.name])
      errors.push((await swap(gate, kim.access, { audience })).body.error);
    expect(errors).toEqual(['invalid_target', 'invalid_target', 'invalid_target']);
  });

  it('is nothing at our own doors, whoever asks, and is exchanged no further', async () => {
    const token = (await swap(gate, kim.access, { audience: billing.name })).body.access_token as string;
    expect((await whoAmI(app, token)).errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
    expect(await verify(app, token)).toMatchObject({ valid: false, reason: 'WRONG_TYPE' });
    expect((await introspect(app, billing, token)).body).toEqual({ active: false });
    expect((await swap(billing, token)).body).toMatchObject({
      error: 'invalid_request',
      reason: 'WRONG_TYPE',
    });
    const answer = await post(app, '/oauth/introspect', { token }, { authorization: `Bearer ${token}` });
    expect(answer.status).toBe(401);
  });

  it('is not given for what is no good token of a person', async () => {
    const gone = await newcomer();
    await grant(gone);
    await app.graphql('mutation ($t: String!) { revoke(token: $t) }', { t: gone.access });
    const cases = {
      [gone.access]: 'REVOKED',
      [kim.refresh]: 'MALFORMED',
      [billing.token]: 'MALFORMED',
      [await jwtOf(app, gate, { audience: billing.name })]: 'WRONG_TYPE',
      x: 'MALFORMED',
    };
    for (const [token, reason] of Object.entries(cases))
      expect((await swap(billing, token)).body).toMatchObject({ error: 'invalid_request', reason });
  });

  it('asks for a service that is proved, and for one credential of one kind', async () => {
    const form = { grant_type: EXCHANGE, subject_token: kim.access, subject_token_type: ACCESS_TOKEN };
    const ask = async (more: Record<string, string>, headers = bearer(billing)) =>
      (await post(app, '/oauth/token', { ...form, ...more }, headers)).body.error as string;
    expect(await ask({}, {})).toBe('invalid_client');
    expect(await ask({}, { authorization: `Bearer ${kim.access}` })).toBe('invalid_client');
    for (const more of [
      { subject_token: '' },
      { subject_token_type: '' },
      { subject_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
      { requested_token_type: 'urn:ietf:params:oauth:token-type:saml2' },
      { actor_token: kim.access, actor_token_type: ACCESS_TOKEN },
    ] as Record<string, string>[])
      expect(await ask(more)).toBe('invalid_request');
  });

  it('lives no longer than what it was given for, nor than the access to that service', async () => {
    const soon = await newcomer();
    await grant(soon, { expiresAt: new Date(Date.now() + 90_000).toISOString() });
    const { expires_in: seconds } = (await swap(billing, soon.access)).body;
    expect(seconds).toBeGreaterThan(60);
    expect(seconds).toBeLessThanOrEqual(90);
    await scene.look("update sessions set expires_at = now() + interval '40 seconds' where user_id = $1", [
      kim.id,
    ]);
    const { access } = await refresh(app, kim.refresh);
    expect((await swap(billing, access)).body.expires_in).toBeLessThanOrEqual(40);
  });

  it('is on record, once for alike ones', async () => {
    await until('it is written', async () => {
      const rows = await sql(
        app,
        "select subject from audit_events where type = 'token.exchanged' and actor = $1",
        [gate.serviceId],
      );
      return rows.some(({ subject }) => subject === kim.id);
    });
  });
});

describe('refreshing', () => {
  it('is the same rotation as in the graph', async () => {
    const person = await newcomer();
    const ask = (refresh_token: string) =>
      post(app, '/oauth/token', { grant_type: 'refresh_token', refresh_token });
    const { status, body, headers } = await ask(person.refresh);
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(body).toMatchObject({ token_type: 'Bearer', scope: expect.any(String) });
    expect(body.expires_in).toBeGreaterThan(890);
    expect((await ask(person.refresh)).body.refresh_token).toBe(body.refresh_token);
    expect((await refresh(app, body.refresh_token)).code).toBeUndefined();
    const reused = await ask(person.refresh);
    expect([reused.status, reused.body.error, reused.body.code]).toEqual([
      400,
      'invalid_grant',
      'REFRESH_TOKEN_REUSED',
    ]);
    expect(await isValid(body.access_token)).toBe(false);
  });
});

describe('OAuth libraries', () => {
  /** The issuer’s address leads to the service under test. */
  const fetchHere = (url: string | URL, init?: object) => fetch(String(url).replace(ISSUER, app.url), init);

  it('discover the doors and use them: openid-client', async () => {
    const config = await client.discovery(
      new URL(ISSUER),
      gate.name,
      gate.token,
      client.ClientSecretBasic(),
      {
        [client.customFetch]: fetchHere,
        algorithm: 'oauth2',
      },
    );
    config[client.customFetch] = fetchHere;
    const granted = await client.clientCredentialsGrant(config, {
      resource: billing.name,
      scope: 'users:read',
    });
    expect([granted.token_type, granted.scope, granted.expires_in]).toEqual(['bearer', 'users:read', 600]);
    const told = await client.tokenIntrospection(config, granted.access_token);
    expect(told).toMatchObject({ active: true, sub: gate.serviceId, aud: billing.name });
    const person = await newcomer();
    const next = await client.refreshTokenGrant(config, person.refresh);
    expect((await client.tokenIntrospection(config, next.access_token)).active).toBe(true);
    await client.tokenRevocation(config, next.refresh_token ?? '');
    expect((await client.tokenIntrospection(config, next.access_token)).active).toBe(false);
    await expect(client.refreshTokenGrant(config, next.refresh_token ?? '')).rejects.toMatchObject({
      error: 'invalid_grant',
    });
    const guest = await newcomer();
    await scene.asOwner(
      'mutation ($u: ID!, $s: [ServiceAccessInput!]!) { setUserServices(userId: $u, services: $s) { id } }',
      { u: guest.id, s: [{ serviceId: billing.serviceId }] },
    );
    const exchanged = await client.genericGrantRequest(
      config,
      'urn:ietf:params:oauth:grant-type:token-exchange',
      {
        subject_token: guest.access,
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        audience: billing.name,
      },
    );
    expect(decodeJwt(exchanged.access_token)).toMatchObject({ sub: guest.id, aud: billing.name });
    await expect(client.clientCredentialsGrant(config, { resource: 'nobody' })).rejects.toMatchObject({
      error: 'invalid_target',
    });
  });

  it('find the keys by what discovery says: jose', async () => {
    const { jwks_uri } = (await (await fetch(`${app.url}/.well-known/openid-configuration`)).json()) as {
      jwks_uri: string;
    };
    const keys = createRemoteJWKSet(new URL(jwks_uri), { [joseFetch]: fetchHere });
    const { payload } = await jwtVerify(ana.access, keys, { issuer: ISSUER, audience: 'authgraph' });
    expect(payload.sub).toBe(ana.id);
  });
});

const hasCurl = spawnSync('curl', ['--version']).status === 0;
// A skipped test that says why.
const title = hasCurl
  ? 'the lines of the documentation'
  : 'the lines of the documentation (skipped: no curl)';

(hasCurl ? describe : describe.skip)(title, () => {
  const linesOf = (page: string) =>
    [...readFileSync(`docs/${page}.md`, 'utf8').matchAll(/^ {4}(curl (?:.*\\\n)*.*)$/gm)].map(
      ([, line]) => line ?? '',
    );
  let values: Record<string, string>;
  let person: Person;
  beforeAll(async () => {
    await scene.asOwner('mutation { createPermission(name: "invoices:read") { name } }');
    const billing = await holderOf(desk, [], 'billing');
    const scopes = ['tokens:introspect', 'tokens:revoke', 'invoices:read'];
    const { name, token, serviceId } = await holderOf(desk, scopes, 'clinic');
    person = await newcomer();
    const desks = servicesDesk(app, owner);
    await desks.setUserServices(person.id, [{ serviceId }, { serviceId: billing.serviceId }]);
    const other = await newcomer();
    values = {
      ...{ AUTH: app.url, SERVICE: `${name}:${token}`, SERVICE_ID: serviceId },
      ...{ TOKEN: person.access, REFRESH: other.refresh },
    };
  });

  /** As a shell runs it. @returns what it said until it ended, or until it had said that */
  const run = (line: string, last?: string) =>
    new Promise<string>((resolve, reject) => {
      const child = spawn('/bin/sh', ['-c', `exec ${line}`], { env: { ...process.env, ...values } });
      let said = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (last !== undefined && said.includes(last)) child.kill();
      });
      child.once('error', reject).once('close', () => resolve(said));
    });

  it('do what they say, one after the other', async () => {
    const [plain, atService, revocation, asItself, exchanging, refreshing, ...none] = linesOf('oauth');
    expect(none).toEqual([]);
    const read = async (line: string | undefined) => JSON.parse(await run(line ?? '')) as object;
    expect(await read(plain)).toMatchObject({ active: true, sub: person.id, token_type: 'Bearer' });
    expect(await read(atService)).toMatchObject({
      active: true,
      service_name: 'clinic',
      service_valid: true,
    });
    const jwt = (await read(asItself)) as { access_token: string };
    expect(jwt).toMatchObject({ token_type: 'Bearer', expires_in: 600, scope: 'invoices:read' });
    expect(decodeJwt(jwt.access_token)).toMatchObject({ aud: 'billing', client_id: 'clinic' });
    const exchanged = (await read(exchanging)) as { access_token: string };
    expect(decodeJwt(exchanged.access_token)).toMatchObject({ aud: 'billing', sub: person.id });
    expect(await read(refreshing)).toMatchObject({ token_type: 'Bearer', refresh_token: expect.any(String) });
    expect(await run(revocation ?? '')).toBe('');
    expect(await read(plain)).toEqual({ active: false });
    const [stream, ...others] = linesOf('revocations');
    expect(others).toEqual([]);
    const told = await run(stream ?? '', 'event: ready');
    expect(told).toContain(`"key":"${person.sessionId}"`);
  });
});

/** What Spring Security asks of an authorization server, as docs/gateways.md sets it up. */
describe('Spring Security', () => {
  const get = async <T>(path: string) => (await (await fetch(`${app.url}${path}`)).json()) as T;
  const keySet = () => get<{ keys: { kid: string }[] }>('/.well-known/jwks.json');

  it('finds the issuer it was told of, word for word, and keys that it can read', async () => {
    expect(await get('/.well-known/openid-configuration')).toMatchObject({
      issuer: ISSUER,
      jwks_uri: `${ISSUER}/.well-known/jwks.json`,
    });
    const { keys } = await keySet();
    for (const key of keys) {
      expect(key).toMatchObject({
        kty: 'EC',
        crv: 'P-256',
        alg: 'ES256',
        use: 'sig',
        kid: expect.any(String),
      });
      expect(key).not.toHaveProperty('d');
    }
  });

  it('can hold a token against its validators: of this type, by this key, from this issuer, for this audience', async () => {
    const header = decodeProtectedHeader(ana.access);
    expect(header).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) });
    const { keys } = await keySet();
    expect(keys.map(({ kid }) => kid)).toContain(header.kid);
    const claims = decodeJwt(owner.access);
    expect(claims).toMatchObject({ iss: ISSUER, aud: 'authgraph', sub: owner.id, roles: ['OWNER'] });
    for (const time of [claims.iat, claims.exp]) expect(Number.isInteger(time)).toBe(true);
    expect(String(claims['scope']).split(' ')).toContain('users:read');
  });

  it('introspects by name and token, and makes instants, authorities and a principal of the answer', async () => {
    const basic = `Basic ${Buffer.from(`${gate.name}:${gate.token}`).toString('base64')}`;
    const asked = (token: string) => post(app, '/oauth/introspect', { token }, { authorization: basic });
    const { status, headers, body } = await asked(owner.access);
    expect([status, headers.get('content-type')]).toEqual([200, expect.stringMatching(/^application\/json/)]);
    expect(body).toMatchObject({ active: true, sub: owner.id, iss: ISSUER, aud: 'authgraph', role: 'OWNER' });
    for (const time of [body.iat, body.exp]) expect(Number.isInteger(time)).toBe(true);
    expect(body.scope.split(' ')).toEqual(body.permissions);
    const bad = await asked('nothing like a token');
    expect([bad.status, bad.body]).toEqual([200, { active: false }]);
  });
});
