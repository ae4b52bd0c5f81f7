import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { isInputObjectType } from 'graphql';
import { buildSchema } from '../../src/schema/index.js';
import { actingAs, fieldsOf } from '../harness/administration.js';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { join, newcomer, ownerOf, type Person } from '../harness/people.js';

let app: TestApp;
let look: Look;
let owner: Person;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

/** What nobody sets by sending it along. */
const SMUGGLED: Record<string, unknown> = {
  id: '01890000-0000-7000-8000-000000000000',
  role: 'OWNER',
  roles: ['OWNER'],
  roleIds: [],
  permissions: ['users:manage'],
  rank: 100,
  status: 'ACTIVE',
  isActive: true,
  isAdmin: true,
  isEmailVerified: true,
  emailVerified: true,
  emailVerifiedAt: '2020-01-01T00:00:00Z',
  email_verified_at: '2020-01-01T00:00:00Z',
  suspendedAt: null,
  deletedAt: null,
  createdAt: '2020-01-01T00:00:00Z',
  sessionId: 'x',
  passwordHash: 'x',
  password_hash: 'x',
  authzVersion: 99,
  mfaEnabled: false,
  builtIn: true,
  constructor: {},
};

const SIGN_UP = 'mutation ($input: SignUpInput!) { signUp(input: $input) { __typename } }';
const UPDATE_ME = 'mutation ($input: UpdateMeInput!) { updateMe(input: $input) { id } }';
const UPDATE_USER =
  'mutation ($id: ID!, $input: UpdateUserInput!) { updateUser(id: $id, input: $input) { id } }';
const CREATE_ROLE = 'mutation ($input: CreateRoleInput!) { createRole(input: $input) { id } }';

describe('what is not in an input cannot be set through it', () => {
  it.each(Object.entries(SMUGGLED))('%s', async (name, value) => {
    const ana = await join(app);
    const before = [
      await look('select * from users order by id'),
      await look('select * from user_roles order by 1, 2'),
    ];
    const attempts = [
      await app.graphql(SIGN_UP, { input: { ...newcomer(), [name]: value } }),
      await app.graphql(UPDATE_ME, { input: { firstName: 'Eve', [name]: value } }, { bearer: ana.access }),
      await app.graphql(
        UPDATE_USER,
        { id: ana.id, input: { firstName: 'Eve', [name]: value } },
        { bearer: owner.access },
      ),
    ];
    for (const answer of attempts) {
      expect([codeOf(answer), fieldsOf(answer)]).toEqual(['BAD_USER_INPUT', [name]]);
      expect(answer.body).not.toContain('passwordHash"}');
    }
    expect([
      await look('select * from users order by id'),
      await look('select * from user_roles order by 1, 2'),
    ]).toEqual(before);
  });

  it('written into the document it does not even pass validation', async () => {
    const ana = await join(app);
    for (const field of [
      'role: "OWNER"',
      'isActive: true',
      'emailVerified: true',
      'sessionId: "x"',
      'status: ACTIVE',
    ]) {
      const answer = await app.graphql(
        `mutation { updateMe(input: { firstName: "Eve", ${field} }) { id } }`,
        {},
        { bearer: ana.access },
      );
      expect(codeOf(answer)).toBe('GRAPHQL_VALIDATION_FAILED');
    }
  });

  it('a person changes no email address and no password by way of her profile', async () => {
    const ana = await join(app);
    for (const [name, value] of Object.entries({
      email: 'eve@example.test',
      password: 'another-Password-1',
      newPassword: 'x',
    })) {
      const answer = await app.graphql(UPDATE_ME, { input: { [name]: value } }, { bearer: ana.access });
      expect([codeOf(answer), fieldsOf(answer)]).toEqual(['BAD_USER_INPUT', [name]]);
    }
  });

  it('a role is not made built in, nor under a chosen id', async () => {
    for (const extra of [{ builtIn: true }, { id: SMUGGLED['id'] }, { userCount: 5 }, { nameKey: 'owner' }]) {
      const input = { name: 'smuggled', rank: 5, permissions: [], ...extra };
      const answer = await app.graphql(CREATE_ROLE, { input }, { bearer: owner.access });
      expect([codeOf(answer), fieldsOf(answer)]).toEqual(['BAD_USER_INPUT', Object.keys(extra)]);
    }
    expect(await look("select 1 from roles where name = 'smuggled'")).toEqual([]);
  });

  it('inputs hold what their callers may set and no more', () => {
    const schema = buildSchema();
    const profile = [
      'birthDate',
      'country',
      'firstName',
      'lastName',
      'middleName',
      'phone',
      'telegram',
      'username',
    ];
    const expected: Record<string, string[]> = {
      SignUpInput: [...profile, 'email', 'password'],
      UpdateMeInput: profile,
      UpdateUserInput: [...profile, 'email'],
      CreateUserInput: [...profile, 'email', 'roleIds'],
      CreateRoleInput: ['description', 'name', 'permissions', 'rank'],
      UpdateRoleInput: ['description', 'name', 'permissions', 'rank'],
    };
    for (const [name, fields] of Object.entries(expected)) {
      const type = schema.getType(name);
      expect([name, isInputObjectType(type) && Object.keys(type.getFields()).sort()]).toEqual([
        name,
        fields.sort(),
      ]);
    }
  });
});

describe('acting beyond one’s part', () => {
  it('who may only read writes nothing', async () => {
    const desk = actingAs(app, owner);
    const permissions = ['users:read', 'roles:read', 'tokens:introspect'];
    const { data } = await desk.createRole({ name: 'reader', rank: 90, permissions });
    const [reader, ana] = [await join(app), await join(app)];
    await desk.setUserRoles(reader.id, [data['createRole'].id]);
    const reading = actingAs(app, reader);
    expect(codeOf(await reading.peek())).toBeUndefined();
    const writes = [
      reading.updateUser(ana.id, { firstName: 'Eve' }),
      reading.deleteUser(ana.id),
      reading.suspendUser(ana.id),
      reading.setUserRoles(ana.id, []),
      reading.revokeUserSessions(ana.id),
      reading.createRole({ name: 'x1', rank: 1, permissions: [] }),
      reading.deleteRole(data['createRole'].id),
    ];
    expect((await Promise.all(writes)).map(codeOf)).toEqual(Array(7).fill('FORBIDDEN'));
    expect(codeOf(await reading.revokeSession(ana.sessionId))).toBe('NOT_FOUND');
  });
});
