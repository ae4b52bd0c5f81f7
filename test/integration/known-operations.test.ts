import { request as send } from 'node:http';
import { ApolloServer } from '@apollo/server';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../harness/app.js';
import { revoke } from '../harness/calls.js';
import { join, ownerOf, roleId, type Person } from '../harness/people.js';
import { logSink } from '../harness/secrets.js';
import { sql } from '../harness/sql.js';
import { until } from '../harness/until.js';

/** What a client sees of an answer, and what the log says of it. */
interface Seen {
  /** Whether Apollo Server was asked. */
  wasLong: boolean;
  text: string;
}

let app: TestApp;
let owner: Person;
let long = 0;
const lines: string[] = [];
const { write } = logSink;
// eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with the server that it was called on
const execute = ApolloServer.prototype.executeHTTPGraphQLRequest;

beforeAll(async () => {
  logSink.write = (line) => {
    lines.push(line);
    write(line);
  };
  ApolloServer.prototype.executeHTTPGraphQLRequest = function (...asked) {
    long++;
    return execute.apply(this, asked);
  };
  app = await startApp({ NODE_ENV: 'test' });
  owner = await ownerOf(app);
});
afterAll(async () => {
  await app.close();
  logSink.write = write;
  ApolloServer.prototype.executeHTTPGraphQLRequest = execute;
});

let count = 0;

/** Posts a body as it is. */
async function post(body: string, headers: Record<string, string> = {}, to = app): Promise<Seen> {
  const id = `known-${++count}-`;
  const before = long;
  const answer = await new Promise<string>((resolve, reject) => {
    const sent = { 'content-type': 'application/json', 'x-request-id': id, ...headers };
    const request = send(`${to.url}/graphql`, { method: 'POST', headers: sent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const { statusCode, rawHeaders } = response;
        resolve(`${statusCode} ${rawHeaders.join('\n')}\n\n${Buffer.concat(chunks).toString()}`);
      });
    });
    request.on('error', reject).end(body);
  });
  const own = () => lines.filter((line) => line.includes(id));
  await until('it is logged as answered', () => own().some((line) => line.includes('"msg":"answered"')));
  const times = /"(time|ms)":[\d.]+|\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT/g;
  const text = `${answer}\n${own().join('')}`.replaceAll(id, '').replaceAll(times, '');
  return { wasLong: long > before, text };
}

/** What the same request is answered again and again; the last of them by whichever way is taken once a text is known. */
async function again(body: unknown, headers: Record<string, string> = {}): Promise<Seen[]> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const seen: Seen[] = [];
  for (let time = 0; time < 4; time++) seen.push(await post(text, headers));
  return seen;
}

const bearer = () => ({ authorization: `Bearer ${owner.access}` });
const VERIFY =
  'query ($token: String!) { verifyToken(token: $token) { valid reason subject { id roles } expiresAt } }';
const MANY =
  'query ($r: [TokenVerificationRequest!]!) { verifyTokens(requests: $r) { valid reason subject { id roles permissions } } }';
const NOWHERE = '00000000-0000-7000-8000-000000000000';
type Row = [name: string, body: () => unknown, headers?: () => Record<string, string>];

const named = (rows: Row[]) => rows.map(([name, body, headers]) => ({ name, body, headers }));

/** Requests that come to a known operation. */
const known: Row[] = [
  ['a good question', () => ({ query: VERIFY, variables: { token: owner.access } })],
  ['a token that is none', () => ({ query: VERIFY, variables: { token: 'none' } })],
  ['no variables at all', () => ({ query: '{ __typename me { id } }' }), bearer],
  [
    'variables that are null',
    () => ({ query: '{ me { id username } }', variables: null, operationName: null }),
    bearer,
  ],
  [
    'variables that nobody asked for',
    () => ({ query: '{ me { id } }', variables: { more: { than: ['enough'] } } }),
    bearer,
  ],
  ['very many of them', () => ({ query: '{ me { id } }', variables: { more: 'x'.repeat(90_000) } }), bearer],
  ['nobody, where somebody must ask', () => ({ query: 'query Whose { me { id email } }' })],
  [
    'a bearer that is not believed',
    () => ({ query: 'query Who { me { id } }' }),
    () => ({ authorization: 'Bearer none' }),
  ],
  [
    'somebody who may not',
    () => ({ query: 'query ($id: ID!) { user(id: $id) { id email } }', variables: { id: NOWHERE } }),
  ],
  [
    'what the domain refuses',
    () => ({ query: 'query ($n: Int) { users(first: $n) { totalCount } }', variables: { n: 101 } }),
    bearer,
  ],
  [
    'what is not there',
    () => ({ query: 'query ($id: ID!) { role(id: $id) { id } }', variables: { id: NOWHERE } }),
    bearer,
  ],
  [
    'a null where none may be',
    () => ({
      query: 'query ($id: ID!) { __typename service(id: $id) { id } roles { totalCount } }',
      variables: { id: NOWHERE },
    }),
    bearer,
  ],
  [
    'a variable with a default that is null',
    () => ({
      query: 'query ($t: String! = "") { verifyToken(token: $t) { valid } }'.replace(' = ""', ''),
      variables: { t: '' },
    }),
  ],
  [
    'aliases and fragments',
    () => ({
      query:
        'query ($t: String!) { a: verifyToken(token: $t) { ...V } b: verifyToken(token: $t, tokenOnly: true) { ... on TokenVerification { ...V valid } } } fragment V on TokenVerification { valid scopes subject { type } }',
      variables: { t: owner.access },
    }),
  ],
  [
    'directives, yes',
    () => ({
      query: 'query ($y: Boolean!) { me { id @include(if: $y) username @skip(if: $y) } }',
      variables: { y: true },
    }),
    bearer,
  ],
  [
    'directives, no',
    () => ({
      query: 'query ($y: Boolean!) { me { id @include(if: $y) username @skip(if: $y) } }',
      variables: { y: false },
    }),
    bearer,
  ],
  [
    'the first of two operations',
    () => ({ query: 'query A { me { id } } query B { me { username } }', operationName: 'A' }),
    bearer,
  ],
  [
    'the second of two operations',
    () => ({ query: 'query A { me { id } } query B { me { username } }', operationName: 'B' }),
    bearer,
  ],
  [
    'a hundred questions',
    () => ({
      query: 'query ($r: [TokenVerificationRequest!]!) { verifyTokens(requests: $r) { valid reason } }',
      variables: {
        r: Array.from({ length: 100 }, (_, at) => ({ token: at % 2 ? owner.access : `none ${at}` })),
      },
    }),
  ],
  [
    'many questions about few tokens, of every kind',
    () => ({
      query:
        'query ($r: [TokenVerificationRequest!]!, $t: String!) { verifyTokens(requests: $r) { __typename ok: valid reason sessionId issuer scopes expiresAt service { status } subject { ...S } } again: verifyTokens(requests: $r) { valid } one: verifyToken(token: $t) { subject { id } } } fragment S on Subject { id type username email role roles permissions externalId }',
      variables: {
        t: owner.access,
        r: [
          { token: owner.access },
          { token: owner.access, requires: ['users:read'] },
          { token: owner.access, requires: ['no:such'] },
          { token: 'none' },
          { token: `${owner.access.slice(0, -50)}${'x'.repeat(7)}${owner.access.slice(-43)}` },
          { token: owner.access, serviceId: NOWHERE },
          { token: owner.access, tokenOnly: true, serviceId: null },
          { token: owner.access },
        ],
      },
    }),
  ],
  [
    'one question that is no list, and short answers',
    () => ({
      query:
        'query ($r: [TokenVerificationRequest!]!) { verifyTokens(requests: $r) { subject { roles } valid } }',
      variables: { r: { token: owner.access } },
    }),
  ],
  ['no questions', () => ({ query: MANY, variables: { r: [] } })],
  [
    'questions whose accounts are looked up',
    () => ({
      query:
        'query ($r: [TokenVerificationRequest!]!) { verifyTokens(requests: $r) { valid user { id username } } }',
      variables: { r: [{ token: owner.access }, { token: 'none' }, { token: owner.access }] },
    }),
  ],
  [
    'variables inside of what is written out',
    () => ({
      query:
        'query ($t: String!, $s: ID) { verifyTokens(requests: [{ token: $t }, { token: $t, serviceId: $s }]) { valid reason subject { id } } }',
      variables: { t: owner.access, s: NOWHERE },
    }),
  ],
  [
    'directives among many questions',
    () => ({
      query:
        'query ($r: [TokenVerificationRequest!]!, $y: Boolean!) { verifyTokens(requests: $r) { valid @skip(if: $y) reason } }',
      variables: { r: [{ token: owner.access }, { token: 'none' }], y: true },
    }),
  ],
  [
    'many questions beside something that is refused',
    () => ({
      query:
        'query ($r: [TokenVerificationRequest!]!) { users { totalCount } verifyTokens(requests: $r) { valid } }',
      variables: { r: [{ token: owner.access }] },
    }),
  ],
  [
    'one question too many',
    () => ({
      query: 'query ($r: [TokenVerificationRequest!]!) { verifyTokens(requests: $r) { valid reason } }',
      variables: { r: Array.from({ length: 101 }, () => ({ token: '' })) },
    }),
  ],
  [
    'an enum and an input object',
    () => ({
      query: 'query ($o: UserOrder, $f: UserFilter) { users(orderBy: $o, filter: $f) { nodes { id } } }'
        .replace('($o: UserOrder, ', '(')
        .replace('orderBy: $o, ', ''),
      variables: { f: { status: 'ACTIVE' } },
    }),
    bearer,
  ],
  [
    'references of other subgraphs',
    () => ({
      query: 'query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { id username } } }',
      variables: {
        r: [
          { __typename: 'User', id: owner.id },
          { __typename: 'User', id: NOWHERE },
        ],
      },
    }),
    bearer,
  ],
  [
    'references that are none',
    () => ({
      query: 'query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }',
      variables: { r: [{ id: 1 }] },
    }),
    bearer,
  ],
  ['the schema for gateways', () => ({ query: '{ _service { sdl } }' })],
  [
    'introspection, in development',
    () => ({
      query: '{ __schema { queryType { name } } __type(name: $n) { kind } }'.replace(
        ' __type(name: $n) { kind }',
        '',
      ),
    }),
  ],
  [
    'a mutation',
    () => ({
      query:
        'mutation ($i: UpdateMeInput!) { updateMe(input: $i) { id firstName } again: updateMe(input: $i) { id } }',
      variables: { i: { firstName: 'Olga' } },
    }),
    bearer,
  ],
  [
    'a mutation that is refused',
    () => ({
      query: 'mutation ($t: String!) { refresh(refreshToken: $t) { accessToken } }',
      variables: { t: 'none' },
    }),
  ],
  [
    'a mutation without effect',
    () => ({ query: 'mutation ($t: String!) { revoke(token: $t) }', variables: { t: 'none' } }),
  ],
  [
    'GraphQL’s own type of answer',
    () => ({ query: '{ me { id } }' }),
    () => ({ ...bearer(), accept: 'application/graphql-response+json' }),
  ],
  [
    'GraphQL’s own type of answer, with an error',
    () => ({ query: '{ me { id } }' }),
    () => ({ accept: 'application/graphql-response+json, application/json;q=0.9' }),
  ],
  ['whatever type there is', () => ({ query: '{ me { id } }' }), () => ({ ...bearer(), accept: '*/*' })],
  [
    'a gateway that could read answers in parts',
    () => ({ query: '{ me { id } }' }),
    () => ({ ...bearer(), accept: 'multipart/mixed;deferSpec=20220824, application/json' }),
  ],
];

/** Requests that Apollo Server looks at each time. */
const unknown: Row[] = [
  ['a string in the document', () => ({ query: `{ verifyToken(token: "none") { valid } }` })],
  ['a variable of a wrong type', () => ({ query: VERIFY, variables: { token: 7 } })],
  ['a variable that is missing', () => ({ query: VERIFY, variables: {} })],
  ['a variable that must not be null', () => ({ query: VERIFY, variables: { token: null } })],
  [
    'an input object with faults',
    () => ({
      query:
        'mutation ($i: UpdateMeInput!) { updateMe(input: $i) { id firstName } again: updateMe(input: $i) { id } }',
      variables: { i: { firstName: 7, more: 1 } },
    }),
    bearer,
  ],
  [
    'more faults than are told',
    () => ({
      query: 'query ($r: [TokenVerificationRequest!]!) { verifyTokens(requests: $r) { valid reason } }',
      variables: { r: Array.from({ length: 60 }, () => ({})) },
    }),
  ],
  [
    'an operation that is not in the document',
    () => ({ query: 'query A { me { id } } query B { me { username } }', operationName: 'C' }),
    bearer,
  ],
  ['no word which of two', () => ({ query: 'query A { me { id } } query B { me { username } }' }), bearer],
  ['extensions', () => ({ query: '{ me { id } }', extensions: { more: 1 } }), bearer],
  [
    'a persisted query',
    () => ({ query: '{ me { id } }', extensions: { persistedQuery: { version: 1, sha256Hash: 'x' } } }),
  ],
  ['variables in a list', () => ({ query: '{ me { id } }', variables: [] }), bearer],
  ['variables in a string', () => ({ query: '{ me { id } }', variables: '{}' }), bearer],
  ['a name that is a number', () => ({ query: '{ me { id } }', operationName: 1 }), bearer],
  ['an empty name', () => ({ query: '{ me { id } }', operationName: '' }), bearer],
  ['a document that is none', () => ({ query: '{ me { ' })],
  ['a field that is none', () => ({ query: '{ you { id } }' })],
  [
    'too deep a document',
    () => ({ query: `{ me ${'{ roles { permissions '.repeat(9)}{ name }${' } }'.repeat(9)} }` }),
  ],
  ['a subscription', () => ({ query: 'subscription { me { id } }' })],
  ['an answer in parts', () => ({ query: '{ me { id ... @defer { username } } }' }), bearer],
  ['a batch', () => [{ query: '{ me { id } }' }]],
  ['a body that is text', () => '"{ me { id } }"'],
  ['an empty object', () => ({})],
  [
    'a type of answer that there is not',
    () => ({ query: '{ me { id } }' }),
    () => ({ ...bearer(), accept: 'text/plain' }),
  ],
];

describe('a request that comes again', () => {
  it.each(named(known))(
    'with $name is answered past Apollo Server, and to the byte as by it',
    async ({ body, headers }) => {
      const [first, ...rest] = await again(body(), headers?.());
      expect(rest.at(-1)?.wasLong).toBe(false);
      for (const { text } of rest) expect(text).toBe(first?.text);
      expect(first?.text).toMatch(/"msg":"answered"/);
    },
  );

  it.each(named(unknown))('with $name is answered by Apollo Server as before', async ({ body, headers }) => {
    const [first, ...rest] = await again(body(), headers?.());
    expect(rest.map(({ wasLong }) => wasLong)).toEqual([true, true, true]);
    for (const { text } of rest) expect(text).toBe(first?.text);
  });

  it('is answered as things are by then, whatever was answered before', async () => {
    const [ana, bob] = [await join(app), await join(app)];
    const question = {
      query: MANY,
      variables: { r: [ana, bob, ana, owner].map(({ access }) => ({ token: access })) },
    };
    await again(question);
    const answers: string[] = [];
    const look = async () => {
      const short = await post(JSON.stringify(question));
      const asked = await post(JSON.stringify({ ...question, extensions: {} }));
      expect([short.wasLong, asked.wasLong]).toEqual([false, true]);
      expect(short.text).toBe(asked.text);
      answers.push(
        [...short.text.matchAll(/"reason":"?(\w+)|"roles":\["(\w+)/g)]
          .flatMap(([, ...found]) => found.filter((one) => one && one !== 'null'))
          .join(' '),
      );
    };
    await look();
    await app.graphql(
      'mutation ($u: ID!, $r: [ID!]!) { setUserRoles(userId: $u, roleIds: $r) { id } }',
      { u: bob.id, r: [await roleId(app, owner, 'STAFF')] },
      { bearer: owner.access },
    );
    await look();
    await revoke(app, ana.refresh);
    await look();
    await app.graphql(
      'mutation ($u: ID!) { suspendUser(id: $u, reason: "A reason.") { id } }',
      { u: bob.id },
      { bearer: owner.access },
    );
    await look();
    expect(answers).toEqual([
      'USER USER USER OWNER',
      'USER STAFF USER OWNER',
      'REVOKED STAFF REVOKED OWNER',
      'REVOKED SUBJECT_DISABLED REVOKED OWNER',
    ]);
  });

  it('while something is broken is answered and logged the same', async () => {
    const body = {
      query: 'query ($n: Int) { roles(first: $n) { nodes { name } } permissions { name } }',
      variables: { n: 2 },
    };
    await again(body, bearer());
    await sql(app, 'alter table permissions rename to lost');
    try {
      const short = await post(JSON.stringify(body), bearer());
      const apart = JSON.stringify({ ...body, extensions: {} });
      const asked = await post(apart, bearer());
      expect([short.wasLong, asked.wasLong]).toEqual([false, true]);
      expect(short.text).toContain('INTERNAL_SERVER_ERROR');
      expect(short.text).toContain('"msg":"unexpected error"');
      expect(withoutStacks(short.text)).toBe(withoutStacks(asked.text));
    } finally {
      await sql(app, 'alter table lost rename to permissions');
    }
  });

  it('draws on its limit each time', async () => {
    const strict = await app.replica({ LIMITS_SCALE: '0.0001' });
    const body = JSON.stringify({ query: 'query Mine { me { id } }' });
    const answers: string[] = [];
    const ways: boolean[] = [];
    for (let time = 0; time < 8; time++) {
      const { text, wasLong } = await post(body, bearer(), strict);
      answers.push(/"code":"(\w+)"/.exec(text)?.[1] ?? 'fine');
      ways.push(wasLong);
    }
    // Six a minute, however they are answered.
    expect(answers).toEqual(['fine', 'fine', 'fine', 'fine', 'fine', 'fine', 'RATE_LIMITED', 'RATE_LIMITED']);
    expect(ways).toEqual([true, true, false, false, false, false, false, false]);
  });
});

/** The frames of the way there differ, as the ways do. */
const withoutStacks = (text: string) => text.replaceAll(/"stack":"[^"]*"/g, '');
