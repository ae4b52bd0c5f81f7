import { connect } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf, faultsOf } from '../harness/calls.js';
import { join, ownerOf, type Person } from '../harness/people.js';
import { sql } from '../harness/sql.js';
import { sendRaw } from './raw.js';

let app: TestApp;
let owner: Person;
beforeAll(async () => {
  app = await startApp();
  owner = await ownerOf(app);
});
afterAll(() => app.close());

const many = (count: number, make: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => make(i)).join(' ');
const send = (
  body: NonNullable<RequestInit['body']>,
  headers: Record<string, string> = {},
  method = 'POST',
) =>
  fetch(`${app.url}/graphql`, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    body,
    // Node's fetch asks for this when a body is a stream.
    ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
  });
const HELLO = '{"query":"{ __typename }"}';

describe('a document made to be expensive', () => {
  const spread = (depth: number) =>
    `{ ...f0 } ${many(depth, (i) => `fragment f${i} on Query { ...f${i + 1} ...f${i + 1} }`)} fragment f${depth} on Query { __typename }`;
  const nested = (depth: number) =>
    '{ me ' + '{ sessions { nodes '.repeat(depth) + '{ id }' + '} }'.repeat(depth) + '}';

  it.each<[string, string, string]>([
    ['5,000 fields', `{ ${many(5000, () => '__typename')} }`, 'GRAPHQL_PARSE_FAILED'],
    ['a thousand aliases', `{ ${many(1000, (i) => `a${i}: __typename`)} }`, 'GRAPHQL_PARSE_FAILED'],
    [
      'a thousand directives',
      `{ __typename ${many(1000, () => '@skip(if: false)')} }`,
      'GRAPHQL_PARSE_FAILED',
    ],
    [
      'forty inline fragments in each of forty',
      `{ ${many(40, () => `... { ${many(40, () => '... { __typename }')} }`)} }`,
      'GRAPHQL_PARSE_FAILED',
    ],
    ['a string of 90,000 characters for a name', `{ ${'x'.repeat(90_000)} }`, 'GRAPHQL_VALIDATION_FAILED'],
    ['90,000 commas', `{ __typename ${','.repeat(90_000)} x }`, 'GRAPHQL_VALIDATION_FAILED'],
    ['31 aliases', `{ ${many(31, (i) => `a${i}: __typename`)} }`, 'GRAPHQL_VALIDATION_FAILED'],
    ['51 directives', `{ __typename ${many(51, () => '@skip(if: false)')} }`, 'GRAPHQL_VALIDATION_FAILED'],
    ['21 root fields', `{ ${many(21, () => '__typename')} }`, 'GRAPHQL_VALIDATION_FAILED'],
    ['50 levels', nested(25), 'GRAPHQL_VALIDATION_FAILED'],
    [
      'a hundred pages of a hundred in each of a hundred',
      '{ users(first: 100) { nodes { sessions(first: 100) { nodes { id } } } } }',
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'large pages by way of variables',
      'query ($n: Int) { users(first: $n) { nodes { sessions(first: $n) { nodes { id } } } } }',
      'GRAPHQL_VALIDATION_FAILED',
    ],
    ['fragments that double one another thirty times', spread(30), 'GRAPHQL_VALIDATION_FAILED'],
    [
      'fragments in a circle',
      '{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }',
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'a query for the schema inside itself',
      `{ __schema ${'{ types { fields { type '.repeat(10)} { name } ${'} } }'.repeat(10)} }`,
      'GRAPHQL_VALIDATION_FAILED',
    ],
    ['a subscription', 'subscription { users { id } }', 'GRAPHQL_VALIDATION_FAILED'],
    ['an answer in pieces', '{ ... @defer { __typename } }', 'GRAPHQL_VALIDATION_FAILED'],
    [
      'three operations and no name',
      'query a { __typename } query b { __typename } query c { __typename }',
      'OPERATION_RESOLUTION_FAILURE',
    ],
  ])('is refused before anything is executed: %s', async (_name, query, code) => {
    const { status, errors, data } = await app.graphql(query);
    expect([status, errors[0]?.extensions.code, data]).toEqual([200, code, {}]);
    // Ten reasons are enough for anybody.
    expect(errors.length).toBeLessThanOrEqual(110);
  });

  it('costs moments, whatever it is like: a hundred of them', async () => {
    const startedAt = performance.now();
    for (let i = 0; i < 25; i++)
      await Promise.all([
        app.graphql(`{ a${i} ${spread(30)}`),
        app.graphql(`{ ${many(5000, (n) => `a${i}x${n}: __typename`)} }`),
        app.graphql(`{ ${many(300, () => `...f${i}`)} } fragment f${i} on Query { __typename }`),
        app.graphql(`query q${i} ${nested(40)}`),
        app.graphql(`query q${i} { ${many(20, () => 'me { id sessions { nodes { id } } }')} }`),
      ]);
    // 8 ms each here; the bound only tells that nothing explodes.
    expect(performance.now() - startedAt).toBeLessThan(8000);
  });

  it('with a hundred sign-ins checks none of them', async () => {
    const attempt = (i: number) =>
      `g${i}: signIn(input: { login: "owner", password: "guess-${i}" }) { __typename }`;
    for (const query of [`mutation { ${many(2, attempt)} }`, `mutation { ${many(50, attempt)} }`])
      expect(codeOf(await app.graphql(query))).toMatch(/^GRAPHQL_(PARSE|VALIDATION)_FAILED$/);
    const viaFragment =
      'mutation { ...a ...b } fragment a on Mutation { a: signIn(input: {login: "owner", password: "1"}) { __typename } } fragment b on Mutation { b: signIn(input: {login: "owner", password: "2"}) { __typename } }';
    expect(codeOf(await app.graphql(viaFragment))).toBe('GRAPHQL_VALIDATION_FAILED');
    expect(await sql(app, "select * from audit_events where type = 'sign_in.failed'")).toEqual([]);
  });
});

describe('a list made to be long', () => {
  const bearer = () => ({ bearer: owner.access });
  const names = (count: number) => Array.from({ length: count }, (_, i) => String(i));

  it('of ten thousand permissions is refused', async () => {
    const query = 'query ($r: [String!]) { verifyToken(token: "x", requires: $r) { valid } }';
    const answer = await app.graphql(query, { r: names(10_000) });
    expect([codeOf(answer), faultsOf(answer)]).toEqual(['BAD_USER_INPUT', ['requires']]);
  });

  it('of ten thousand roles is refused', async () => {
    const query = 'mutation ($u: ID!, $r: [ID!]!) { setUserRoles(userId: $u, roleIds: $r) { id } }';
    const answer = await app.graphql(query, { u: owner.id, r: names(10_000) }, bearer());
    expect(codeOf(answer)).toMatch(/^(BAD_USER_INPUT|NOT_FOUND)$/);
  });

  it('of ten thousand permissions for a role is refused', async () => {
    const query = 'mutation ($i: CreateRoleInput!) { createRole(input: $i) { id } }';
    const input = { name: 'ALL', rank: 5, permissions: names(10_000) };
    const answer = await app.graphql(query, { i: input }, bearer());
    expect([codeOf(answer), faultsOf(answer)]).toEqual(['BAD_USER_INPUT', ['permissions']]);
  });

  it('of more than a thousand entities is refused', async () => {
    const query = 'query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }';
    const keys = (count: number) => ({
      r: Array.from({ length: count }, () => ({ __typename: 'User', id: '1' })),
    });
    expect((await app.graphql(query, keys(1000))).data['_entities']).toHaveLength(1000);
    const answer = await app.graphql(query, keys(1001));
    expect([codeOf(answer), faultsOf(answer)]).toEqual(['BAD_USER_INPUT', ['representations']]);
  });

  it.each([
    ['a million', 'first: 1000000', 'first'],
    ['one too many', 'first: 101', 'first'],
    ['less than none', 'first: -1', 'first'],
    ['a million from the end', 'last: 1000000', 'last'],
    ['after a letter', 'first: 10, after: "x"', 'after'],
    ['after somebody by number', 'first: 10, after: "eyJpZCI6MX0="', 'after'],
    ['after 50,000 letters', `first: 10, after: "${'A'.repeat(50_000)}"`, 'after'],
    ['after a piece of SQL', 'first: 10, after: "\' or 1=1 --"', 'after'],
  ])('of accounts is a page of at most a hundred, not %s', async (_name, given, fault) => {
    const answer = await app.graphql(`{ users(${given}) { nodes { id } } }`, {}, bearer());
    expect([codeOf(answer), faultsOf(answer)]).toEqual(['BAD_USER_INPUT', [fault]]);
  });
});

describe('variables made to be deep', () => {
  const deep = (levels: number, leaf = '1') => '['.repeat(levels) + leaf + ']'.repeat(levels);
  const objects = (levels: number) => '{"a":'.repeat(levels) + '1' + '}'.repeat(levels);
  const post = async (query: string, value: string) => {
    const answer = await send(`{"query":${JSON.stringify(query)},"variables":{"v":${value}}}`);
    return { status: answer.status, text: await answer.text() };
  };

  it.each<[string, string, string]>([
    ['an id', 'query ($v: ID!) { user(id: $v) { id } }', deep(40_000)],
    [
      'a list of texts',
      'query ($v: [String!]) { verifyToken(token: "x", requires: $v) { valid } }',
      deep(40_000),
    ],
    ['a filter', 'query ($v: UserFilter) { users(filter: $v) { totalCount } }', objects(15_000)],
    ['a sign-in', 'mutation ($v: SignInInput!) { signIn(input: $v) { __typename } }', objects(15_000)],
  ])('as %s are BAD_USER_INPUT', async (_name, query, value) => {
    const { status, text } = await post(query, value);
    expect([status, JSON.parse(text).errors[0].extensions.code]).toEqual([200, 'BAD_USER_INPUT']);
    expect(text.length).toBeLessThan(1000);
  });

  it.each<[string, string]>([
    ['the body', deep(50_000)],
    ['the query', `{"query":${deep(50_000)}}`],
    ['the name of the operation', `{"query":"{ __typename }","operationName":${deep(50_000)}}`],
    ['the variables', `{"query":"{ __typename }","variables":${deep(50_000)}}`],
    ['the extensions', `{"query":"{ __typename }","extensions":${deep(50_000)}}`],
  ])('%s as a deep list is a bad request', async (_name, body) => {
    expect((await send(body)).status).toBe(400);
  });

  it('as keys of entities are BAD_USER_INPUT', async () => {
    const query = 'query ($v: [_Any!]!) { _entities(representations: $v) { __typename } }';
    for (const value of [
      `[{"__typename":"User","id":${deep(30_000)}}]`,
      `[${objects(10_000)}]`,
      deep(30_000),
    ]) {
      const { status, text } = await post(query, value);
      expect(status).toBe(200);
      expect(JSON.parse(text).errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    }
  });

  it('under names that mean something to JavaScript are only names', async () => {
    const answer = await send(
      '{"query":"query ($v: ID!) { user(id: $v) { id } }","variables":{"__proto__":{"v":"1"},"constructor":{"prototype":{"admin":true}}}}',
    );
    expect(await answer.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });
});

describe('a body', () => {
  const padded = (bytes: number) => HELLO.slice(0, -1) + ' '.repeat(bytes - HELLO.length) + '}';

  it('of 100 KiB is read, and not one byte more', async () => {
    expect((await send(padded(102_400))).status).toBe(200);
    expect((await send(padded(102_401))).status).toBe(413);
  });

  it.each([30, 1000])(
    'that does not say how long it is, is cut off there too (%i pieces)',
    async (pieces) => {
      const stream = new ReadableStream({
        start(controller) {
          for (let i = 0; i < pieces; i++) controller.enqueue(new TextEncoder().encode(' '.repeat(5000)));
          controller.close();
        },
      });
      expect((await send(stream)).status).toBe(413);
    },
  );

  it('of many megabytes is refused where its sender hears it, each time', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => send(padded(6_000_000))));
    expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(413));
  });

  it('that says it will be 8 GB is refused before it comes', async () => {
    const { status } = await sendRaw(app.url, [
      'POST /graphql HTTP/1.1',
      'Content-Type: application/json',
      'Content-Length: 8589934592',
    ]);
    expect(status).toBe(413);
  });

  it('that breaks off leaves the service well', async () => {
    await new Promise<void>((resolve) => {
      const { hostname, port } = new URL(app.url);
      const socket = connect(Number(port), hostname, () =>
        socket.write(
          'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"que',
          () => socket.destroy(),
        ),
      );
      socket.once('close', () => resolve());
    });
    expect((await send(HELLO)).status).toBe(200);
  });

  it.each<[string, (text: string) => Buffer]>([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['gzip, gzip', (text) => gzipSync(gzipSync(text))],
    ['x-unknown', (text) => Buffer.from(text)],
  ])('compressed by %s is not taken, however small it looks', async (encoding, compress) => {
    const bomb = compress(padded(5_000_000));
    const answer = await send(new Uint8Array(bomb), { 'content-encoding': encoding });
    expect([answer.status, await answer.json()]).toMatchObject([
      415,
      { errors: [{ extensions: { code: 'BAD_REQUEST' } }] },
    ]);
  });

  it.each(['application/json', 'application/json;charset=UTF-8', 'APPLICATION/JSON; charset="utf-8"'])(
    'of type %s is taken',
    async (type) => expect((await send(HELLO, { 'content-type': type })).status).toBe(200),
  );

  it.each([
    '',
    'text/plain',
    'text/plain; application/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/graphql',
    'application/jsonx',
    'application/json; charset=utf-16',
    'application/json; charset=iso-8859-1',
    'application/json; charset=utf-7',
    'application/json, text/plain',
    'text/html',
  ])(
    'of type "%s", which a page of anybody’s could make a browser send or nobody can read, is not taken',
    async (type) => {
      const answer = await send(HELLO, { 'content-type': type });
      expect([answer.status, await answer.text()]).toEqual([415, expect.not.stringContaining('Query')]);
    },
  );

  it('from an HTML form changes nothing', async () => {
    const form = new URLSearchParams({ query: 'mutation { signOut(everywhere: true) }' });
    const answer = await fetch(`${app.url}/graphql`, {
      method: 'POST',
      body: form,
      headers: { authorization: `Bearer ${owner.access}` },
    });
    expect(answer.status).toBe(415);
    expect((await app.graphql('{ me { id } }', {}, { bearer: owner.access })).data['me']).toEqual({
      id: owner.id,
    });
  });

  it.each([
    ['nothing', ''],
    ['half of JSON', '{"query":'],
    ['a byte order mark', `\ufeff${HELLO}`],
    ['null', 'null'],
    ['a number', '1'],
    ['a text', '"{ __typename }"'],
    ['an empty object', '{}'],
    ['an empty query', '{"query":""}'],
    ['a query that is a number', '{"query":1}'],
    ['a query that is 0', '{"query":0}'],
    ['a query that is false', '{"query":false}'],
    ['a query that is a list', '{"query":["{ __typename }"]}'],
    ['variables as text', '{"query":"{ __typename }","variables":"{}"}'],
    ['variables as a list', '{"query":"{ __typename }","variables":[]}'],
    ['fifty operations in a list', `[${Array.from({ length: 50 }, () => HELLO).join(',')}]`],
    ['one operation in a list', `[${HELLO}]`],
    ['an empty list', '[]'],
  ])('of %s is a bad request', async (_name, body) => {
    const answer = await send(body);
    expect([answer.status, await answer.json()]).toMatchObject([
      400,
      { errors: [{ extensions: { code: 'BAD_REQUEST' } }] },
    ]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });
});

describe('the address of the graph', () => {
  it.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY'])(
    'takes nothing by %s',
    async (method) => {
      const { status, headers, body } = await sendRaw(app.url, [
        `${method} /graphql?query=mutation%7BsignOut%7D HTTP/1.1`,
        'apollo-require-preflight: 1',
      ]);
      expect(method === 'QUERY' ? [400, 405] : [405]).toContain(status);
      if (status === 405) expect(headers['allow']).toContain('POST');
      expect(body).not.toContain('data');
    },
  );

  it('does not let a header say that a GET is a POST, nor a POST something else', async () => {
    const override = { 'x-http-method-override': 'GET', 'x-http-method': 'DELETE' };
    expect((await send(HELLO, override)).status).toBe(200);
    const got = await fetch(`${app.url}/graphql?query=%7B__typename%7D`, {
      headers: { 'x-http-method-override': 'POST' },
    });
    expect(got.status).toBe(405);
  });

  it('takes no operation from the query string', async () => {
    const answer = await fetch(`${app.url}/graphql?query=%7B__typename%7D`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(answer.status).toBe(400);
  });

  it.each([
    'constructor',
    '/__proto__',
    '/constructor',
    '/toString',
    '/graphql/../graphql',
    '/.env',
    '/..%2f..%2fetc/passwd',
    '*',
    '/graphql%00',
  ])('has nothing beside it: %s', async (path) => {
    const { status } = await sendRaw(app.url, [`GET ${path} HTTP/1.1`]);
    expect([400, 404]).toContain(status);
  });

  it('answers what cannot be an operation of ours as the caller’s mistake, not as ours', async () => {
    const hash = {
      version: 1,
      sha256Hash: 'ecf4edb46db40b5132295c0291d62fb65d6759a9eedfa4d5d612dd5ec54a6b38',
    };
    for (const body of [
      { extensions: { persistedQuery: hash } },
      { query: '{ __typename }', extensions: { persistedQuery: hash } },
    ]) {
      const answer = await send(JSON.stringify(body));
      expect(await answer.json()).toMatchObject({
        errors: [{ extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' } }],
      });
    }
  });

  it.each([
    ['application/json', 200],
    ['*/*', 200],
    ['application/graphql-response+json', 200],
    ['image/png', 406],
  ])('answers a client that reads %s with %i', async (accept, status) => {
    const answer = await send(HELLO, { accept });
    expect(answer.status).toBe(status);
    await answer.text();
  });

  it('lets nobody keep an answer', async () => {
    for (const body of [HELLO, '{"query":"{ nope }"}', '{"query":"{ me { id } }"}'])
      expect((await send(body)).headers.get('cache-control')).toBe('no-store');
    const { headers } = await send(HELLO);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('server')).toBeNull();
  });
});

describe('the name of a request', () => {
  const nameOf = async (headers: string[]) =>
    (await sendRaw(app.url, ['GET /health/live HTTP/1.1', ...headers])).headers['x-request-id'];
  const OURS = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

  it('is the caller’s where it is sound', async () => {
    for (const name of ['a', '0190-abc_DEF.1:2', 'x'.repeat(64)])
      expect(await nameOf([`x-request-id: ${name}`])).toBe(name);
  });

  it.each([
    ['it is missing', []],
    ['it is empty', ['x-request-id:']],
    ['it is long', [`x-request-id: ${'x'.repeat(65)}`]],
    ['it holds a blank', ['x-request-id: a b']],
    ['it holds markup', ['x-request-id: <script>']],
    ['it holds quotes', ['x-request-id: a","level":"fatal']],
    ['it holds a line feed in disguise', ['x-request-id: a%0d%0aset-cookie:b']],
    ['it holds bytes beyond ASCII', ['x-request-id: \x9b31m']],
    ['it comes twice', ['x-request-id: a', 'x-request-id: b']],
  ])('is ours where %s', async (_name, headers) => {
    expect(await nameOf(headers)).toMatch(OURS);
  });

  it.each(['x-request-id: a\rset-cookie: b', 'x-request-id: a\x1b[31m', 'x-request-id: a\0'])(
    'cannot smuggle control characters in: %j',
    async (header) => {
      const { status, headers } = await sendRaw(app.url, ['GET /health/live HTTP/1.1', header]);
      expect([status, headers['set-cookie']]).toEqual([400, undefined]);
    },
  );

  it('stands in the record of what the request did', async () => {
    const ana = await join(app);
    await app.graphql(
      'mutation { signOut }',
      {},
      { bearer: ana.access, headers: { 'x-request-id': 'leaving-1' } },
    );
    const rows = await sql(app, "select type from audit_events where request_id = 'leaving-1'");
    expect(rows).toEqual([{ type: 'session.ended' }]);
  });
});
