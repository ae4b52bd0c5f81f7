import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actingAs, fieldsOf, MALFORMED, settle, UNKNOWN } from '../harness/administration.js';
import { movableClock, startApp, type TestApp } from '../harness/app.js';
import { codeOf } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { enter, join, joinAs, ownerOf, roleId, type Person } from '../harness/people.js';
import { businessRoleOf, judge, serviceOf, servicesDesk, type ServicesDesk } from '../harness/services.js';
import { statementsOf } from '../harness/statements.js';
import { until } from '../harness/until.js';

const clock = movableClock();
let app: TestApp;
let replica: TestApp;
let look: Look;
let owner: Person;
let house: ServicesDesk;
let clinic: string;
let shop: string;
let nurse: string;
let guest: string;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' }, clock);
  replica = await app.replica();
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
  house = servicesDesk(app, owner);
  for (const name of ['patients:read', 'patients:write']) await house.createPermission(name);
  [clinic, shop] = [await serviceOf(house, { name: 'clinic' }), await serviceOf(house, { name: 'shop' })];
  nurse = await businessRoleOf(house, { name: 'nurse', serviceId: clinic, permissions: ['patients:read'] });
  guest = await businessRoleOf(house, { name: 'guest' });
});
afterAll(async () => {
  await look.close();
  await app.close();
});

const inSeconds = (seconds: number) => new Date(clock.now() + seconds * 1000).toISOString();
const stored = (userId: string) =>
  look(
    'select service_id, business_role_id, status, expires_at from service_access where user_id = $1 order by 1',
    [userId],
  );

describe('setUserServices', () => {
  it('replaces every access of an account, and says what each is', async () => {
    const ana = await join(app);
    const expiresAt = inSeconds(3600);
    const { data } = await house.setUserServices(ana.id, [
      { serviceId: shop.toUpperCase(), status: 'SUSPENDED' },
      { serviceId: clinic, businessRoleId: nurse.toUpperCase(), expiresAt },
    ]);
    const atClinic = {
      service: { id: clinic, name: 'clinic', status: 'ACTIVE' },
      role: { id: nurse, name: 'nurse', permissions: ['patients:read'] },
      ...{ status: 'ACTIVE', expiresAt, valid: true },
    };
    const atShop = {
      service: { id: shop, name: 'shop', status: 'ACTIVE' },
      ...{ role: null, status: 'SUSPENDED', expiresAt: null, valid: false },
    };
    expect(data['setUserServices']).toEqual({ id: ana.id, services: [atClinic, atShop] });
    expect((await house.servicesOf(ana.id)).data['user'].services).toEqual([atClinic, atShop]);
    const own = await app.graphql('{ me { services { service { name } } } }', {}, { bearer: ana.access });
    expect(own.data['me'].services).toEqual([{ service: { name: 'clinic' } }, { service: { name: 'shop' } }]);
    const again = await house.setUserServices(ana.id.toUpperCase(), [
      { serviceId: shop, businessRoleId: guest },
    ]);
    expect(again.data['setUserServices'].services).toMatchObject([
      { service: { id: shop }, role: { name: 'guest' }, status: 'ACTIVE', valid: true },
    ]);
    expect((await house.setUserServices(ana.id, [])).data['setUserServices'].services).toEqual([]);
    expect(await stored(ana.id)).toEqual([]);
  });

  it('leaves on record what was before and what is after, and nothing where nothing changed', async () => {
    const ana = await join(app);
    const first = [{ serviceId: clinic, businessRoleId: nurse, expiresAt: inSeconds(60) }];
    const second = [{ serviceId: clinic, status: 'SUSPENDED' }];
    for (const services of [first, first, second]) await house.setUserServices(ana.id, services);
    const entry = (more: object) => ({
      ...{ businessRoleId: null, status: 'ACTIVE', expiresAt: null },
      ...more,
    });
    const events = await look(
      "select actor, details from audit_events where type = 'services.set' and subject = $1",
      [ana.id],
    );
    expect(events).toEqual([
      { actor: owner.id, details: { before: [], after: first.map(entry) } },
      { actor: owner.id, details: { before: first.map(entry), after: second.map(entry) } },
    ]);
  });

  it('of a list with anything wrong in it nothing is kept', async () => {
    const ana = await join(app);
    const gone = await serviceOf(house);
    const lost = await businessRoleOf(house, { serviceId: gone });
    await house.deleteService(gone);
    await house.setUserServices(ana.id, [{ serviceId: shop }]);
    const before = await stored(ana.id);
    const attempt = async (services: object[]) => {
      const answer = await house.setUserServices(ana.id, [{ serviceId: clinic }, ...services]);
      return [codeOf(answer), ...fieldsOf(answer)];
    };
    for (const serviceId of [UNKNOWN, gone, ...MALFORMED])
      expect([serviceId, await attempt([{ serviceId }])]).toEqual([serviceId, ['NOT_FOUND']]);
    for (const businessRoleId of [UNKNOWN, lost, ...MALFORMED])
      expect(await attempt([{ serviceId: shop, businessRoleId }])).toEqual(['NOT_FOUND']);
    expect(await attempt([{ serviceId: shop, businessRoleId: nurse }])).toEqual([
      'BAD_USER_INPUT',
      'services.1.businessRoleId',
    ]);
    expect(await attempt([{ serviceId: clinic.toUpperCase() }])).toEqual([
      'BAD_USER_INPUT',
      'services.1.serviceId',
    ]);
    for (const expiresAt of [inSeconds(-1), '0001-01-01T00:00:00Z'])
      expect(await attempt([{ serviceId: shop, expiresAt }])).toEqual([
        'BAD_USER_INPUT',
        'services.1.expiresAt',
      ]);
    const many = Array.from({ length: 100 }, () => ({ serviceId: UNKNOWN }));
    expect(await attempt(many)).toEqual(['BAD_USER_INPUT', 'services']);
    expect(await stored(ana.id)).toEqual(before);
  });

  it('knows no account that is unknown or malformed, and changes no deleted one', async () => {
    for (const id of [UNKNOWN, ...MALFORMED])
      expect([id, codeOf(await house.setUserServices(id, [{ serviceId: shop }]))]).toEqual([id, 'NOT_FOUND']);
    const ana = await join(app);
    await actingAs(app, owner).deleteUser(ana.id);
    expect(codeOf(await house.setUserServices(ana.id, [{ serviceId: shop }]))).toBe('CONFLICT');
  });

  it('keeps an expired access that stays as it is, and names disabled services', async () => {
    const [ana, closed] = [await join(app), await serviceOf(house)];
    await house.updateService(closed, { status: 'DISABLED' });
    const brief = { serviceId: clinic, expiresAt: inSeconds(60) };
    await house.setUserServices(ana.id, [brief]);
    clock.advance(61);
    const { data } = await house.setUserServices(ana.id, [brief, { serviceId: closed }]);
    const services = data['setUserServices'].services as { service: { id: string }; valid: boolean }[];
    expect(services.map(({ service, valid }) => [service.id, valid])).toEqual([
      [clinic, false],
      [closed, false],
    ]);
    const longer = await house.setUserServices(ana.id, [{ ...brief, status: 'SUSPENDED' }]);
    expect([codeOf(longer), fieldsOf(longer)]).toEqual(['BAD_USER_INPUT', ['services.0.expiresAt']]);
  });

  it('is for holders of users:manage', async () => {
    const [ana, bo] = [await join(app), await join(app)];
    const attempt = (person: Person) =>
      servicesDesk(app, person).setUserServices(bo.id, [{ serviceId: shop }]);
    expect(codeOf(await attempt(ana))).toBe('FORBIDDEN');
    expect(codeOf(await attempt(await joinAs(app, owner, 'STAFF')))).toBeUndefined();
  });
});

describe('a verification that asks about a service', () => {
  it('answers the service, the role there, and what roles and business role permit together', async () => {
    const ana = await joinAs(app, owner, 'STAFF');
    await house.setUserServices(ana.id, [{ serviceId: clinic, businessRoleId: nurse }, { serviceId: shop }]);
    const platform = (await judge(app, ana.access)).subject?.permissions ?? [];
    const asked = await judge(app, ana.access, clinic.toUpperCase(), ['patients:read', 'users:read']);
    expect(asked).toMatchObject({
      ...{ valid: true, reason: null },
      service: {
        service: { id: clinic, name: 'clinic', status: 'ACTIVE' },
        role: { id: nurse, name: 'nurse', permissions: ['patients:read'] },
        ...{ status: 'ACTIVE', expiresAt: null, valid: true },
      },
    });
    expect(platform).toContain('users:read');
    expect(platform).not.toContain('patients:read');
    expect([...(asked.subject?.permissions ?? [])].sort()).toEqual([...platform, 'patients:read'].sort());
    expect(asked.scopes).toEqual(asked.subject?.permissions);
    const lacking = { valid: false, reason: 'MISSING_PERMISSION', subject: null, scopes: [] };
    expect(await judge(app, ana.access, null, ['patients:read'])).toEqual({ ...lacking, service: null });
    expect(await judge(app, ana.access, shop, ['patients:read'])).toMatchObject({
      ...lacking,
      service: { service: { id: shop }, role: null },
    });
    expect(await judge(app, ana.access, clinic, ['patients:write'])).toMatchObject(lacking);
  });

  it.each([
    ['no such service', () => UNKNOWN],
    ['no id at all', () => 'x'],
    ['a service that the account has no access to', () => shop],
  ])('is refused for %s', async (_, serviceId) => {
    const ana = await join(app);
    await house.setUserServices(ana.id, [{ serviceId: clinic }]);
    expect(await judge(app, ana.access, serviceId())).toEqual({
      ...{ valid: false, reason: 'NO_SERVICE_ACCESS', subject: null, service: null, scopes: [] },
    });
  });

  it('is refused as soon as the access is over, by the clock alone', async () => {
    const ana = await join(app);
    const expiresAt = inSeconds(60);
    await house.setUserServices(ana.id, [{ serviceId: clinic, businessRoleId: nurse, expiresAt }]);
    expect((await judge(app, ana.access, clinic)).valid).toBe(true);
    clock.advance(60);
    expect(await judge(app, ana.access, clinic)).toMatchObject({
      ...{ valid: false, reason: 'NO_SERVICE_ACCESS' },
      service: { status: 'ACTIVE', expiresAt, valid: false },
    });
    expect((await judge(app, ana.access)).valid).toBe(true);
  });

  it('asks no database for an account it has met, whatever is asked', async () => {
    const ana = await join(app);
    await house.setUserServices(ana.id, [{ serviceId: clinic, businessRoleId: nurse }]);
    const token = (await enter(app, ana)).access;
    await judge(app, token, clinic);
    const statements = await statementsOf(async () => {
      for (const requires of [null, ['patients:read'], ['patients:write']])
        for (const serviceId of [clinic, shop, UNKNOWN]) await judge(app, token, serviceId, requires);
    });
    const TABLES = /"(users|user_roles|roles|services|service_access|business_\w+|sessions|permissions)"/;
    expect(statements.filter((text) => TABLES.test(text))).toEqual([]);
  });

  it('hears of a change within a second on another replica, with the same access token', async () => {
    const ana = await join(app);
    const at = async () => (await judge(replica, ana.access, clinic)).service;
    expect(await at()).toBeNull();
    const changes: [object, (seen: Awaited<ReturnType<typeof at>>) => boolean][] = [
      [{ businessRoleId: nurse }, (seen) => seen?.role?.name === 'nurse'],
      [{ businessRoleId: guest }, (seen) => seen?.role?.name === 'guest'],
      [{ status: 'SUSPENDED' }, (seen) => seen?.status === 'SUSPENDED' && !seen.valid],
      [{ status: 'ACTIVE' }, (seen) => seen?.valid === true],
    ];
    for (const [change, isThere] of changes) {
      await house.setUserServices(ana.id, [{ serviceId: clinic, ...change }]);
      await until(`${JSON.stringify(change)} is known`, async () => isThere(await at()), 1000);
    }
    await house.setUserServices(ana.id, []);
    await until('it is gone', async () => (await at()) === null, 1000);
    expect((await judge(replica, ana.access)).valid).toBe(true);
  });
});

describe('a page of accounts with their roles, services and business roles', () => {
  const TYPES = ['users', 'roles', 'permissions', 'service_access', 'services', 'business_roles'];
  const withoutSubqueries = (text: string): string => {
    const shorter = text.replaceAll(/\([^()]*\)/g, '');
    return shorter === text ? text : withoutSubqueries(shorter);
  };

  it('is one query a type, however many accounts', async () => {
    const staff = await roleId(app, owner, 'STAFF');
    const cook = await businessRoleOf(house, {
      name: 'cook',
      serviceId: shop,
      permissions: ['patients:write'],
    });
    for (let count = 0; count < 6; count++) {
      const id = await settle(look, `crew${count}`);
      await actingAs(app, owner).setUserRoles(id, [staff]);
      await house.setUserServices(id, [
        { serviceId: clinic, businessRoleId: count % 2 ? nurse : guest },
        { serviceId: shop, businessRoleId: cook },
      ]);
    }
    const query = `query ($first: Int) { users(first: $first) { nodes {
      username roles { name permissions { name } }
      services { status valid service { name } role { name permissions service { name } } } } } }`;
    const countOf = async (first: number) => {
      let nodes: { services: { role: { permissions: string[] } | null }[] }[] = [];
      const statements = await statementsOf(async () => {
        nodes = (await house.run(query, { first })).data['users'].nodes;
      });
      expect(nodes).toHaveLength(first);
      expect(nodes[0]?.services.map(({ role }) => role?.permissions)).toEqual([
        ['patients:read'],
        ['patients:write'],
      ]);
      const main = statements.map(withoutSubqueries);
      return TYPES.map((table) => main.filter((text) => text.includes(`from "${table}"`)).length);
    };
    // What goes on beside the request can only add to a count, so the least of a few is the request's own.
    const leastOf = async (first: number) => {
      const counts = [await countOf(first), await countOf(first), await countOf(first)];
      return TYPES.map((_, at) => Math.min(...counts.map((count) => count[at] ?? 0)));
    };
    expect(await leastOf(1)).toEqual(TYPES.map(() => 1));
    expect(await leastOf(6)).toEqual(TYPES.map(() => 1));
  });

  it('shows the services of an account to itself and to holders of users:read alone', async () => {
    const [ana, bo, staff] = [await join(app), await join(app), await joinAs(app, owner, 'STAFF')];
    await house.setUserServices(ana.id, [{ serviceId: clinic }]);
    const entity = (bearer: string) =>
      app.graphql(
        'query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { username services { valid } } } }',
        { r: [{ __typename: 'User', id: ana.id }] },
        { bearer },
      );
    for (const { access } of [ana, staff])
      expect((await entity(access)).data['_entities'][0].services).toEqual([{ valid: true }]);
    const refused = await entity(bo.access);
    expect([codeOf(refused), refused.data['_entities']]).toEqual([
      'FORBIDDEN',
      [{ username: ana.username, services: null }],
    ]);
  });
});
