import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { actingAs, MALFORMED, settle, UNKNOWN } from '../harness/administration.js';
import { startApp, type Answer, type Asking, type TestApp } from '../harness/app.js';
import { codeOf } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { enter, join, joinAs, ownerOf, roleId, type Person } from '../harness/people.js';
import { statementsOf } from '../harness/statements.js';

let app: TestApp;
let look: Look;
let owner: Person;
let house: ReturnType<typeof actingAs>;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
  house = actingAs(app, owner);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

const SHOWN = `__typename
  ... on User { id username firstName lastName }
  ... on Role { id name rank }
  ... on Session { id aal current }
  ... on Service { id name status }`;
/** What a gateway asks for keys that other subgraphs named. */
const entities = (representations: unknown, asking?: Asking, selection = SHOWN): Promise<Answer> =>
  app.graphql(
    `query ($r: [_Any!]!) { _entities(representations: $r) { ${selection} } }`,
    { r: representations },
    asking,
  );
const as = ({ access }: Person): Asking => ({ bearer: access });
const user = (id: unknown) => ({ __typename: 'User', id });
const tombstone = (id: string) => ({
  __typename: 'User',
  id,
  username: 'deleted',
  firstName: '',
  lastName: null,
});

async function settleService(name: string, columns: { deleted_at?: string } = {}): Promise<string> {
  const id = randomUUID();
  await look('insert into services (id, name, deleted_at) values ($1, $2, $3)', [
    id,
    name,
    columns.deleted_at ?? null,
  ]);
  return id;
}

describe('references from other subgraphs', () => {
  it('are answered in the order asked, kinds mixed, each as often as asked', async () => {
    const [ana, bo] = [await join(app), await join(app)];
    const staff = await roleId(app, owner, 'STAFF');
    const service = await settleService('clinic');
    const { data, errors } = await entities(
      [
        user(bo.id),
        { __typename: 'Role', id: staff },
        user(ana.id),
        { __typename: 'Service', name: 'clinic' },
        { __typename: 'Session', id: owner.sessionId },
        user(bo.id),
        { __typename: 'Service', id: service },
        { __typename: 'Service', name: 'clinic' },
        user(UNKNOWN),
      ],
      as(owner),
    );
    expect(errors).toEqual([]);
    const clinic = { __typename: 'Service', id: service, name: 'clinic', status: 'ACTIVE' };
    const named = ({ id, username }: Person) => ({
      __typename: 'User',
      id,
      username,
      firstName: 'Ana',
      lastName: 'Li',
    });
    expect(data['_entities']).toEqual([
      named(bo),
      { __typename: 'Role', id: staff, name: 'STAFF', rank: 20 },
      named(ana),
      clinic,
      { __typename: 'Session', id: owner.sessionId, aal: 1, current: true },
      named(bo),
      clinic,
      clinic,
      tombstone(UNKNOWN),
    ]);
  });

  it('to accounts that are deleted, unknown or malformed answer a tombstone, and to suspended ones their name', async () => {
    const [ana, bo] = [await join(app), await join(app)];
    await house.deleteUser(ana.id);
    await house.suspendUser(bo.id);
    const odd = MALFORMED.filter((id) => !id.includes('\u0000'));
    for (const asking of [{}, as(owner)]) {
      const { data, errors } = await entities([ana.id, bo.id, UNKNOWN, ...odd].map(user), asking);
      expect(errors).toEqual([]);
      expect(data['_entities']).toEqual([
        tombstone(ana.id),
        expect.objectContaining({ id: bo.id, username: bo.username }),
        ...[UNKNOWN, ...odd].map(tombstone),
      ]);
    }
    await house.restoreUser(ana.id);
    expect((await entities([user(ana.id)])).data['_entities'][0].username).toBe(ana.username);
  });

  it('tell nothing more of a tombstone, also to who may read everything, and break nothing beside it', async () => {
    const [gone, ana] = [await join(app), await join(app)];
    await house.deleteUser(gone.id);
    const odd = MALFORMED.filter((id) => !id.includes('\u0000'));
    const { data, errors } = await entities(
      [gone.id, ...odd, UNKNOWN, ana.id].map(user),
      as(owner),
      '... on User { id username email status roles { name } role { name } permissions sessions { totalCount nodes { id } } }',
    );
    expect(errors).toEqual([]);
    const nothing = {
      username: 'deleted',
      email: null,
      status: null,
      roles: null,
      role: null,
      permissions: null,
      sessions: null,
    };
    expect(data['_entities']).toEqual([
      ...[gone.id, ...odd, UNKNOWN].map((id) => ({ id, ...nothing })),
      expect.objectContaining({ username: ana.username, email: ana.email, roles: [{ name: 'USER' }] }),
    ]);
  });

  it('with a key that is none are refused one by one, and the others answered', async () => {
    const ana = await join(app);
    const wrong = [5, null, true, { $ne: '' }, [ana.id], 'x'.repeat(201), 'a\u0000b', undefined];
    const { data, errors } = await entities([...wrong.map(user), user(ana.id)]);
    expect(data['_entities']).toEqual([...wrong.map(() => null), expect.objectContaining({ id: ana.id })]);
    expect(
      errors.map(({ extensions, path }) => [path, extensions.code, extensions.fields?.[0]?.name]),
    ).toEqual(wrong.map((_, at) => [['_entities', at], 'BAD_USER_INPUT', 'representations.id']));
  });

  it.each([
    ['an unknown type', [{ __typename: 'NoSuchType', id: '1' }]],
    ['a type that is no entity', [{ __typename: 'AuthPayload', id: '1' }]],
    ['a type that is an input', [{ __typename: 'SignUpInput', id: '1' }]],
    ['a type of the language itself', [{ __typename: '__Schema' }]],
    ['no type', [{ id: UNKNOWN }]],
    ['a type that is no text', [{ __typename: ['User'], id: UNKNOWN }]],
    ['text', ['User']],
    ['a number', [1]],
    ['a list', [[]]],
    ['a good one beside a bad one', [{ __typename: 'User', id: UNKNOWN }, { __typename: 'Query' }]],
    ['null', [null]],
    ['no list', 'User'],
  ])('that are %s are bad input, and nothing breaks', async (_, representations) => {
    const answer = await entities(representations);
    expect(answer.errors.map(({ extensions }) => [extensions.code, extensions.fields?.length])).toEqual([
      ['BAD_USER_INPUT', 1],
    ]);
  });

  it('may be a thousand at once and no more', async () => {
    const ana = await join(app);
    const many = (count: number) =>
      Array.from({ length: count }, (_, at) => user(at === 500 ? ana.id : UNKNOWN));
    const { data, errors } = await entities(many(1000));
    expect(errors).toEqual([]);
    expect(data['_entities']).toHaveLength(1000);
    expect(data['_entities'][500].username).toBe(ana.username);
    expect(codeOf(await entities(many(1001)))).toBe('BAD_USER_INPUT');
    expect((await entities([])).data).toEqual({ _entities: [] });
  });

  it('to services that are gone or never were answer nothing', async () => {
    const id = await settleService('closed', { deleted_at: '2026-01-01T00:00:00Z' });
    const { data, errors } = await entities([
      { __typename: 'Service', id },
      { __typename: 'Service', name: 'closed' },
      { __typename: 'Service', id: UNKNOWN },
      { __typename: 'Service', id: 'x' },
      { __typename: 'Service', name: "' or 1=1 --" },
    ]);
    expect([data['_entities'], errors]).toEqual([[null, null, null, null, null], []]);
  });
});

describe('what may be seen through a reference', () => {
  it('a session: one’s own, others’ only by who may manage sessions, none by the gateway alone', async () => {
    const [ana, bo, staff] = [await join(app), await join(app), await joinAs(app, owner, 'STAFF')];
    const again = await enter(app, ana);
    const asked = [ana.sessionId, again.sessionId, bo.sessionId, UNKNOWN, 'x'].map((id) => ({
      __typename: 'Session',
      id,
    }));
    const seen = async (asking?: Asking) =>
      (await entities(asked, asking)).data['_entities'].map(
        (session: { current: boolean } | null) => session?.current ?? null,
      );
    expect(await seen(as(ana))).toEqual([true, false, null, null, null]);
    expect(await seen(as(bo))).toEqual([null, null, true, null, null]);
    expect(await seen(as(staff))).toEqual([false, false, false, null, null]);
    expect(await seen()).toEqual([null, null, null, null, null]);
  });

  it('a role: one’s own, and by who may read roles any; its name alone by the gateway', async () => {
    const [ana, staff] = [await join(app), await joinAs(app, owner, 'STAFF')];
    const ids = [await roleId(app, owner, 'USER'), await roleId(app, owner, 'OWNER'), UNKNOWN];
    const seen = async (asking?: Asking, selection = '... on Role { name }') =>
      (
        await entities(
          ids.map((id) => ({ __typename: 'Role', id })),
          asking,
          selection,
        )
      ).data['_entities'];
    const [own, high] = [{ name: 'USER' }, { name: 'OWNER' }];
    expect(await seen(as(ana))).toEqual([own, null, null]);
    expect(await seen(as(staff))).toEqual([own, high, null]);
    expect(await seen()).toEqual([own, high, null]);
    const inside = '... on Role { name permissions { name } }';
    const count = '... on Role { name userCount }';
    expect(await seen(as(staff), inside)).toMatchObject([own, high, null]);
    expect(await seen(as(staff), count)).toMatchObject([own, high, null]);
    expect(await seen(as(ana), count)).toEqual([null, null, null]);
    expect(await seen(as(ana), inside)).toMatchObject([{ ...own, permissions: [] }, null, null]);
    expect(await seen({}, inside)).toEqual([null, null, null]);
  });
});

describe('one query a kind a request', () => {
  const from = (statements: string[], table: string) =>
    statements.filter((text) => new RegExp(`from "${table}"`).test(text)).length;
  const ids: string[] = [];
  beforeAll(async () => {
    const roles = [await roleId(app, owner, 'USER'), await roleId(app, owner, 'STAFF')];
    for (let at = 0; at < 100; at++) ids.push(await settle(look, `many-${at}`));
    await look(
      'insert into user_roles (user_id, role_id) select u, r from unnest($1::uuid[]) u, unnest($2::uuid[]) r',
      [ids, roles],
    );
  });
  const nested =
    'username roles { name permissions { name } userCount } role { name permissions { name } } permissions';

  it('a hundred references with their roles and permissions', async () => {
    let answer: Answer | undefined;
    const statements = await statementsOf(async () => {
      answer = await entities(ids.map(user), as(owner), `... on User { ${nested} }`);
    });
    expect(answer?.errors).toEqual([]);
    expect(answer?.data['_entities'][99]).toMatchObject({
      roles: [{ name: 'STAFF' }, { name: 'USER' }],
      role: { name: 'STAFF' },
    });
    expect(['users', 'roles', 'permissions', 'user_roles'].map((table) => from(statements, table))).toEqual([
      1, 1, 1, 1,
    ]);
  });

  it('a hundred accounts of a list with theirs', async () => {
    let answer: Answer | undefined;
    const statements = await statementsOf(async () => {
      answer = await house.users({ first: 100, filter: { search: 'many-' } }, `nodes { ${nested} }`);
    });
    expect(answer?.errors).toEqual([]);
    expect(answer?.data['users'].nodes).toHaveLength(100);
    expect(['users', 'roles', 'permissions', 'user_roles'].map((table) => from(statements, table))).toEqual([
      1, 1, 1, 1,
    ]);
  });

  it('roles, sessions and services as well', async () => {
    const roles = (await look<{ id: string }>('select id from roles')).map(({ id }) => ({
      __typename: 'Role',
      id,
    }));
    const sessions = (await look<{ id: string }>('select id from sessions limit 10')).map(({ id }) => ({
      __typename: 'Session',
      id,
    }));
    const services = [await settleService('one'), await settleService('two')].map((id) => ({
      __typename: 'Service',
      id,
    }));
    const statements = await statementsOf(() => entities([...roles, ...sessions, ...services], as(owner)));
    expect(['roles', 'sessions', 'services'].map((table) => from(statements, table))).toEqual([1, 1, 1]);
  });
});
