import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { fieldsOf, MALFORMED, UNKNOWN } from '../harness/administration.js';
import { startApp, type Asking, type TestApp } from '../harness/app.js';
import { codeOf } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { join, joinAs, ownerOf, type Person } from '../harness/people.js';
import { businessRoleOf, judge, serviceOf, servicesDesk, type ServicesDesk } from '../harness/services.js';
import { until } from '../harness/until.js';

let app: TestApp;
let replica: TestApp;
let look: Look;
let owner: Person;
let house: ServicesDesk;
let clinic: string;
let shop: string;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  replica = await app.replica();
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
  house = servicesDesk(app, owner);
  for (const name of ['patients:read', 'patients:write', 'tills:open']) await house.createPermission(name);
  [clinic, shop] = [await serviceOf(house, { name: 'clinic' }), await serviceOf(house, { name: 'shop' })];
});
afterAll(async () => {
  await look.close();
  await app.close();
});

const eventsOf = (subject: string) =>
  look('select type, actor, details from audit_events where subject = $1 order by occurred_at, id', [
    subject,
  ]);

describe('business roles', () => {
  it('one is made for a service, changed field by field, and deleted', async () => {
    const input = {
      name: 'Provider',
      description: ' Treats patients. ',
      serviceId: clinic.toUpperCase(),
      permissions: ['patients:write', 'patients:read', 'patients:write'],
    };
    const created = (await house.createBusinessRole(input)).data['createBusinessRole'];
    expect(created).toEqual({
      id: expect.any(String),
      name: 'Provider',
      description: 'Treats patients.',
      service: { id: clinic, name: 'clinic' },
      permissions: ['patients:read', 'patients:write'],
    });
    const { id } = created;
    expect((await house.businessRole(id)).data['businessRole']).toEqual(created);
    const changed = await house.updateBusinessRole(id, { description: null });
    expect(changed.data['updateBusinessRole']).toEqual({ ...created, description: null });
    const more = { name: 'Doctor', permissions: ['patients:read'] };
    const again = await house.updateBusinessRole(id, more);
    expect(again.data['updateBusinessRole']).toEqual({ ...created, ...more, description: null });
    expect((await house.deleteBusinessRole(id)).data['deleteBusinessRole']).toBe(true);
    const both = ['patients:read', 'patients:write'];
    const about = { role: 'Provider', service: clinic };
    expect(await eventsOf(id)).toEqual([
      { type: 'business_role.created', actor: owner.id, details: { ...about, after: { permissions: both } } },
      {
        type: 'business_role.updated',
        actor: owner.id,
        details: {
          ...about,
          before: { name: 'Provider', permissions: both },
          after: { name: 'Provider', permissions: both },
        },
      },
      {
        type: 'business_role.updated',
        actor: owner.id,
        details: { ...about, before: { name: 'Provider', permissions: both }, after: more },
      },
      {
        type: 'business_role.deleted',
        actor: owner.id,
        details: { role: 'Doctor', service: clinic, before: { permissions: ['patients:read'] } },
      },
    ]);
  });

  it.each([
    ['a name of one letter', { name: 'x' }, ['name']],
    ['a name of two words', { name: 'head nurse' }, ['name']],
    ['a name with NUL', { name: 'a\u0000b' }, ['name']],
    ['no name', { name: null }, ['name']],
    ['a long description', { description: 'x'.repeat(501) }, ['description']],
    ['an unknown permission', { permissions: ['patients:fly'] }, ['permissions']],
    ['NUL for a permission', { permissions: ['\u0000'] }, ['permissions']],
    ['501 permissions', { permissions: Array<string>(501).fill('patients:read') }, ['permissions']],
    ['no permissions', { permissions: null }, ['permissions']],
  ])('%s is refused, made or changed, and nothing of it is kept', async (_, wrong, fields) => {
    const made = await house.createBusinessRole({ name: 'never', permissions: [], ...wrong });
    expect([codeOf(made), fieldsOf(made)]).toEqual(['BAD_USER_INPUT', fields]);
    const id = await businessRoleOf(house, { description: 'as it was' });
    const before = (await house.businessRole(id)).data['businessRole'];
    const changed = await house.updateBusinessRole(id, { description: 'half done', ...wrong });
    expect([codeOf(changed), fieldsOf(changed)]).toEqual(['BAD_USER_INPUT', fields]);
    expect((await house.businessRole(id)).data['businessRole']).toEqual(before);
  });

  it('carry no permission of the platform, which is told', async () => {
    const id = await businessRoleOf(house, { permissions: ['patients:read'] });
    for (const answer of [
      await house.createBusinessRole({ name: 'boss', permissions: ['patients:read', 'users:manage'] }),
      await house.updateBusinessRole(id, { permissions: ['users:manage'] }),
    ]) {
      expect([codeOf(answer), fieldsOf(answer)]).toEqual(['BAD_USER_INPUT', ['permissions']]);
      expect(answer.errors[0]?.extensions.fields?.[0]?.message).toMatch(
        /^users:manage is a permission of the platform/,
      );
    }
    expect((await house.businessRole(id)).data['businessRole'].permissions).toEqual(['patients:read']);
  });

  it('a name is unique without regard to case within its service, also when many want it at once', async () => {
    const create = (serviceId: string | null, name: string) =>
      house.createBusinessRole({ name, serviceId, permissions: [] });
    for (const serviceId of [null, clinic, shop]) {
      const answers = await Promise.all(
        ['cashier', 'CASHIER', 'Cashier'].map((name) => create(serviceId, name)),
      );
      expect(answers.map(codeOf).sort()).toEqual(['CONFLICT', 'CONFLICT', undefined]);
      const refused = answers.find(({ errors }) => errors.length > 0);
      expect(refused && fieldsOf(refused)).toEqual(['name']);
    }
    for (const serviceId of [null, shop]) {
      const id = await businessRoleOf(house, { serviceId, description: 'as it was' });
      const renamed = await house.updateBusinessRole(id, { name: 'cashieR', description: 'half done' });
      expect([codeOf(renamed), fieldsOf(renamed)]).toEqual(['CONFLICT', ['name']]);
      expect((await house.businessRole(id)).data['businessRole'].description).toBe('as it was');
    }
  });

  it('what is unknown or malformed is NOT_FOUND, a service as well', async () => {
    const gone = await serviceOf(house);
    await house.deleteService(gone);
    for (const id of [UNKNOWN, ...MALFORMED]) {
      const answers = [
        house.businessRole(id),
        house.updateBusinessRole(id, { description: 'x' }),
        house.deleteBusinessRole(id),
      ];
      expect([id, (await Promise.all(answers)).map(codeOf)]).toEqual([id, Array(3).fill('NOT_FOUND')]);
    }
    for (const serviceId of [UNKNOWN, gone, ...MALFORMED]) {
      const created = await house.createBusinessRole({ name: 'never', serviceId, permissions: [] });
      expect([serviceId, codeOf(created), codeOf(await house.businessRoles({ serviceId }))]).toEqual([
        serviceId,
        ...['NOT_FOUND', 'NOT_FOUND'],
      ]);
    }
    expect(await look("select 1 from business_roles where name = 'never'")).toEqual([]);
  });

  it('are listed by name; for a service, what can be given there', async () => {
    const bank = await serviceOf(house, { name: 'bank' });
    const names = async (variables: object) => {
      const { nodes } = (await house.businessRoles({ first: 100, ...variables })).data['businessRoles'];
      return (nodes as { name: string }[]).map(({ name }) => name).filter((name) => /^zz/i.test(name));
    };
    await businessRoleOf(house, { name: 'zz-teller', serviceId: bank });
    await businessRoleOf(house, { name: 'ZZ-guest' });
    await businessRoleOf(house, { name: 'zz-nurse', serviceId: clinic });
    expect(await names({})).toEqual(['ZZ-guest', 'zz-nurse', 'zz-teller']);
    expect(await names({ serviceId: bank })).toEqual(['ZZ-guest', 'zz-teller']);
    const page = 'nodes { name } pageInfo { endCursor hasNextPage } totalCount';
    const first = (await house.businessRoles({ first: 1, serviceId: bank }, page)).data['businessRoles'];
    const [row] = await look(
      'select count(*)::int as count from business_roles where service_id is null or service_id = $1',
      [bank],
    );
    expect(first.totalCount).toBe(row?.['count']);
    const rest = { first: 100, after: first.pageInfo.endCursor, serviceId: bank };
    expect((await house.businessRoles(rest)).data['businessRoles'].nodes).toHaveLength(first.totalCount - 1);
  });

  it('are read by roles:read and managed by roles:manage alone', async () => {
    const id = await businessRoleOf(house);
    const outcomes = async (person: Person) => {
      const desk = servicesDesk(app, person);
      const answers = [
        await desk.businessRole(id),
        await desk.businessRoles(),
        await desk.createBusinessRole({ name: `by-${person.username}`, permissions: [] }),
        await desk.updateBusinessRole(id, { description: 'mine' }),
        await desk.deleteBusinessRole(id),
      ];
      return answers.map((answer) => codeOf(answer) ?? 'allowed');
    };
    expect(await outcomes(await join(app))).toEqual(Array(5).fill('FORBIDDEN'));
    expect(await outcomes(await joinAs(app, owner, 'STAFF'))).toEqual([
      ...['allowed', 'allowed'],
      ...['FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN'],
    ]);
    expect(await outcomes(await joinAs(app, owner, 'HIGHER_STAFF'))).toEqual(Array(5).fill('allowed'));
  });
});

describe('what a business role permits', () => {
  it('is changed for everybody who has it, with the tokens they hold, on every replica', async () => {
    const role = await businessRoleOf(house, { serviceId: clinic, permissions: ['patients:read'] });
    const ana = await join(app);
    await house.setUserServices(ana.id, [{ serviceId: clinic, businessRoleId: role }]);
    const granted = async (at: TestApp) => (await judge(at, ana.access, clinic)).subject?.permissions;
    expect(await granted(app)).toEqual(['patients:read']);
    await house.updateBusinessRole(role, { permissions: ['patients:write'] });
    expect(await granted(app)).toEqual(['patients:write']);
    await until(
      'the replica has heard',
      async () => (await granted(replica))?.includes('patients:write'),
      1000,
    );
    await house.deleteBusinessRole(role);
    expect(await judge(app, ana.access, clinic)).toMatchObject({
      valid: true,
      service: { role: null, valid: true },
      subject: { permissions: [] },
    });
    await until('it is gone there', async () => (await granted(replica))?.length === 0, 1000);
    expect((await house.servicesOf(ana.id)).data['user'].services).toMatchObject([
      { role: null, valid: true },
    ]);
  });
});

describe('references to business roles', () => {
  const entity = async (id: string, asking: Asking) => {
    const { data, errors } = await app.graphql(
      `query ($r: [_Any!]!) { _entities(representations: $r) { ... on BusinessRole { id name permissions service { name } } } }`,
      { r: [{ __typename: 'BusinessRole', id }] },
      asking,
    );
    expect(errors).toEqual([]);
    return data['_entities'][0] as object | null;
  };

  it('are followed for the gateway, for who may read roles, and for who has it', async () => {
    const id = await businessRoleOf(house, {
      name: 'surgeon',
      serviceId: clinic,
      permissions: ['patients:read'],
    });
    const surgeon = { id, name: 'surgeon', permissions: ['patients:read'], service: { name: 'clinic' } };
    const [ana, bo] = [await join(app), await join(app)];
    await house.setUserServices(ana.id, [{ serviceId: clinic, businessRoleId: id }]);
    const staff = await joinAs(app, owner, 'STAFF');
    for (const asking of [{}, { bearer: ana.access }, { bearer: staff.access }])
      expect(await entity(id, asking)).toEqual(surgeon);
    expect(await entity(id, { bearer: bo.access })).toBeNull();
    for (const unknown of [UNKNOWN, 'x']) expect(await entity(unknown, {})).toBeNull();
  });
});
