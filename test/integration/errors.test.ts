import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { catalogue } from '../../src/errors.js';
import { DOCUMENT_LIMITS } from '../../src/permissions/document-limits.js';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf, faultsOf, signIn, signUp, whoAmI } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { join, newcomer, ownerOf, verify, type Person } from '../harness/people.js';

const DOCUMENT = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');

describe('docs/errors.md', () => {
  const [ours = '', aboutTheDocument = ''] = DOCUMENT.split('## About the document');
  const codesIn = (text: string) => [...text.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code!);

  it('explains every code of the catalogue, once, and no other', () => {
    expect(codesIn(ours).sort()).toEqual(Object.keys(catalogue).sort());
  });

  it('says for each what the client should do', () => {
    const rows = [...ours.matchAll(/^\| `[A-Z_]+` \| (.*) \| (.*) \|$/gm)];
    expect(rows).toHaveLength(Object.keys(catalogue).length);
    for (const [, when, what] of rows) expect(Math.min(when!.length, what!.length)).toBeGreaterThan(8);
  });

  it('quotes the texts that the contract fixes as they are', () => {
    for (const text of [catalogue.INVALID_CREDENTIALS, catalogue.ACCOUNT_DELETED])
      expect(ours).toContain(`"${text}`);
  });

  it('gives the limits that the service has', () => {
    const { depth, aliases, directives, rootFields, repeats, selections, cost } = DOCUMENT_LIMITS;
    const many = (number: number) => number.toLocaleString('en');
    const told = `${depth} levels, ${aliases} aliases, ${directives} directives, ${rootFields} root fields, ${repeats} fields beside their like, ${many(selections)} selections, a cost of ${many(cost)}`;
    expect(aboutTheDocument).toContain(told);
  });
});

describe('an error that the caller caused', () => {
  let app: TestApp;
  let owner: Person;
  beforeAll(async () => {
    app = await startApp();
    owner = await ownerOf(app);
  });
  afterAll(() => app.close());

  const SIGN_UP = 'mutation ($input: SignUpInput!) { signUp(input: $input) { __typename } }';

  it.each<[string, Record<string, unknown>, string[]]>([
    ['a truth for an id', { roleIds: [true] }, ['roleIds.0']],
    ['an object for an id', { userId: {} }, ['userId']],
    ['a null for what must be', { userId: null }, ['userId']],
    ['several at once', { userId: [], roleIds: [{}, null] }, ['userId', 'roleIds.0', 'roleIds.1']],
  ])('in a variable of a wrong type names it: %s', async (_name, wrong, names) => {
    const answer = await app.graphql(
      'mutation ($userId: ID!, $roleIds: [ID!]!) { setUserRoles(userId: $userId, roleIds: $roleIds) { id } }',
      { userId: owner.id, roleIds: [], ...wrong },
      { bearer: owner.access },
    );
    expect([answer.status, codeOf(answer), faultsOf(answer)]).toEqual([200, 'BAD_USER_INPUT', names]);
  });

  it.each<[string, Record<string, unknown>, string[]]>([
    ['query ($x: Int) { users(first: $x) { totalCount } }', { x: 'a' }, ['first']],
    ['query ($zz: EmailAddress) { users(filter: { email: $zz }) { totalCount } }', { zz: 5 }, ['email']],
    [
      'query ($r: [TokenVerificationRequest!]!) { verifyTokens(requests: $r) { valid } }',
      { r: [{}] },
      ['requests.0.token'],
    ],
    [
      'query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }',
      { r: [null] },
      ['representations.0'],
    ],
    [
      'query ($f: UserFilter) { users(filter: $f) { ...Page } } fragment Page on UserConnection { totalCount }',
      { f: { status: 1 } },
      ['status'],
    ],
    ['query ($i: ID!) { ...One } fragment One on Query { user(id: $i) { id } }', {}, ['id']],
  ])(
    'is named as the schema names it, whatever the variable is called: %s',
    async (query, variables, names) => {
      const answer = await app.graphql(query, variables, { bearer: owner.access });
      expect([codeOf(answer), faultsOf(answer)]).toEqual(['BAD_USER_INPUT', names]);
    },
  );

  it('inside an input names the path, and repeats nothing of what was sent', async () => {
    const sent = {
      ...newcomer(),
      password: { secret: 'hunter2-hunter2' },
      email: 'no-address',
      country: 'Atlantis',
      birthDate: 'yesterday',
      role: 'OWNER',
    };
    const answer = await app.graphql(SIGN_UP, { input: sent });
    expect(codeOf(answer)).toBe('BAD_USER_INPUT');
    expect(faultsOf(answer).sort()).toEqual(['birthDate', 'country', 'email', 'password', 'role']);
    expect(answer.body).not.toMatch(/hunter2|no-address|Atlantis|yesterday|OWNER/);
    for (const { message } of answer.errors[0]!.extensions.fields!)
      expect(message).toMatch(/^(Must|Is) .*\.$/);
  });

  it('is said field by field where several are wrong', async () => {
    const answer = await signUp(app, {
      ...newcomer(),
      username: ' ',
      firstName: '',
      phone: 'x',
      lastName: null,
    });
    expect([codeOf(answer), faultsOf(answer).sort()]).toEqual([
      'BAD_USER_INPUT',
      ['firstName', 'lastName', 'phone', 'username'],
    ]);
  });

  it('carries its code and what belongs to it, and nothing else', async () => {
    const answers = [
      await app.graphql('{ me { id } }'),
      await signIn(app, 'nobody', 'wrong password'),
      await signUp(app, newcomer({ email: owner.email })),
      await signUp(app, newcomer({ password: 'password' })),
      await app.graphql('{ user(id: "x") { id } }', {}, { bearer: owner.access }),
    ];
    const told = answers.map(({ errors }) => Object.keys(errors[0]!.extensions).sort().join());
    expect(told).toEqual(['code', 'code', 'code,fields', 'code,fields', 'code']);
    expect(answers.map(codeOf)).toEqual([
      'UNAUTHENTICATED',
      'INVALID_CREDENTIALS',
      'CONFLICT',
      'WEAK_PASSWORD',
      'NOT_FOUND',
    ]);
    for (const { status, body } of answers)
      expect([status, /stacktrace|exception/.test(body)]).toEqual([200, false]);
  });

  it('has the status that GraphQL over HTTP gives it for clients that know the difference', async () => {
    const headers = { accept: 'application/graphql-response+json' };
    const statusOf = async (query: string) => (await app.graphql(query, {}, { headers })).status;
    expect(await statusOf('{ nope }')).toBe(400);
    expect(await statusOf('{')).toBe(400);
    expect(await statusOf('query ($id: ID!) { user(id: $id) { id } }')).toBe(400);
    expect(await statusOf('{ me { id } }')).toBe(200);
  });

  it('is made anew for each request: the path is that of the request', async () => {
    const [first, second] = await Promise.all([
      app.graphql('{ a: me { id } }'),
      app.graphql('{ b: me { id } }'),
    ]);
    expect([first.errors[0]?.path, second.errors[0]?.path]).toEqual([['a'], ['b']]);
  });
});

describe('an error that nobody foresaw', () => {
  let app: TestApp;
  let ana: Person;
  let look: Look;
  beforeAll(async () => {
    app = await startApp();
    ana = await join(app);
    look = await lookInto(app.databaseUrl);
    await look('alter table users rename to lost');
  });
  afterAll(async () => {
    await look.close();
    await app.close();
  });

  it('leaves as an id and nothing else', async () => {
    const { status, errors, headers, data } = await whoAmI(app, ana.access);
    expect([status, data]).toEqual([200, { me: null }]);
    expect(errors).toEqual([
      {
        message: 'Something went wrong on our side.',
        locations: [{ line: 1, column: 3 }],
        path: ['me'],
        extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: headers.get('x-request-id') },
      },
    ]);
  });

  it('leaves no more of itself in sign-in, sign-up, lists or entities', async () => {
    const answers = [
      await signIn(app, ana.username, ana.password),
      await signUp(app, newcomer()),
      await app.graphql(
        '{ _entities(representations: [{ __typename: "User", id: "01900000-0000-7000-8000-000000000000" }]) { __typename } }',
      ),
    ];
    for (const answer of answers) {
      expect([answer.status, codeOf(answer)]).toEqual([200, 'INTERNAL_SERVER_ERROR']);
      expect(answer.body).not.toMatch(/users|relation|select|42P01|postgres|\.js|password/i);
    }
  });

  it('in one place leaves the rest of the answer whole', async () => {
    const { data, errors } = await app.graphql(
      'query ($token: String!) { verifyToken(token: $token) { valid user { id } } __typename }',
      { token: ana.access },
    );
    expect(data).toEqual({ verifyToken: { valid: true, user: null }, __typename: 'Query' });
    expect(errors).toMatchObject([
      { path: ['verifyToken', 'user'], extensions: { code: 'INTERNAL_SERVER_ERROR' } },
    ]);
  });

  it('does not touch what needs no table: tokens are verified from memory', async () => {
    expect(await verify(app, ana.access)).toEqual({ valid: true, reason: null });
  });

  it('is over when its cause is', async () => {
    await look('alter table lost rename to users');
    expect((await whoAmI(app, ana.access)).data['me']).toEqual({ id: ana.id });
  });
});
