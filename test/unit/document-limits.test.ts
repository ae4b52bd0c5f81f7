import { performance } from 'node:perf_hooks';
import {
  buildSchema,
  getIntrospectionQuery,
  NoFragmentCyclesRule,
  parse,
  specifiedRules,
  validate,
  type GraphQLError,
} from 'graphql';
import { decisive, DOCUMENT_LIMITS, documentLimits } from '../../src/permissions/document-limits.js';

const schema = buildSchema(`
  directive @tint(depth: Int) repeatable on FIELD | QUERY | FRAGMENT_SPREAD | INLINE_FRAGMENT | FRAGMENT_DEFINITION | VARIABLE_DEFINITION
  scalar _Any
  union _Entity = User | Session
  type Query {
    me: User
    users(first: Int = 20, after: String, last: Int): UserConnection!
    _entities(representations: [_Any!]!): [_Entity]!
    _service: _Service!
  }
  type Mutation {
    signIn(login: String, password: String): User
    resetPassword(token: String): Boolean
    refresh(refreshToken: String): User
  }
  type _Service { sdl: String }
  type UserConnection { nodes: [User!]!, totalCount: Int! }
  type SessionConnection { nodes: [Session!]! }
  type User { id: ID!, name: String, email: String, friend: User, friends: [User!], sessions(first: Int = 20): SessionConnection }
  type Session { id: ID!, device: String, user: User }
`);

const rule = documentLimits({
  ...DOCUMENT_LIMITS,
  credentialMutations: new Set(['signIn', 'resetPassword']),
});

function refusals(document: string): readonly GraphQLError[] {
  return validate(schema, parse(document), [rule]);
}
function messages(document: string): string[] {
  return refusals(document).map(({ message }) => message);
}
const nested = (levels: number): string =>
  `${'{ friend '.repeat(levels - 1)}{ id }${' }'.repeat(levels - 1)}`;
const times = (count: number, text: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ');

describe('what clients really send is allowed', () => {
  test.each([
    ['an account by itself', '{ me { id name email } }'],
    [
      'a page of any size',
      'query ($n: Int) { users(first: $n) { nodes { id name email a: id b: id c: id d: id e: id } } }',
    ],
    [
      'a page of accounts with their sessions',
      '{ users(first: 100) { totalCount nodes { id sessions { nodes { id device } } } } }',
    ],
    [
      'entities asked for by a gateway',
      'query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { id name } ... on Session { id } } }',
    ],
    ['the schema asked for by a gateway', '{ _service { sdl } }'],
    ['a list with a short page in each', '{ me { friends { sessions(first: 20) { nodes { id } } } } }'],
    ['a page with a list in each', '{ users(first: 100) { nodes { friends { id friends { id name } } } } }'],
    [
      'pages of entities, as many as their gateway has counted',
      'query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { sessions(first: 100) { nodes { id device } } } } }',
    ],
    ['twelve levels', `{ me ${nested(11)} }`],
    ['thirty aliases', `{ me { ${times(30, (i) => `a${i}: id`)} } }`],
    ['one sign-in', 'mutation { signIn(login: "a", password: "b") { id } }'],
    [
      'a page too large, which the list refuses with a better message',
      '{ users(first: 1000000) { nodes { id } } }',
    ],
  ])('%s', (_, document) => {
    expect(messages(document)).toEqual([]);
  });

  test('the introspection query of Apollo Sandbox, with every option', () => {
    const document = getIntrospectionQuery({
      descriptions: true,
      specifiedByUrl: true,
      directiveIsRepeatable: true,
      schemaDescription: true,
      inputValueDeprecation: true,
      oneOf: true,
    });
    expect(messages(document)).toEqual([]);
  });
});

describe('a document that asks for too much is refused, and told which limit it met', () => {
  test.each([
    ['fifty levels', `{ me ${nested(50)} }`, 'at most 12 levels'],
    ['thirteen levels', `{ me ${nested(12)} }`, 'at most 12 levels'],
    ['500 aliases', `{ me { ${times(500, (i) => `a${i}: id`)} } }`, 'at most 30'],
    ['5,000 repeated fields', `{ me { ${times(5_000, () => 'id')} } }`, 'at most 1000 fields'],
    ['1,000 directives', `{ me { id ${times(1_000, () => '@tint')} } }`, 'at most 50'],
    [
      'directives on everything that carries them',
      `query ($a: Int ${times(10, () => '@tint')}) ${times(10, () => '@tint')} { ... ${times(10, () => '@tint')} { ...F ${times(10, () => '@tint')} } } fragment F on Query ${times(11, () => '@tint')} { me { id } }`,
      'at most 50',
    ],
    ['21 root fields', `{ ${times(21, () => '__typename')} }`, 'at most 20'],
    [
      '21 root fields in fragments',
      `{ ...F ... { ...F } __typename } fragment F on Query { ${times(10, () => '__typename')} }`,
      'at most 20',
    ],
    [
      'pages in pages',
      '{ users(first: 100) { nodes { sessions(first: 100) { nodes { id } } } } }',
      'at most 10000',
    ],
    [
      'pages in pages, by variables',
      'query ($n: Int) { users(first: $n) { nodes { sessions(first: $n) { nodes { id } } } } }',
      'at most 10000',
    ],
    [
      'three pages in one another, by default',
      '{ users { nodes { sessions { nodes { user { sessions { nodes { id } } } } } } } }',
      'at most 10000',
    ],
    [
      'pages and lists by turns',
      '{ users(first: 10) { nodes { friends { sessions(first: 10) { nodes { id } } } } } }',
      'at most 10000',
    ],
    [
      'a list of lists of pages, in fragments',
      '{ me { friends { ...f } } } fragment f on User { friends { sessions(first: 1) { nodes { id } } } }',
      'at most 10000',
    ],
    [
      'a page whose size is null',
      '{ users(last: null) { nodes { sessions(first: 100) { nodes { id } } } } }',
      'at most 10000',
    ],
    [
      '100 inline fragments, each 100 deep',
      `{ me { ${times(100, () => `${'... { '.repeat(100)}id${' }'.repeat(100)}`)} } }`,
      'at most 1000 fields and fragments',
    ],
    [
      '6,000 fields of the schema',
      `{ __schema { types { ${times(6_000, () => 'name')} } } }`,
      'at most 5000',
    ],
  ])('%s', (_, document, limit) => {
    const [first] = refusals(document);
    expect(first?.message).toContain(limit);
    expect(first?.extensions).toEqual({ code: 'GRAPHQL_VALIDATION_FAILED' });
  });

  test('every operation of a document is measured, not only the first', () => {
    expect(messages(`query A { me { id } } query B { me ${nested(50)} }`)).toHaveLength(1);
  });
});

describe('one operation guesses at most one credential', () => {
  test.each([
    [
      '100 aliased sign-ins',
      `mutation { ${times(100, (i) => `a${i}: signIn(login: "a", password: "${i}") { id }`)} }`,
    ],
    ['two sign-ins', 'mutation { a: signIn { id } b: signIn { id } }'],
    [
      'two sign-ins split over fragments',
      'mutation { ...A ...B } fragment A on Mutation { a: signIn { id } } fragment B on Mutation { ... { b: signIn { id } } }',
    ],
    ['a sign-in and a reset', 'mutation { signIn { id } resetPassword(token: "x") }'],
  ])('%s are refused', (_, document) => {
    expect(messages(document)).toContainEqual(
      'The operation checks too many credentials: at most 1 such mutation is allowed.',
    );
  });

  test('two refreshes are no guesses at a credential', () => {
    expect(messages('mutation { a: refresh { id } b: refresh { id } }')).toEqual([]);
  });

  test('a document may hold several operations of one sign-in each, since only one is executed', () => {
    expect(messages('mutation A { signIn { id } } mutation B { signIn { id } }')).toEqual([]);
  });
});

describe('fragments cannot make the measuring itself expensive', () => {
  const fanOut = (doublings: number): string =>
    `{ me { ...F0 } } ${times(doublings, (i) => `fragment F${i} on User { ...F${i + 1} ...F${i + 1} }`)} fragment F${doublings} on User { id }`;

  test('a million fields written as twenty fragments are refused in under 10 ms', () => {
    const document = parse(fanOut(20));
    validate(schema, document, [rule]);
    const started = performance.now();
    const errors = validate(schema, document, [rule]);
    expect(performance.now() - started).toBeLessThan(10);
    expect(errors[0]?.message).toContain('at most 10000');
  });

  test('more fields than a number can count are refused too', () => {
    expect(messages(fanOut(1_100))).not.toEqual([]);
  });

  test('fragments that spread one another in a circle end, and are refused as circles', () => {
    const document = parse(
      '{ me { ...A } } fragment A on User { id ...B } fragment B on User { friend { ...A } }',
    );
    expect(validate(schema, document, [rule])).toEqual([]);
    expect(validate(schema, document, [NoFragmentCyclesRule, rule])).toHaveLength(1);
  });

  test('a document that knows neither its types nor its fragments is left to the other rules', () => {
    const document = parse('{ nothing { ...Missing ... on Nobody { x } } }');
    expect(validate(schema, document, [rule])).toEqual([]);
    expect(validate(schema, document, [...specifiedRules, rule])).not.toEqual([]);
  });
});

describe('a document that would keep the other rules busy', () => {
  const same = (count: number) => `{ me { ${times(count, () => 'id')} } }`;

  it('is refused by the limits before those rules have looked at it', () => {
    const errors = validate(schema, parse(`${same(240)} fragment Broken on Nowhere { id }`), [
      decisive(rule),
      ...specifiedRules,
    ]);
    expect(new Set(errors.map(({ message }) => message))).toEqual(
      new Set([
        'The operation repeats itself too often: at most 50 fields may stand beside their like.',
        'Too many validation errors, error limit reached. Validation aborted.',
      ]),
    );
  });

  it('cannot hide its repetitions in inline fragments', () => {
    expect(messages(`{ me { ${times(60, () => '... on User { id }')} } }`)).toEqual([
      'The operation repeats itself too often: at most 50 fields may stand beside their like.',
    ]);
  });

  it('may ask for a field a few times, as clients do that put fragments together', () => {
    expect(messages(same(50))).toEqual([]);
  });
});
