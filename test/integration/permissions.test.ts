import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  getNamedType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
} from 'graphql';
import { platform } from '../../src/domain/presets/platform.js';
import { table, type Row } from '../../src/permissions/table.js';
import { buildSchema } from '../../src/schema/index.js';
import { startApp, type Asking, type TestApp } from '../harness/app.js';
import { enter, join, joinAs, ownerOf, type Person } from '../harness/people.js';

const UNKNOWN = '01890000-0000-7000-8000-000000000000';
const SECRET = 'the-gateway-Proves-itself-with-4711';
const gateway: Asking = { headers: { 'x-gateway-secret': SECRET } };
const rows: Record<string, Record<string, Row>> = table;
const schema = buildSchema();

/** A rule that asks for a permission names it, alone or beside others that it lets through. */
const permissionIn = (rule: string) => /[a-z]+:[a-z]+/.exec(rule)?.[0] ?? '';
const EVERYTHING = Object.values(rows).flatMap((fields) =>
  Object.values(fields).map(({ rule }) => permissionIn(rule.name)),
);

/** What each built-in role may do. */
const HOLDS: Record<string, string[]> = {
  ...Object.fromEntries(platform.roles.map(({ name, permissions }) => [name, permissions])),
  OWNER: EVERYTHING,
};

/** One operation for a root field, with arguments that exist nowhere and so can do no harm. */
function operationOn(kind: string, { name, args, type }: GraphQLField<unknown, unknown>) {
  const needed = args.filter((arg) => isNonNullType(arg.type));
  const declared = needed.map((arg) => `$${arg.name}: ${String(arg.type)}`).join(', ');
  const passed = needed.map((arg) => `${arg.name}: $${arg.name}`).join(', ');
  const selection = isLeafType(getNamedType(type)) ? '' : ' { __typename }';
  const call = `${name}${passed && `(${passed})`}${selection}`;
  return {
    name,
    query: `${kind.toLowerCase()}${declared && `(${declared})`} { ${call} }`,
    variables: Object.fromEntries(needed.map((arg) => [arg.name, harmless(arg.type)])),
  };
}

function harmless(type: GraphQLInputType): unknown {
  if (isNonNullType(type)) return harmless(type.ofType);
  if (isListType(type)) return String(type) === '[_Any!]' ? [{ __typename: 'User', id: UNKNOWN }] : [];
  if (isInputObjectType(type)) {
    const needed = Object.values(type.getFields()).filter((field) => isNonNullType(field.type));
    return Object.fromEntries(needed.map((field) => [field.name, harmless(field.type)]));
  }
  return (
    { ID: UNKNOWN, EmailAddress: 'nobody@example.test', Int: 1, Boolean: false, Date: '2026-01-31' }[
      String(type)
    ] ?? 'x'
  );
}

/** signOut last: it ends the session that all the others ask with. */
const operations = ['Query', 'Mutation']
  .flatMap((kind) =>
    Object.values((schema.getType(kind) as GraphQLObjectType).getFields()).map((field) => ({
      kind,
      ...operationOn(kind, field),
    })),
  )
  .sort((a, b) => Number(a.name === 'signOut') - Number(b.name === 'signOut'));

let app: TestApp;
let owner: Person;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100', GATEWAY_SECRETS: SECRET });
  owner = await ownerOf(app);
});
afterAll(() => app.close());

/** What every root field answers to one caller: a code, or "allowed" where it was not the caller that was wrong. */
async function walk(asking: Asking): Promise<Record<string, string>> {
  const REFUSED = [
    'UNAUTHENTICATED',
    'FORBIDDEN',
    'ACCOUNT_DELETED',
    'ACCOUNT_SUSPENDED',
    'INTERNAL_SERVER_ERROR',
  ];
  const outcomes: Record<string, string> = {};
  for (const { kind, name, query, variables } of operations) {
    const { errors } = await app.graphql(query, variables, asking);
    const code = errors[0]?.extensions.code ?? 'allowed';
    outcomes[`${kind}.${name}`] = REFUSED.includes(code) ? code : 'allowed';
  }
  return outcomes;
}

/** The same, worked out from the names of the table's rules. */
function expected(judge: (rule: string) => string): Record<string, string> {
  return Object.fromEntries(
    operations.map(({ kind, name }) => [`${kind}.${name}`, judge(rows[kind]?.[name]?.rule.name ?? 'none')]),
  );
}

const OPEN = ['anyone', 'anyone but a service', 'known', 'known, or holder'];
const OF_ACCOUNTS = ['signed in', 'account or service'];

const heldBy = (role: string) => (rule: string) =>
  [...OPEN, ...OF_ACCOUNTS].includes(rule) || HOLDS[role]?.includes(permissionIn(rule))
    ? 'allowed'
    : 'FORBIDDEN';
const onlyOpen = (code: string) => (rule: string) =>
  rule === 'anyone' || rule === 'anyone but a service' ? 'allowed' : code;

describe('every root field, as the table says', () => {
  it('refuses a caller without proof at the door of a production, whatever it asks', async () => {
    const production = await startApp({ NODE_ENV: 'production', GATEWAY_SECRETS: SECRET, HOST: '127.0.0.1' });
    const person = await enter(
      { graphql: (query, variables) => production.graphql(query, variables, gateway) },
      owner,
    );
    for (const secret of [undefined, '', `${SECRET}x`, 'x'])
      for (const { query, variables } of operations) {
        const headers = secret === undefined ? {} : { 'x-gateway-secret': secret };
        const { status, errors } = await production.graphql(query, variables, {
          bearer: person.access,
          headers,
        });
        expect([status, errors]).toEqual([
          401,
          [
            {
              message: 'Direct access to internal service is not allowed',
              extensions: { code: 'UNAUTHENTICATED' },
            },
          ],
        ]);
      }
    await production.close();
  });

  it('lets the gateway alone in to verify tokens and follow references, and no further', async () => {
    const judge = (rule: string) =>
      OPEN.includes(rule) || rule.startsWith('gateway') ? 'allowed' : 'UNAUTHENTICATED';
    expect(await walk(gateway)).toEqual(expected(judge));
  });

  it.each([['not-a-token'], ['a.b.c'], ['']])(
    'takes the bearer "%s" for nobody, not for the gateway that passed it on',
    async (bearer) => {
      const asking = { headers: { ...gateway.headers, authorization: `Bearer ${bearer}` } };
      expect(await walk(asking)).toEqual(expected(onlyOpen('UNAUTHENTICATED')));
    },
  );

  it.each(['USER', 'STAFF', 'HIGHER_STAFF'])('opens to %s what it holds', async (role) => {
    const person = await joinAs(app, owner, role);
    expect(await walk({ bearer: person.access })).toEqual(expected(heldBy(role)));
  });

  it('opens everything to OWNER', async () => {
    // Another one: some of it ends the other sessions of whoever asks.
    const { access } = await joinAs(app, owner, 'OWNER');
    expect(await walk({ bearer: access })).toEqual(expected(() => 'allowed'));
  });

  it.each([
    ['suspendUser', 'ACCOUNT_SUSPENDED'],
    ['deleteUser', 'ACCOUNT_DELETED'],
  ])('after %s, tells the old token %s', async (mutation, code) => {
    const person = await joinAs(app, owner, 'STAFF');
    await app.graphql(
      `mutation ($id: ID!) { ${mutation}(id: $id) { id } }`,
      { id: person.id },
      { bearer: owner.access },
    );
    expect(await walk({ bearer: person.access })).toEqual(expected(onlyOpen(code)));
  });
});

describe('every field of an account, as the table says', () => {
  const user = schema.getType('User') as GraphQLObjectType;
  const fields = Object.values(user.getFields());
  const selection = fields.map(
    ({ name, type }) => `${name}${isLeafType(getNamedType(type)) ? '' : ' { __typename }'}`,
  );
  const query = `query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { ${selection.join(' ')} } } }`;

  /** The fields of Ana that are refused, with nothing else lost. */
  async function refusedOf(ana: Person, asking: Asking): Promise<string[]> {
    const { data, errors } = await app.graphql(query, { r: [{ __typename: 'User', id: ana.id }] }, asking);
    expect(new Set(errors.map((error) => error.extensions.code))).toEqual(
      new Set(errors.length > 0 ? ['FORBIDDEN'] : []),
    );
    expect(data['_entities'][0]).toMatchObject({ id: ana.id, username: ana.username, firstName: 'Ana' });
    const refused = errors.map((error) => String(error.path?.at(-1)));
    for (const field of refused) expect(data['_entities'][0][field]).toBeNull();
    return refused.sort();
  }

  const guardedFor = (held: string[]) =>
    fields
      .map(({ name }) => ({ name, rule: rows['User']?.[name]?.rule.name ?? '' }))
      .filter(({ rule }) => rule !== 'anyone' && !held.some((permission) => rule === `self, ${permission}`))
      .map(({ name }) => name)
      .sort();

  it('is open to the account itself, and closed to others but for its name', async () => {
    const [ana, bo] = [await join(app), await join(app)];
    expect(await refusedOf(ana, { bearer: ana.access })).toEqual([]);
    expect(await refusedOf(ana, { bearer: bo.access })).toEqual(guardedFor([]));
    expect(guardedFor([]).length).toBeGreaterThan(10);
  });

  it('is closed to the gateway alone but for its name', async () => {
    const ana = await join(app);
    expect(await refusedOf(ana, gateway)).toEqual(guardedFor([]));
  });

  it.each(['STAFF', 'HIGHER_STAFF', 'OWNER'])(
    'is open to %s as far as it holds permissions',
    async (role) => {
      const ana = await join(app);
      const staff = await joinAs(app, owner, role);
      expect(await refusedOf(ana, { bearer: staff.access })).toEqual(guardedFor(HOLDS[role] ?? []));
    },
  );

  it('shows sessions to who may manage them, and the rest to who may read users', async () => {
    const ana = await join(app);
    const clerk = await join(app);
    for (const permission of ['users:read', 'sessions:manage']) {
      const created = await app.graphql(
        'mutation ($i: CreateRoleInput!) { createRole(input: $i) { id } }',
        { i: { name: permission.replace(':', '-'), rank: 5, permissions: [permission] } },
        { bearer: owner.access },
      );
      await app.graphql(
        'mutation ($u: ID!, $r: [ID!]!) { setUserRoles(userId: $u, roleIds: $r) { id } }',
        { u: clerk.id, r: [created.data['createRole'].id] },
        { bearer: owner.access },
      );
      expect(await refusedOf(ana, { bearer: clerk.access })).toEqual(guardedFor([permission]));
    }
  });
});
