import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actingAs, fieldsOf, UNKNOWN } from '../harness/administration.js';
import { startApp, type Answer, type Asking, type TestApp } from '../harness/app.js';
import { codeOf } from '../harness/calls.js';
import { enter, join, joinAs, ownerOf, roleId, type Person } from '../harness/people.js';

const SECRET = 'the-gateway-Proves-itself-with-4711';
let app: TestApp;
let owner: Person;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100', GATEWAY_SECRETS: SECRET });
  owner = await ownerOf(app);
});
afterAll(() => app.close());

const as = ({ access }: Person): Asking => ({ bearer: access });
const gateway: Asking = { headers: { 'x-gateway-secret': SECRET } };
const PRIVATE =
  'email phone birthDate country status roles { name } permissions lastSignInAt sessions { totalCount }';
const NOTHING = {
  email: null,
  phone: null,
  birthDate: null,
  country: null,
  status: null,
  roles: null,
  permissions: null,
  lastSignInAt: null,
  sessions: null,
};

describe('somebody else’s account', () => {
  it('is not found by a person, whether or not it is there, and in whatever state', async () => {
    const [ana, bo, gone] = [await join(app), await join(app), await join(app)];
    await actingAs(app, owner).deleteUser(gone.id);
    const told = await Promise.all(
      [bo.id, gone.id, owner.id, UNKNOWN, 'x', bo.id.toUpperCase()].map((id) => actingAs(app, ana).user(id)),
    );
    for (const answer of told) expect([answer.data, answer.errors]).toEqual([{}, told[0]?.errors]);
    expect(told.map(codeOf)).toEqual(Array(6).fill('NOT_FOUND'));
    expect((await actingAs(app, ana).user(ana.id.toUpperCase())).data['user'].id).toBe(ana.id);
  });

  it.each([
    '{ users { nodes { id } } }',
    '{ users { totalCount } }',
    '{ roles { nodes { id } } }',
    '{ permissions { name } }',
    '{ signingKeys { kid } }',
  ])('%s is refused to a person', async (query) => {
    const answer = await app.graphql(query, {}, as(await join(app)));
    expect([codeOf(answer), answer.data]).toEqual(['FORBIDDEN', {}]);
  });

  /** Every path on which a request comes upon an account: what it selects of it, and where it stands in the answer. */
  const PATHS: Record<string, (ana: Person, selection: string, asking: Asking) => Promise<Answer>> = {
    'a reference of another subgraph': (ana, selection, asking) =>
      app.graphql(
        `query ($r: [_Any!]!) { it: _entities(representations: $r) { ... on User { ${selection} } } }`,
        { r: [{ __typename: 'User', id: ana.id }] },
        asking,
      ),
    verifyToken: (ana, selection, asking) =>
      app.graphql(
        `query ($t: String!) { it: verifyToken(token: $t) { user { ${selection} } } }`,
        { t: ana.access },
        asking,
      ),
    verifyTokens: (ana, selection, asking) =>
      app.graphql(
        `query ($q: [TokenVerificationRequest!]!) { it: verifyTokens(requests: $q) { user { ${selection} } } }`,
        { q: [{ token: ana.access }] },
        asking,
      ),
  };
  const found = ({ data }: Answer) => {
    const [first] = [data['it']].flat();
    return first.user ?? first;
  };

  it.each(Object.entries(PATHS))(
    'by %s, the gateway alone sees the name, and loses nothing for asking more',
    async (_, path) => {
      const ana = await join(app);
      const answer = await path(ana, `id username firstName lastName ${PRIVATE}`, gateway);
      expect(found(answer)).toEqual({
        id: ana.id,
        username: ana.username,
        firstName: 'Ana',
        lastName: 'Li',
        ...NOTHING,
      });
      expect(answer.errors.map(({ extensions, path: at }) => [extensions.code, at?.at(-1)]).sort()).toEqual(
        Object.keys(NOTHING)
          .map((field) => ['FORBIDDEN', field])
          .sort(),
      );
    },
  );

  it.each(Object.entries(PATHS))(
    'by %s, the account itself sees all of it, and staff too',
    async (_, path) => {
      const ana = await join(app);
      const higher = await joinAs(app, owner, 'HIGHER_STAFF');
      for (const person of [ana, higher]) {
        const answer = await path(ana, PRIVATE, as(person));
        expect(answer.errors).toEqual([]);
        expect(found(answer)).toMatchObject({
          email: ana.email,
          status: 'ACTIVE',
          sessions: { totalCount: 1 },
        });
      }
    },
  );

  it('by a reference, another person sees the name only, beside her own in full', async () => {
    const [ana, bo] = [await join(app), await join(app)];
    const { data, errors } = await app.graphql(
      `query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { username ${PRIVATE} } } }`,
      { r: [ana, bo].map(({ id }) => ({ __typename: 'User', id })) },
      as(bo),
    );
    expect(data['_entities']).toEqual([
      { username: ana.username, ...NOTHING },
      expect.objectContaining({ email: bo.email }),
    ]);
    expect(new Set(errors.map(({ path }) => path?.[1]))).toEqual(new Set([0]));
  });

  it('cannot be asked about by a person who holds its token and no right to ask', async () => {
    const [ana, bo, staff] = [await join(app), await join(app), await joinAs(app, owner, 'STAFF')];
    for (const person of [bo, staff])
      for (const name of ['verifyToken', 'verifyTokens'])
        expect(codeOf(await PATHS[name]!(ana, 'id', as(person)))).toBe('FORBIDDEN');
  });

  it('is not seen with a bearer that nobody believes, though the gateway passes it on', async () => {
    const ana = await join(app);
    for (const path of Object.values(PATHS)) {
      const answer = await path(ana, 'id', {
        headers: { ...gateway.headers, authorization: 'Bearer x.y.z' },
      });
      expect([codeOf(answer), answer.data]).toEqual(['UNAUTHENTICATED', {}]);
    }
  });

  it('is not mistaken for one’s own by a key with more in it than an id', async () => {
    const [ana, bo] = [await join(app), await join(app)];
    const representation = {
      __typename: 'User',
      id: ana.id,
      email: bo.email,
      username: bo.username,
      status: 'ACTIVE',
      roles: [],
      __proto__: { id: bo.id },
    };
    const { data } = await app.graphql(
      'query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { id username email status } } }',
      { r: [representation] },
      as(bo),
    );
    expect(data['_entities']).toEqual([{ id: ana.id, username: ana.username, email: null, status: null }]);
  });
});

describe('nested paths', () => {
  it('show a person what is her own, and no way from there to others', async () => {
    const ana = await join(app);
    const again = await enter(app, ana);
    const { data, errors } = await app.graphql(
      '{ me { id email role { name permissions { name } } sessions { totalCount nodes { id current ipAddress device } edges { node { id } } } } }',
      {},
      as(again),
    );
    expect(errors).toEqual([]);
    expect(data['me']).toMatchObject({
      email: ana.email,
      role: { name: 'USER' },
      sessions: { totalCount: 2 },
    });
    expect(
      data['me'].sessions.nodes.map((one: { id: string; current: boolean }) => [one.id, one.current]),
    ).toEqual([
      [again.sessionId, true],
      [ana.sessionId, false],
    ]);
    for (const way of [
      'me { sessions { nodes { user { email } } } }',
      'me { roles { users { email } } }',
      'me { role { holders { nodes { id } } } }',
    ]) {
      const answer = await app.graphql(`{ ${way} }`, {}, as(ana));
      expect(codeOf(answer)).toBe('GRAPHQL_VALIDATION_FAILED');
    }
  });

  it('under aliases, fragments and directives the same rules hold', async () => {
    const [ana, bo] = [await join(app), await join(app)];
    const answer = await app.graphql(
      `query ($r: [_Any!]!, $yes: Boolean!) {
        a: _entities(representations: $r) { ...F @include(if: $yes) }
        b: _entities(representations: $r) { ... on User @skip(if: false) { mine: email } }
      }
      fragment F on User { x: email ... on User { y: status ...G } }
      fragment G on User { z: birthDate }`,
      { r: [{ __typename: 'User', id: ana.id }], yes: true },
      as(bo),
    );
    expect(answer.data).toEqual({ a: [{ x: null, y: null, z: null }], b: [{ mine: null }] });
    expect(new Set(answer.errors.map(({ extensions }) => extensions.code))).toEqual(new Set(['FORBIDDEN']));
  });

  it('a session of somebody else is not there to be ended, nor told from one that never was', async () => {
    const [ana, bo] = [await join(app), await join(app)];
    const told = await Promise.all(
      [ana.sessionId, UNKNOWN, 'x'].map((id) => actingAs(app, bo).revokeSession(id)),
    );
    expect(told.map(({ errors }) => errors[0]?.message)).toEqual(Array(3).fill(told[0]?.errors[0]?.message));
    expect(told.map(codeOf)).toEqual(['NOT_FOUND', 'NOT_FOUND', 'NOT_FOUND']);
    expect((await app.graphql('{ me { id } }', {}, as(ana))).errors).toEqual([]);
  });

  it('what one just entered as is read with its own rights in the same answer', async () => {
    const ana = await join(app);
    const { data, errors } = await app.graphql(
      'mutation ($i: SignInInput!) { signIn(input: $i) { ... on AuthPayload { user { email permissions sessions { totalCount } } session { current } } } }',
      { i: { login: ana.username, password: ana.password } },
      as(owner),
    );
    expect(errors).toEqual([]);
    expect(data['signIn']).toEqual({
      user: { email: ana.email, permissions: [], sessions: { totalCount: 2 } },
      session: { current: true },
    });
  });
});

describe('lookups that go wrong', () => {
  it('a role is not found rather than guessed, and only by who may read roles', async () => {
    const staff = actingAs(app, await joinAs(app, owner, 'STAFF'));
    const id = await roleId(app, owner, 'OWNER');
    expect((await staff.role(id.toUpperCase())).data['role'].name).toBe('OWNER');
    expect(codeOf(await actingAs(app, await join(app)).role(id))).toBe('FORBIDDEN');
  });

  it('an id of another type than text is bad input', async () => {
    const desk = actingAs(app, owner);
    for (const id of [{ $ne: '' }, ['x'], true, 1.5, null]) {
      const answer = await desk.user(id as never);
      expect([codeOf(answer), fieldsOf(answer)]).toEqual(['BAD_USER_INPUT', ['id']]);
    }
  });
});
