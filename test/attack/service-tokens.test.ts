import { randomBytes, randomUUID } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  buildClientSchema,
  getIntrospectionQuery,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredInputField,
  type GraphQLInputType,
  type IntrospectionQuery,
} from 'graphql';
import { UNKNOWN } from '../harness/administration.js';
import { ask, startApp, testEnvironment, type Asking, type TestApp } from '../harness/app.js';
import { codeOf, whoAmI } from '../harness/calls.js';
import { enter, join, ownerOf, type Person } from '../harness/people.js';
import { startProgram } from '../harness/program.js';
import {
  as,
  holderOf,
  issuedIn,
  through,
  tokensDesk,
  verifyService,
  type Holder,
  type TokensDesk,
} from '../harness/service-tokens.js';
import { sql } from '../harness/sql.js';
import { statementsOf } from '../harness/statements.js';
import { layWire } from '../harness/wire.js';
import { postRaw } from './raw.js';

const SECRET = randomBytes(24).toString('base64url');
const gateway = { 'x-gateway-secret': SECRET };

/** Well written, and of nobody. */
function madeUp(id = randomBytes(16).toString('hex'), secret = randomBytes(32).toString('hex')): string {
  const body = `ags_${id}_${secret}`;
  return `${body}_${crc32(body).toString(16).padStart(8, '0')}`;
}

let app: TestApp;
let production: TestApp;
let owner: Person;
let ana: Person;
let desk: TokensDesk;
let holder: Holder;
beforeAll(async () => {
  app = await startApp({ GATEWAY_SECRETS: SECRET, LIMITS_SCALE: '100' });
  production = await app.replica({ NODE_ENV: 'production' });
  owner = await ownerOf(app);
  ana = await join(app);
  desk = tokensDesk(app, owner);
  holder = await holderOf(desk, ['users:read']);
});
afterAll(() => app.close());

const IS_ANA = 'query ($id: ID!) { user(id: $id) { email } }';
/** What only a service with users:read, the account and its administrators may see. */
const read = (asking: Asking, door: TestApp = app) => door.graphql(IS_ANA, { id: ana.id }, asking);
const VERIFY = 'query ($t: String!, $s: ID) { verifyToken(token: $t, serviceId: $s) { valid reason } }';

describe('a token that is not quite right', () => {
  // Not the catalogue, which every replica in this process reads again now and then.
  const lookUps = (statements: string[]) =>
    statements.filter((text) => /^select .*from "service_tokens" where .*"id" (in|=)/i.test(text));

  it('costs no query when it is mistyped', async () => {
    const { token, name } = holder;
    const typos = [
      token.slice(0, -1),
      `${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`,
      token.replace('ags_', 'agr_'),
      token.toUpperCase(),
      ` ${token}`,
      `${token}\n`,
      token.replaceAll('_', '-'),
      `${token.slice(0, 40)}${token[40] === '0' ? '1' : '0'}${token.slice(41)}`,
      token.replace(/_/, '__'),
      'ags_',
      '',
    ];
    const statements = await statementsOf(async () => {
      for (const typo of typos) expect((await verifyService(app, name, typo)).reason).toBe('MALFORMED');
    });
    expect(lookUps(statements)).toEqual([]);
  });

  it('is not helped by the right id: the secret decides, and nothing is told of the token', async () => {
    const [, id = '', secret = ''] = holder.token.split('_');
    const guesses = [
      madeUp(id),
      madeUp(id, '0'.repeat(64)),
      madeUp(id, `${secret.slice(0, -1)}${secret.endsWith('0') ? '1' : '0'}`),
    ];
    const gone = await holderOf(desk);
    await desk.revoke(gone.tokenId);
    guesses.push(madeUp(gone.token.split('_')[1]));
    for (const guess of guesses) {
      expect(await verifyService(app, holder.name, guess)).toEqual({
        valid: false,
        reason: 'UNTRUSTED_SIGNATURE',
        service: null,
        scopes: [],
        expiresAt: null,
      });
      expect(codeOf(await read({ bearer: guess }))).toBe('UNAUTHENTICATED');
    }
  });

  it('is looked up once, and many at once in one query', async () => {
    const one = madeUp();
    const again = await statementsOf(async () => {
      for (let i = 0; i < 10; i++)
        expect((await verifyService(app, holder.name, one)).reason).toBe('UNTRUSTED_SIGNATURE');
    });
    expect(lookUps(again)).toHaveLength(1);
    const many = Array.from(
      { length: 20 },
      (_, i) => `t${i}: verifyServiceToken(serviceName: "x", token: "${madeUp()}") { reason }`,
    );
    const together = await statementsOf(async () => {
      const { data } = await app.graphql(`{ ${many.join(' ')} }`);
      expect(new Set(Object.values(data).map(({ reason }) => reason))).toEqual(
        new Set(['UNTRUSTED_SIGNATURE']),
      );
    });
    expect(lookUps(together)).toHaveLength(1);
  });

  it('lives no longer on a replica that has remembered it as unknown', async () => {
    const there = await app.replica();
    const unknown = madeUp();
    expect((await verifyService(there, holder.name, unknown)).reason).toBe('UNTRUSTED_SIGNATURE');
    const next = issuedIn(await desk.issue(holder.serviceId));
    expect((await verifyService(there, holder.name, next.token)).valid).toBe(true);
    await desk.revoke(next.tokenId);
  });
});

describe('who makes a request', () => {
  const BAD = ['', 'x', 'null', madeUp('0'.repeat(32), '0'.repeat(64)), 'Bearer x'];

  it('is the service, by its token as bearer or in its own header', async () => {
    for (const asking of [as(holder), through(holder)])
      expect((await read(asking)).data['user']).toEqual({ email: ana.email });
  });

  it('is the user of the bearer, whatever service passes it on', async () => {
    const bob = await join(app);
    const asking = through(holder, bob.access);
    expect((await app.graphql('{ me { id } }', {}, asking)).data['me']).toEqual({ id: bob.id });
    // The service could read Ana; who asks through it cannot.
    expect(codeOf(await read(asking))).toBe('NOT_FOUND');
  });

  it('is the service of the bearer where two services show their tokens', async () => {
    const plain = await holderOf(desk);
    expect(codeOf(await read({ ...through(holder), bearer: plain.token }))).toBe('NOT_FOUND');
    expect((await read({ ...through(plain), bearer: holder.token })).data['user']).toEqual({
      email: ana.email,
    });
  });

  it.each(BAD)('is nobody with a bad service token in its header: "%s"', async (token) => {
    const alone = { headers: { 'x-service-token': token } };
    for (const asking of [
      alone,
      { headers: { ...alone.headers, ...gateway } },
      { ...alone, bearer: ana.access },
      { ...alone, bearer: holder.token },
    ]) {
      expect(codeOf(await read(asking))).toBe('UNAUTHENTICATED');
      expect(codeOf(await app.graphql('{ me { id } }', {}, asking))).toBe('UNAUTHENTICATED');
      // Nor is it the gateway, which may ask about anybody.
      if (!('bearer' in asking))
        expect(codeOf(await app.graphql(VERIFY, { t: ana.access }, asking))).toBe('UNAUTHENTICATED');
    }
  });

  it('is nobody with a bad bearer, whatever good service token stands beside it', async () => {
    for (const bearer of [madeUp(), 'x', `${holder.token}0`])
      expect(codeOf(await read(through(holder, bearer)))).toBe('UNAUTHENTICATED');
  });

  it('is nobody where a header comes twice', async () => {
    const twice = async (...headers: string[]) =>
      (await postRaw(app.url, `{ user(id: "${ana.id}") { email } }`, headers)).body;
    expect(await twice(`x-service-token: ${holder.token}`)).toContain(ana.email);
    for (const headers of [
      [`x-service-token: ${holder.token}`, `x-service-token: ${holder.token}`],
      [`Authorization: Bearer ${holder.token}`, `Authorization: Bearer ${holder.token}`],
      [`Authorization: Basic ${Buffer.from(`${holder.name}:${holder.token}`).toString('base64')}`],
    ])
      expect(await twice(...headers)).toContain('UNAUTHENTICATED');
  });

  it('is the service and not the gateway, where the gateway passes a service on', async () => {
    const other = await holderOf(desk);
    const asking = { headers: { ...gateway, 'x-service-token': other.token } };
    expect(codeOf(await app.graphql(VERIFY, { t: ana.access, s: holder.serviceId }, asking))).toBe(
      'FORBIDDEN',
    );
    const alone = await app.graphql(VERIFY, { t: ana.access, s: holder.serviceId }, { headers: gateway });
    expect(alone.data['verifyToken']).toMatchObject({ reason: 'NO_SERVICE_ACCESS' });
  });

  it('is not a matter of headers that only name somebody', async () => {
    const headers = {
      'x-service-id': holder.serviceId,
      'x-service-name': holder.name,
      'x-internal-service': holder.name,
      'x-user-id': ana.id,
      'x-user-role': 'OWNER',
      'x-service-scopes': 'users:read',
      'x-service': holder.token,
      cookie: `x-service-token=${holder.token}`,
    };
    expect(codeOf(await read({ headers }))).toBe('UNAUTHENTICATED');
    const plain = await holderOf(desk);
    expect(codeOf(await read({ headers, bearer: plain.token }))).toBe('NOT_FOUND');
    expect(codeOf(await app.graphql('{ me { id } }', {}, { headers, bearer: plain.token }))).toBe(
      'FORBIDDEN',
    );
  });

  it('is never a service by an access token, nor a user by a service token', async () => {
    expect(codeOf(await read({ headers: { 'x-service-token': owner.access } }))).toBe('UNAUTHENTICATED');
    expect(codeOf(await whoAmI(app, holder.token))).toBe('FORBIDDEN');
    const { data } = await app.graphql(VERIFY, { t: holder.token });
    expect(data['verifyToken']).toEqual({ valid: false, reason: 'MALFORMED' });
    expect(
      (await app.graphql('mutation ($t: String!) { revoke(token: $t) }', { t: holder.token })).data,
    ).toEqual({
      revoke: true,
    });
    expect((await verifyService(app, holder.name, holder.token)).valid).toBe(true);
  });
});

it('a service with every scope there is can call no mutation but revoke', async () => {
  const strong = await holderOf(desk, ['users:read', 'tokens:introspect', 'tokens:revoke']);
  const { data } = await app.graphql(getIntrospectionQuery());
  const schema = buildClientSchema(data as unknown as IntrospectionQuery);
  const fields = Object.values(schema.getMutationType()?.getFields() ?? {});
  expect(fields.length).toBeGreaterThan(25);
  const allowed: string[] = [];
  for (const { name, args, type } of fields) {
    const variables = Object.fromEntries(args.map((arg) => [arg.name, sample(arg.type)]));
    const declared = args.map((arg) => `$${arg.name}: ${String(arg.type)}`).join(', ');
    const given = args.map((arg) => `${arg.name}: $${arg.name}`).join(', ');
    const shape = /^(\[|Boolean|Int|String|JSON)/.test(String(type)) ? '' : '{ __typename }';
    const head = args.length > 0 ? `mutation (${declared}) { ${name}(${given})` : `mutation { ${name}`;
    const answer = await app.graphql(`${head} ${shape} }`, variables, as(strong));
    if (codeOf(answer) === undefined) allowed.push(name);
    else expect([name, codeOf(answer)]).toEqual([name, 'FORBIDDEN']);
  }
  expect(allowed).toEqual(['revoke']);
});

/** Some value that GraphQL takes for this type. */
function sample(type: GraphQLInputType): unknown {
  if (isNonNullType(type)) return sample(type.ofType);
  if (isListType(type)) return [];
  if (isEnumType(type)) return type.getValues()[0]?.name;
  if (isInputObjectType(type))
    return Object.fromEntries(
      Object.values(type.getFields())
        .filter(isRequiredInputField)
        .map((field) => [field.name, sample(field.type)]),
    );
  const known: Record<string, unknown> = {
    ID: UNKNOWN,
    Int: 1,
    Boolean: true,
    EmailAddress: 'x@example.test',
    Date: '1990-01-31',
    DateTime: '2030-01-01T00:00:00Z',
    CountryCode: 'PT',
    JSON: {},
  };
  return known[type.name] ?? 'x';
}

describe('in production', () => {
  it('a good service token opens the door in place of the gateway’s secret', async () => {
    for (const asking of [as(holder), through(holder)]) {
      const { status, data } = await production.graphql('{ __typename _service { sdl } }', {}, asking);
      expect([status, data['__typename']]).toEqual([200, 'Query']);
      expect((await read(asking, production)).data['user']).toEqual({ email: ana.email });
    }
  });

  it('and lets a user in whom the service passes on', async () => {
    const { access } = await enter(app, ana);
    expect((await production.graphql('{ me { id } }', {}, { bearer: access })).status).toBe(401);
    const { data } = await production.graphql('{ me { id } }', {}, through(holder, access));
    expect(data['me']).toEqual({ id: ana.id });
  });

  it('no other token does, and the refusal is the same for all', async () => {
    const ended = await holderOf(desk);
    await desk.revoke(ended.tokenId);
    for (const token of [
      madeUp(),
      madeUp(holder.token.split('_')[1]),
      ended.token,
      `${holder.token}0`,
      'ags_',
      '',
    ])
      for (const asking of [
        { bearer: token },
        { headers: { 'x-service-token': token } },
        { headers: { 'x-service-token': token }, bearer: ana.access },
        { headers: { 'x-service-token': token }, bearer: holder.token },
      ]) {
        const answer = await production.graphql('{ _service { sdl } }', {}, asking);
        expect([answer.status, answer.errors[0]?.message]).toEqual([
          401,
          'Direct access to internal service is not allowed',
        ]);
      }
  });

  it('the gateway’s secret does not make up for a bad one', async () => {
    const asking = { headers: { ...gateway, 'x-service-token': madeUp() } };
    for (const bearer of [undefined, ana.access]) {
      const answer = await production.graphql('{ me { id } }', {}, { ...asking, ...(bearer && { bearer }) });
      expect([answer.status, codeOf(answer)]).toEqual([200, 'UNAUTHENTICATED']);
    }
  });

  it('the door shuts at once behind a service that is disabled', async () => {
    const other = await holderOf(desk);
    const knock = async () => (await production.graphql('{ __typename }', {}, as(other))).status;
    expect(await knock()).toBe(200);
    await desk.setStatus(other.serviceId, 'DISABLED');
    const deadline = performance.now() + 1500;
    while ((await knock()) !== 401) expect(performance.now()).toBeLessThan(deadline);
  });
});

it('a service that knocks from one address is counted by itself, not with its neighbours', async () => {
  const scarce = await app.replica({ NODE_ENV: 'production', LIMITS_SCALE: '0.005' });
  const other = await holderOf(desk);
  const revoke = (asking: Asking) => scarce.graphql('mutation { revoke(token: "x") }', {}, asking);
  for (let i = 0; i < 5; i++) expect(codeOf(await revoke(as(holder)))).toBeUndefined();
  for (const asking of [as(holder), through(holder), through(holder, ana.access)])
    expect(codeOf(await revoke(asking))).toBe('RATE_LIMITED');
  expect(codeOf(await revoke(as(other)))).toBeUndefined();
});

it('with PostgreSQL out of reach, known tokens are judged from memory and unknown ones not at all', async () => {
  const wire = await layWire(app.databaseUrl);
  const cutOff = await app.replica({ DATABASE_URL: wire.url, NODE_ENV: 'production' });
  try {
    expect((await cutOff.graphql('{ __typename }', {}, as(holder))).status).toBe(200);
    wire.cut();
    expect((await cutOff.graphql('{ __typename }', {}, as(holder))).status).toBe(200);
    const answer = await cutOff.graphql('{ __typename }', {}, { bearer: madeUp() });
    expect([answer.status, codeOf(answer)]).toEqual([503, 'SERVICE_UNAVAILABLE']);
    const beside = await cutOff.graphql(
      '{ me { id } }',
      {},
      { headers: { ...gateway, 'x-service-token': madeUp() } },
    );
    expect(codeOf(beside)).toBe('SERVICE_UNAVAILABLE');
  } finally {
    wire.mend();
    await cutOff.close();
    await wire.close();
  }
});

it('no token is ever seen in what the service prints or records', async () => {
  const { env, drop } = await testEnvironment({ LOG_LEVEL: 'trace' });
  const program = await startProgram(env);
  const door = {
    ...app,
    url: program.url,
    databaseUrl: env.DATABASE_URL,
    graphql: (query: string, variables?: Record<string, unknown>, asking?: Asking) =>
      ask(program.url, query, variables, asking),
  };
  try {
    const theirs = tokensDesk(door, await ownerOf(door));
    const one = await holderOf(theirs, ['users:read']);
    const next = issuedIn(await theirs.rotate(one.tokenId));
    for (const asking of [as(one), through(one), through(one, 'x'), through({ token: madeUp() }), as(next)]) {
      await door.graphql('{ users { totalCount } }', {}, asking);
      await door.graphql('{ me { id } }', {}, asking);
    }
    await verifyService(door, one.name, next.token);
    await verifyService(door, randomUUID(), next.token);
    await door.graphql('query ($t: String!) { verifyServiceToken(serviceName: 1, token: $t) { valid } }', {
      t: one.token,
    });
    await theirs.revoke(one.tokenId);
    const records = JSON.stringify(await sql(door, 'select * from audit_events'));
    for (const { token } of [one, next]) {
      const [, , secret = token] = token.split('_');
      expect(program.output().includes(secret)).toBe(false);
      expect(records.includes(secret)).toBe(false);
    }
    expect(program.output()).toContain('answered');
  } finally {
    program.signal('SIGKILL');
    await program.ended;
    await drop();
  }
});
