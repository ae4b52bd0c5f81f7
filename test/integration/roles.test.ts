import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actingAs, fieldsOf } from '../harness/administration.js';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { enter, join, ownerOf, roleId, type Person } from '../harness/people.js';
import { until } from '../harness/until.js';

let app: TestApp;
let replica: TestApp;
let look: Look;
let owner: Person;
let house: ReturnType<typeof actingAs>;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  replica = await app.replica();
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
  house = actingAs(app, owner);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

const PERMISSIONS = [
  ...['alerts:manage', 'audit:read', 'keys:manage', 'reports:read', 'roles:manage', 'roles:read'],
  ...['services:manage', 'services:read', 'sessions:manage', 'tokens:introspect'],
  ...['users:erase', 'users:export', 'users:manage', 'users:read'],
];
let made = 0;
const fresh = () => `role-${++made}`;
async function roleOf(input: object = {}): Promise<string> {
  const { data, body } = await house.createRole({ name: fresh(), rank: 5, permissions: [], ...input });
  if (!data['createRole']) throw new Error(body);
  return data['createRole'].id;
}
/** What a token is good for now, as the gateway is told it. */
async function subjectOf(
  at: TestApp,
  token: string,
): Promise<{ role: string; roles: string[]; permissions: string[] }> {
  const { data } = await at.graphql(
    'query ($t: String!) { verifyToken(token: $t) { subject { role roles permissions } } }',
    { t: token },
  );
  return data['verifyToken'].subject;
}

describe('roles', () => {
  it('four are built in, each with its rank, and every permission can be read', async () => {
    const { data } = await app.graphql(
      '{ roles { nodes { name rank builtIn userCount permissions { name } } } permissions { name description builtIn } }',
      {},
      { bearer: owner.access },
    );
    const nodes = data['roles'].nodes as { name: string; rank: number; permissions: { name: string }[] }[];
    expect(nodes.map(({ name, rank }) => [name, rank])).toEqual([
      ['OWNER', 100],
      ['HIGHER_STAFF', 30],
      ['STAFF', 20],
      ['USER', 10],
    ]);
    expect(nodes[0]).toMatchObject({ builtIn: true, userCount: 1 });
    expect(nodes[0]?.permissions.map(({ name }) => name)).toEqual(PERMISSIONS);
    expect(data['permissions'].map(({ name }: { name: string }) => name)).toEqual(PERMISSIONS);
    expect(data['permissions'][0]).toEqual({
      name: 'alerts:manage',
      description: expect.any(String),
      builtIn: true,
    });
  });

  it('one is made, changed field by field, and deleted', async () => {
    const name = fresh();
    const input = {
      name,
      description: ' Answers the phone. ',
      rank: 12,
      permissions: ['users:read', 'roles:read', 'users:read'],
    };
    const created = (await house.createRole(input)).data['createRole'];
    expect(created).toEqual({
      id: expect.any(String),
      name,
      description: 'Answers the phone.',
      rank: 12,
      builtIn: false,
      userCount: 0,
      permissions: [{ name: 'roles:read' }, { name: 'users:read' }],
    });
    expect((await house.role(created.id)).data['role']).toEqual(created);
    const changed = await house.updateRole(created.id, { description: null });
    expect(changed.data['updateRole']).toEqual({ ...created, description: null });
    const more = { name: `${name}-x`, rank: 13, permissions: [] };
    expect((await house.updateRole(created.id, more)).data['updateRole']).toEqual({
      ...created,
      ...more,
      description: null,
    });
    expect((await house.updateRole(created.id, {})).data['updateRole']).toEqual({
      ...created,
      ...more,
      description: null,
    });
    expect((await house.deleteRole(created.id)).data['deleteRole']).toBe(true);
    expect([codeOf(await house.role(created.id)), codeOf(await house.deleteRole(created.id))]).toEqual([
      'NOT_FOUND',
      'NOT_FOUND',
    ]);
  });

  it.each([
    ['a name of one letter', { name: 'x' }, ['name']],
    ['a name that begins with a digit', { name: '1st' }, ['name']],
    ['a name of two words', { name: 'a b' }, ['name']],
    ['a name of 65 letters', { name: 'x'.repeat(65) }, ['name']],
    ['a name with NUL', { name: 'a\u0000b' }, ['name']],
    ['rank 0', { rank: 0 }, ['rank']],
    ['a rank below zero', { rank: -5 }, ['rank']],
    ['the owners’ rank', { rank: 100 }, ['rank']],
    ['half a rank', { rank: 1.5 }, ['rank']],
    ['a long description', { description: 'x'.repeat(501) }, ['description']],
    ['a description with NUL', { description: 'a\u0000b' }, ['description']],
    ['an unknown permission', { permissions: ['no:such'] }, ['permissions']],
    ['NUL for a permission', { permissions: ['users:read', '\u0000'] }, ['permissions']],
    ['SQL for a permission', { permissions: ["x'; drop table roles --"] }, ['permissions']],
    ['501 permissions', { permissions: Array<string>(501).fill('users:read') }, ['permissions']],
    ['no name', { name: null }, ['name']],
    ['no rank and no permissions', { rank: null, permissions: null }, ['permissions', 'rank']],
  ])('%s is refused, made or changed, and nothing of it is kept', async (_, wrong, fields) => {
    const made = await house.createRole({ name: fresh(), rank: 5, permissions: [], ...wrong });
    // Of variables that are null where they must not be, GraphQL names the first.
    expect([codeOf(made), fields]).toEqual(['BAD_USER_INPUT', expect.arrayContaining(fieldsOf(made))]);
    const id = await roleOf({ description: 'as it was' });
    const before = (await house.role(id)).data['role'];
    const changed = await house.updateRole(id, { description: 'half done', ...wrong });
    expect([codeOf(changed), fieldsOf(changed)]).toEqual(['BAD_USER_INPUT', fields]);
    expect((await house.role(id)).data['role']).toEqual(before);
  });

  it('permissions that do not exist are named, what cannot be a name is not repeated', async () => {
    const told = async (permissions: string[]) =>
      (await house.createRole({ name: fresh(), rank: 5, permissions })).errors[0]?.extensions.fields;
    expect(await told(['users:raed', 'users:read', 'no:such', '<b>'])).toEqual([
      { name: 'permissions', message: 'There is no permission no:such, users:raed.' },
    ]);
    expect(await told(['<b>'])).toEqual([
      { name: 'permissions', message: 'Holds what is no name of a permission.' },
    ]);
    const many = await told(['a1', 'a2', 'a3', 'a4', 'a5', 'a6']);
    expect(many?.[0]?.message).toBe('There is no permission a1, a2, a3, a4, a5 and others.');
  });

  it('a name is unique without regard to case, also when many want it at once', async () => {
    const name = fresh();
    const answers = await Promise.all(
      [name, name.toUpperCase(), name, name].map((wanted) =>
        house.createRole({ name: wanted, rank: 5, permissions: [] }),
      ),
    );
    const codes = answers.map(codeOf);
    expect(codes.sort()).toEqual(['CONFLICT', 'CONFLICT', 'CONFLICT', undefined]);
    const id = await roleOf();
    const taken = await house.updateRole(id, { name: name.toUpperCase(), description: 'half done' });
    expect([codeOf(taken), fieldsOf(taken)]).toEqual(['CONFLICT', ['name']]);
    expect((await house.role(id)).data['role'].description).toBeNull();
    for (const builtIn of ['owner', 'Staff'])
      expect(codeOf(await house.updateRole(id, { name: builtIn }))).toBe('CONFLICT');
  });
});

describe('an account’s roles', () => {
  it('an empty list leaves the default role', async () => {
    const ana = await join(app);
    await house.setUserRoles(ana.id, [await roleOf(), await roleId(app, owner, 'STAFF')]);
    const { data } = await house.setUserRoles(ana.id, []);
    expect(data['setUserRoles'].roles).toEqual([{ name: 'USER' }]);
  });

  it('they are a set, highest rank first, and add up in what they permit', async () => {
    const ana = await join(app);
    const low = await roleOf({ name: 'low', rank: 4, permissions: ['users:read'] });
    const high = await roleOf({ name: 'high', rank: 6, permissions: ['users:read', 'roles:read'] });
    const { data } = await house.setUserRoles(ana.id, [low, high, low.toUpperCase(), high]);
    expect(data['setUserRoles']).toEqual({
      id: ana.id,
      roles: [{ name: 'high' }, { name: 'low' }],
      permissions: ['roles:read', 'users:read'],
    });
    expect(await subjectOf(app, ana.access)).toEqual({
      role: 'high',
      roles: ['high', 'low'],
      permissions: expect.arrayContaining(['roles:read', 'users:read']),
    });
    expect((await house.role(high)).data['role'].userCount).toBe(1);
  });

  it('a deleted role leaves its holders with what else they have, or the default one', async () => {
    const [going, staying] = [
      await roleOf({ permissions: ['users:read'] }),
      await roleOf({ name: 'staying' }),
    ];
    const [one, both] = [await join(app), await join(app)];
    await house.setUserRoles(one.id, [going]);
    await house.setUserRoles(both.id, [going, staying]);
    expect((await subjectOf(app, one.access)).permissions).toEqual(['users:read']);
    await house.deleteRole(going);
    expect((await house.user(one.id)).data['user'].roles).toEqual([{ name: 'USER' }]);
    expect((await house.user(both.id)).data['user'].roles).toEqual([{ name: 'staying' }]);
    expect(await subjectOf(app, one.access)).toEqual({ role: 'USER', roles: ['USER'], permissions: [] });
    expect(await subjectOf(app, (await enter(app, one)).access)).toEqual({
      role: 'USER',
      roles: ['USER'],
      permissions: [],
    });
  });

  it('what a role permits is changed for everybody who has it, with the tokens they hold, on every replica', async () => {
    const id = await roleOf({ permissions: ['users:read'] });
    const ana = await join(app);
    await house.setUserRoles(ana.id, [id]);
    const fresh = await enter(app, ana);
    for (const token of [ana.access, fresh.access])
      expect((await subjectOf(app, token)).permissions).toEqual(['users:read']);
    await house.updateRole(id, { permissions: ['roles:read', 'tokens:introspect'] });
    for (const token of [ana.access, fresh.access]) {
      expect((await subjectOf(app, token)).permissions).toEqual(['roles:read', 'tokens:introspect']);
      await until('the replica has heard', async () =>
        (await subjectOf(replica, token)).permissions.includes('roles:read'),
      );
    }
    expect(codeOf(await actingAs(app, fresh).peek())).toBe('FORBIDDEN');
    const required = await app.graphql(
      'query ($t: String!) { no: verifyToken(token: $t, requires: ["users:read"]) { valid reason } yes: verifyToken(token: $t, requires: ["roles:read"]) { valid } }',
      { t: fresh.access },
    );
    expect(required.data).toEqual({
      no: { valid: false, reason: 'MISSING_PERMISSION' },
      yes: { valid: true },
    });
  });

  it('with slim tokens they are the same', async () => {
    const slim = await app.replica({ ACCESS_TOKEN_CLAIMS: 'slim' });
    const id = await roleOf({ name: 'slim', permissions: ['users:read'] });
    const ana = await join(app);
    await house.setUserRoles(ana.id, [id]);
    const { access } = await enter(slim, ana);
    expect(await subjectOf(slim, access)).toEqual({
      role: 'slim',
      roles: ['slim'],
      permissions: ['users:read'],
    });
    await house.updateRole(id, { permissions: [] });
    await until(
      'the replica has heard',
      async () => (await subjectOf(slim, access)).permissions.length === 0,
    );
  });
});

describe('a deployment with a default role of its own', () => {
  it('gives it to newcomers and to who has no other, and does not lose it', async () => {
    const id = await roleOf({ name: 'PATIENT', rank: 1 });
    const clinic = await app.replica({ DEFAULT_ROLE: 'PATIENT' });
    const desk = actingAs(clinic, owner);
    const ana = await join(clinic);
    expect((await subjectOf(clinic, ana.access)).roles).toEqual(['PATIENT']);
    await desk.setUserRoles(ana.id, [await roleId(app, owner, 'STAFF')]);
    expect((await desk.setUserRoles(ana.id, [])).data['setUserRoles'].roles).toEqual([{ name: 'PATIENT' }]);
    expect(codeOf(await desk.deleteRole(id))).toBe('CONFLICT');
    expect(codeOf(await desk.updateRole(id, { name: 'VISITOR' }))).toBe('CONFLICT');
    expect(codeOf(await desk.updateRole(id, { description: 'Whoever comes in.' }))).toBeUndefined();
    const { errors } = await desk.deleteRole(await roleOf());
    expect(errors).toEqual([]);
  });
});
