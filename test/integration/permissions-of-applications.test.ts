import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actingAs, fieldsOf } from '../harness/administration.js';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { enter, join, joinAs, ownerOf, roleId, type Person } from '../harness/people.js';
import { servicesDesk } from '../harness/services.js';
import { until } from '../harness/until.js';

let app: TestApp;
let replica: TestApp;
let look: Look;
let owner: Person;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  replica = await app.replica();
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

/** Somebody who keeps the list of permissions; each answers as it came, refused or not. */
function keeperOf({ access }: Pick<Person, 'access'>) {
  const run = (query: string, variables: object) => app.graphql(query, { ...variables }, { bearer: access });
  return {
    create: (name: string, description?: string | null) =>
      run(
        'mutation ($name: String!, $description: String) { createPermission(name: $name, description: $description) { name description builtIn } }',
        { name, ...(description === undefined ? {} : { description }) },
      ),
    delete: (name: string) => run('mutation ($name: String!) { deletePermission(name: $name) }', { name }),
  };
}

let made = 0;
const fresh = (start = 'READ_PATIENT') => `${start}_${++made}`;
async function create(name = fresh()): Promise<string> {
  const { errors, body } = await keeperOf(owner).create(name);
  if (errors.length > 0) throw new Error(body);
  return name;
}

/** Every permission, and what carries which. */
const carried = () =>
  look(`select name as one, description as other from permissions
    union all select role_id::text, permission from role_permissions
    union all select business_role_id::text, permission from business_role_permissions order by 1, 2`);

/** A role with these permissions. @returns its id */
async function roleOf(permissions: string[], rank = 5): Promise<string> {
  const { data, body } = await actingAs(app, owner).createRole({ name: fresh('role'), rank, permissions });
  if (!data['createRole']) throw new Error(body);
  return data['createRole'].id;
}

/** Somebody who has that role, signed in with it. */
async function holderOf(id: string): Promise<Person> {
  const person = await join(app);
  const { errors } = await actingAs(app, owner).setUserRoles(person.id, [id]);
  expect(errors).toEqual([]);
  return enter(app, person);
}

async function permissionsOf(at: TestApp, token: string): Promise<string[]> {
  const { data } = await at.graphql(
    'query ($t: String!) { verifyToken(token: $t) { subject { permissions } } }',
    { t: token },
  );
  return data['verifyToken'].subject.permissions;
}

describe('a permission of an application', () => {
  it.each(['x', 'READ_PATIENT', 'patients:read', 'Patients:Read', 'a-b_c:d:e', 'X'.repeat(100)])(
    'may be called %s',
    async (name) => {
      const { data } = await keeperOf(owner).create(` ${name} `, ' What it is for. ');
      expect(data['createPermission']).toEqual({ name, description: 'What it is for.', builtIn: false });
    },
  );

  it.each([
    '',
    ' ',
    '1st',
    ':read',
    '_x',
    '-x',
    'two words',
    'é',
    'a.b',
    'X'.repeat(101),
    'a\u0000b',
    'a\nb',
  ])('may not be called "%s"', async (name) => {
    const before = await carried();
    const answer = await keeperOf(owner).create(name);
    expect([codeOf(answer), fieldsOf(answer)]).toEqual(['BAD_USER_INPUT', ['name']]);
    expect(await carried()).toEqual(before);
  });

  it('has a description of at most 500 characters, or none', async () => {
    expect((await keeperOf(owner).create(fresh(), null)).data['createPermission'].description).toBeNull();
    const answer = await keeperOf(owner).create(fresh(), 'x'.repeat(501));
    expect([codeOf(answer), fieldsOf(answer)]).toEqual(['BAD_USER_INPUT', ['description']]);
  });

  it('cannot take a name that is there, the platform’s own among them', async () => {
    for (const name of [await create(), 'users:read', 'keys:manage']) {
      const answer = await keeperOf(owner).create(name);
      expect(codeOf(answer)).toBe('CONFLICT');
      expect(answer.errors[0]?.extensions.fields).toEqual([
        { name: 'name', message: 'Permission already exists' },
      ]);
    }
  });

  it('is made once by many who try at once', async () => {
    const name = fresh();
    const answers = await Promise.all(Array.from({ length: 8 }, () => keeperOf(owner).create(name)));
    expect(answers.map(codeOf).sort()).toEqual([...Array<string>(7).fill('CONFLICT'), undefined]);
  });

  it.each(['users:fly', 'Users:Read', 'ROLES:READ', 'audit:', 'services:read:all', 'permissions:manage'])(
    'cannot take %s, which is kept for the platform',
    async (name) => {
      const answer = await keeperOf(owner).create(name);
      expect([codeOf(answer), fieldsOf(answer)]).toEqual(['BAD_USER_INPUT', ['name']]);
    },
  );

  it('is OWNER’s from the start and nobody else’s, on every replica, with the tokens they hold', async () => {
    const higher = await joinAs(app, owner, 'HIGHER_STAFF');
    const name = await create();
    expect(await permissionsOf(app, owner.access)).toContain(name);
    await until('the replica has heard', async () =>
      (await permissionsOf(replica, owner.access)).includes(name),
    );
    expect(await permissionsOf(app, higher.access)).not.toContain(name);
  });

  it('is what verifyToken can require, once a role carries it', async () => {
    const name = await create();
    const [with_, without] = [await holderOf(await roleOf([name])), await join(app)];
    const ask = async ({ access }: Person) => {
      const { data } = await app.graphql(
        'query ($t: String!, $r: [String!]) { verifyToken(token: $t, requires: $r) { valid reason } }',
        { t: access, r: [name] },
      );
      return data['verifyToken'];
    };
    expect(await ask(with_)).toEqual({ valid: true, reason: null });
    expect(await ask(without)).toEqual({ valid: false, reason: 'MISSING_PERMISSION' });
  });

  it('is made by whoever may manage roles, who cannot give it, as they do not hold it', async () => {
    const higher = await joinAs(app, owner, 'HIGHER_STAFF');
    const name = fresh();
    expect((await keeperOf(higher).create(name)).data['createPermission'].name).toBe(name);
    const given = await actingAs(app, higher).createRole({
      name: fresh('role'),
      rank: 5,
      permissions: [name],
    });
    expect(codeOf(given)).toBe('FORBIDDEN');
    for (const role of ['USER', 'STAFF']) {
      const person = await joinAs(app, owner, role);
      expect(codeOf(await keeperOf(person).create(fresh()))).toBe('FORBIDDEN');
      expect(codeOf(await keeperOf(person).delete(name))).toBe('FORBIDDEN');
    }
  });

  it('is on record with who made and who deleted it', async () => {
    const name = await create();
    await keeperOf(owner).delete(name);
    const events = await look(
      'select type, actor, details from audit_events where subject = $1 order by id',
      [name],
    );
    expect(events).toEqual([
      { type: 'permission.created', actor: owner.id, details: { permission: name } },
      {
        type: 'permission.deleted',
        actor: owner.id,
        details: { permission: name, roles: [], businessRoles: [] },
      },
    ]);
  });
});

describe('a permission that is deleted', () => {
  it.each(['', 'nothing', 'two words', "' or 1=1", 'x\u0000'])('must be there: "%s" is not', async (name) => {
    expect(codeOf(await keeperOf(owner).delete(name))).toBe('NOT_FOUND');
  });

  it('is never one of the platform’s', async () => {
    const before = await carried();
    expect(codeOf(await keeperOf(owner).delete('users:read'))).toBe('CONFLICT');
    expect(await carried()).toEqual(before);
  });

  it('is gone from every role, business role and service token, and from its holders at the next verification', async () => {
    const [name, other] = [await create(), await create()];
    const id = await roleOf([name, other]);
    const ana = await holderOf(id);
    const desk = servicesDesk(app, owner);
    const business = await desk.createBusinessRole({ name: fresh('nurse'), permissions: [name, other] });
    const businessRoleId = business.data['createBusinessRole'].id;
    const service = (await desk.createService({ name: `clinic-${++made}` })).data['createService'].id;
    await look(
      `insert into service_tokens (id, service_id, line_id, prefix, secret_hash, scopes)
       values (gen_random_uuid(), $1, gen_random_uuid(), 'ags_', '\\x00', $2)`,
      [service, [name, other]],
    );
    await until('the replica has heard', async () =>
      (await permissionsOf(replica, ana.access)).includes(name),
    );

    expect((await keeperOf(owner).delete(name)).data).toEqual({ deletePermission: true });

    expect(await permissionsOf(app, ana.access)).toEqual([other]);
    expect(await permissionsOf(app, owner.access)).not.toContain(name);
    await until('the replica has heard', async () => (await permissionsOf(replica, ana.access)).length === 1);
    const role = (await actingAs(app, owner).role(id)).data['role'];
    expect(role.permissions).toEqual([{ name: other }]);
    expect((await desk.businessRole(businessRoleId)).data['businessRole'].permissions).toEqual([other]);
    const tokens = await look('select scopes from service_tokens where service_id = $1', [service]);
    expect(tokens).toEqual([{ scopes: [other] }]);
    const [event] = await look(
      "select details from audit_events where type = 'permission.deleted' and subject = $1",
      [name],
    );
    expect(event?.['details']).toMatchObject({
      roles: [role.name],
      businessRoles: [business.data['createBusinessRole'].name],
    });
    expect(codeOf(await keeperOf(owner).delete(name))).toBe('NOT_FOUND');
  });

  it('must be carried by no role that one may not edit', async () => {
    const [unused, high, beyond, business] = [await create(), await create(), await create(), await create()];
    const higher = await joinAs(app, owner, 'HIGHER_STAFF');
    await roleOf([high], 50);
    await roleOf([beyond], 5);
    await servicesDesk(app, owner).createBusinessRole({ name: fresh('nurse'), permissions: [business] });
    const before = await carried();
    for (const name of [high, beyond, business])
      expect(codeOf(await keeperOf(higher).delete(name))).toBe('FORBIDDEN');
    expect(await carried()).toEqual(before);
    expect(codeOf(await keeperOf(higher).delete(unused))).toBeUndefined();
    await actingAs(app, owner).setUserRoles(higher.id, [
      await roleId(app, owner, 'HIGHER_STAFF'),
      await roleOf([beyond], 6),
    ]);
    expect(codeOf(await keeperOf(higher).delete(beyond))).toBeUndefined();
  });
});

describe('an owner of very many permissions', () => {
  it('still has a token that fits into a header, and may do everything', async () => {
    const names = Array.from({ length: 120 }, (_, at) => `P${at}_${'x'.repeat(90)}`);
    await look(
      `with made as (insert into permissions (name) select unnest($1::text[]) returning name)
       insert into role_permissions (role_id, permission) select r.id, m.name from roles r, made m where r.name = 'OWNER'`,
      [names],
    );
    await create();
    const { access } = await enter(app, owner);
    expect(access.length).toBeLessThan(4000);
    expect(await permissionsOf(app, access)).toEqual(expect.arrayContaining(names));
    expect(codeOf(await keeperOf({ access }).create(fresh()))).toBeUndefined();
  });
});
