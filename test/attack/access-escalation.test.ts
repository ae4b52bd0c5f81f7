import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actingAs, settle } from '../harness/administration.js';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf, whoAmI } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { enter, join, joinAs, ownerOf, roleId, type Person } from '../harness/people.js';
import { businessRoleOf, judge, serviceOf, servicesDesk, type ServicesDesk } from '../harness/services.js';
import { until } from '../harness/until.js';

let app: TestApp;
let replica: TestApp;
let look: Look;
let owner: Person;
let house: ServicesDesk;
let clinic: string;
/** Business roles of the clinic, from nothing to more than the manager holds. */
let visitor: string;
let nurse: string;
let surgeon: string;
/** HIGHER_STAFF with patients:read, without patients:write. */
let manager: Person;
let desk: ServicesDesk;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  replica = await app.replica();
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
  house = servicesDesk(app, owner);
  for (const name of ['patients:read', 'patients:write']) await house.createPermission(name);
  clinic = await serviceOf(house, { name: 'clinic' });
  visitor = await businessRoleOf(house, { serviceId: clinic });
  nurse = await businessRoleOf(house, { serviceId: clinic, permissions: ['patients:read'] });
  const all = ['patients:read', 'patients:write'];
  surgeon = await businessRoleOf(house, { serviceId: clinic, permissions: all });
  const reader = { name: 'reader', rank: 29, permissions: ['patients:read'] };
  const { data } = await actingAs(app, owner).createRole(reader);
  const higher = await roleId(app, owner, 'HIGHER_STAFF');
  const person = await join(app);
  await actingAs(app, owner).setUserRoles(person.id, [higher, data['createRole'].id]);
  manager = await enter(app, person);
  desk = servicesDesk(app, manager);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

/** Everything that decides what anybody is at any service. */
async function rights(): Promise<unknown[]> {
  const seen: unknown[] = [];
  for (const table of ['service_access', 'business_roles', 'business_role_permissions', 'services'])
    seen.push(await look(`select t::text from ${table} t order by 1`));
  const told = "select count(*) from audit_events where type not in ('access.denied', 'token.refused')";
  return [...seen, await look(told)];
}

/** Expects a refusal that changes nothing. */
async function refused(act: () => ReturnType<ServicesDesk['run']>, code = 'FORBIDDEN'): Promise<void> {
  const before = await rights();
  expect(codeOf(await act())).toBe(code);
  expect(await rights()).toEqual(before);
}

const at = (businessRoleId: string | null, more: object = {}) => [
  { serviceId: clinic, businessRoleId, ...more },
];
let made = 0;
/** An account of no rank with these accesses. */
const somebody = async (services: object[] = []): Promise<string> => {
  const id = await settle(look, `some${++made}`);
  expect(codeOf(await house.setUserServices(id, services))).toBeUndefined();
  return id;
};

describe('nobody gives at a service what they do not hold', () => {
  it('a stronger business role is given to nobody, suspended or not, soon over or not', async () => {
    const [nobody, held] = [await somebody(), await somebody(at(nurse))];
    for (const id of [nobody, held])
      for (const more of [{}, { status: 'SUSPENDED' }, { expiresAt: '2999-01-01T00:00:00Z' }])
        await refused(() => desk.setUserServices(id, at(surgeon, more)));
    expect(codeOf(await desk.setUserServices(nobody, at(nurse)))).toBeUndefined();
    expect(codeOf(await desk.setUserServices(nobody, at(visitor)))).toBeUndefined();
  });

  it('a stronger one is neither taken away, nor swapped, nor prolonged, nor let in again', async () => {
    const id = await somebody(at(surgeon, { status: 'SUSPENDED' }));
    await refused(() => desk.setUserServices(id, []));
    const { errors } = await desk.setUserServices(id, []);
    expect(errors[0]?.message).toMatch(/^You must hold \S+ yourself to do this\.$/);
    await refused(() => desk.setUserServices(id, at(nurse)));
    await refused(() => desk.setUserServices(id, at(null, { status: 'SUSPENDED' })));
    await refused(() => desk.setUserServices(id, at(surgeon)));
    await refused(() =>
      desk.setUserServices(id, at(surgeon, { status: 'SUSPENDED', expiresAt: '2999-01-01T00:00:00Z' })),
    );
  });

  it('but one that stays as it is stands in nobody’s way', async () => {
    const other = await serviceOf(house);
    const id = await somebody(at(surgeon));
    const services = [...at(surgeon), { serviceId: other }];
    expect(codeOf(await desk.setUserServices(id, services))).toBeUndefined();
    await refused(() => desk.setUserServices(id, [{ serviceId: other }]));
  });

  it('two accesses are not swapped in two steps, nor in one', async () => {
    const other = await serviceOf(house);
    const general = await businessRoleOf(house, { permissions: ['patients:write'] });
    const id = await somebody([{ serviceId: other, businessRoleId: general }, ...at(nurse)]);
    await refused(() => desk.setUserServices(id, [{ serviceId: other }, ...at(general)]));
    await refused(() =>
      desk.setUserServices(id, [{ serviceId: other, businessRoleId: general }, ...at(general)]),
    );
    await refused(() => desk.setUserServices(id, at(nurse)));
  });

  it('a business role of another service is not given, by owners neither', async () => {
    const foreign = await businessRoleOf(house, { serviceId: await serviceOf(house) });
    const id = await somebody();
    for (const who of [desk, house])
      await refused(() => who.setUserServices(id, at(foreign)), 'BAD_USER_INPUT');
  });

  it('nobody gives to themselves, to a peer or to a superior, whatever it is', async () => {
    const peer = await joinAs(app, owner, 'HIGHER_STAFF');
    for (const { id } of [manager, peer, owner])
      for (const services of [at(nurse), at(visitor), at(null), []])
        await refused(() => desk.setUserServices(id, services));
    const staff = servicesDesk(app, await joinAs(app, owner, 'STAFF'));
    await refused(() => staff.setUserServices(manager.id, at(null)));
  });

  it('whose rank or permission was lost a moment ago gives nothing, even where no word of it got round', async () => {
    const clerk = await joinAs(app, owner, 'STAFF');
    const id = await somebody();
    // Behind the service's back: its memory still says STAFF.
    await look('delete from user_roles where user_id = $1', [clerk.id]);
    await refused(() => servicesDesk(app, clerk).setUserServices(id, at(visitor)));
  });

  it('owners give, take and swap what they like, to themselves as well', async () => {
    for (const services of [at(surgeon), at(nurse), []])
      expect(codeOf(await house.setUserServices(owner.id, services))).toBeUndefined();
  });
});

describe('nobody makes a business role more than they are', () => {
  it('none is made with, raised to, or lowered from what its maker does not hold', async () => {
    const [read, write] = [['patients:read'], ['patients:write']];
    await refused(() => desk.createBusinessRole({ name: 'mine', permissions: write }));
    await refused(() =>
      desk.createBusinessRole({ name: 'mine', serviceId: clinic, permissions: [...read, ...write] }),
    );
    await refused(() => desk.updateBusinessRole(nurse, { permissions: [...read, ...write] }));
    await refused(() => desk.updateBusinessRole(visitor, { permissions: write }));
    await refused(() => desk.updateBusinessRole(surgeon, { permissions: read }));
    await refused(() => desk.updateBusinessRole(surgeon, { name: 'mine' }));
    await refused(() => desk.deleteBusinessRole(surgeon));
    const own = await businessRoleOf(desk, { permissions: read });
    expect(codeOf(await desk.updateBusinessRole(own, { permissions: [] }))).toBeUndefined();
    expect(codeOf(await desk.deleteBusinessRole(own))).toBeUndefined();
  });

  it('one is not raised after it was given, be it to an accomplice’s own making', async () => {
    const own = await businessRoleOf(desk, { serviceId: clinic, permissions: ['patients:read'] });
    const ana = await join(app);
    expect(codeOf(await desk.setUserServices(ana.id, at(own)))).toBeUndefined();
    await refused(() => desk.updateBusinessRole(own, { permissions: ['patients:read', 'patients:write'] }));
    expect((await judge(app, ana.access, clinic)).subject?.permissions).toEqual(['patients:read']);
    // Raised by an owner meanwhile, it is out of its maker's hands.
    await house.updateBusinessRole(own, { permissions: ['patients:write'] });
    await refused(() => desk.setUserServices(ana.id, []));
    await refused(() => desk.updateBusinessRole(own, { permissions: [] }));
    await refused(() => desk.deleteBusinessRole(own));
  });

  it('none carries an authority over the platform, whoever makes it', async () => {
    for (const who of [desk, house])
      for (const permission of ['users:manage', 'keys:manage', 'roles:manage'])
        await refused(() => who.updateBusinessRole(visitor, { permissions: [permission] }), 'BAD_USER_INPUT');
  });

  it('what a business role permits is no authority here: it opens nothing of the platform', async () => {
    const ana = await join(app);
    await house.setUserServices(ana.id, at(surgeon));
    const own = servicesDesk(app, ana);
    for (const answer of [
      await own.services(),
      await own.businessRole(surgeon),
      await own.setUserServices(ana.id, at(surgeon)),
      await actingAs(app, ana).peek(),
    ])
      expect(codeOf(answer)).toBe('FORBIDDEN');
  });

  it('two changes at once leave what was checked: given and raised in one moment, nobody gains', async () => {
    for (let round = 0; round < 5; round++) {
      const own = await businessRoleOf(house, { serviceId: clinic, permissions: ['patients:read'] });
      const id = await somebody();
      const [raised, given] = await Promise.all([
        house.updateBusinessRole(own, { permissions: ['patients:write'] }),
        servicesDesk(replica, manager).setUserServices(id, at(own)),
      ]);
      expect(codeOf(raised)).toBeUndefined();
      const events = await look<{ type: string }>(
        `select type from audit_events where subject = any($1) and type in ('services.set', 'business_role.updated')
         order by position`,
        [[own, id]],
      );
      const order = events.map(({ type }) => type);
      // Given first it was still harmless; raised first it is refused.
      if (codeOf(given) === undefined)
        expect(order.slice(-2)).toEqual(['services.set', 'business_role.updated']);
      else expect([codeOf(given), order.at(-1)]).toEqual(['FORBIDDEN', 'business_role.updated']);
    }
  });
});

describe('a service that comes back under its old name', () => {
  it('lets in nobody who had access to the old one, and knows none of its business roles', async () => {
    const old = await serviceOf(house, { name: 'reborn' });
    const boss = await businessRoleOf(house, {
      name: 'boss',
      serviceId: old,
      permissions: ['patients:write'],
    });
    const ana = await join(app);
    await house.setUserServices(ana.id, [{ serviceId: old, businessRoleId: boss }]);
    expect((await judge(app, ana.access, old, ['patients:write'])).valid).toBe(true);
    await desk.deleteService(old);
    const again = await serviceOf(desk, { name: 'reborn' });
    for (const id of [old, again])
      expect(await judge(app, ana.access, id)).toMatchObject({ valid: false, reason: 'NO_SERVICE_ACCESS' });
    await refused(
      () => desk.setUserServices(ana.id, [{ serviceId: again, businessRoleId: boss }]),
      'NOT_FOUND',
    );
    await refused(() => desk.updateBusinessRole(boss, { name: 'mine' }), 'NOT_FOUND');
    const own = await businessRoleOf(desk, { name: 'boss', serviceId: again });
    expect(
      codeOf(await desk.setUserServices(ana.id, [{ serviceId: again, businessRoleId: own }])),
    ).toBeUndefined();
    expect((await judge(app, ana.access, again)).subject?.permissions).toEqual([]);
  });
});

describe('an access that lets nobody in', () => {
  const refusedAt = async (door: TestApp, token: string) =>
    until(
      'it is refused',
      async () => {
        const { valid, reason } = await judge(door, token, clinic);
        return !valid && reason;
      },
      1000,
    );

  it.each([
    ['suspended', () => at(surgeon, { status: 'SUSPENDED' })],
    ['taken away', () => []],
  ])('%s it is refused within a second on another replica, and permits nothing', async (_, services) => {
    const ana = await join(app);
    await house.setUserServices(ana.id, at(surgeon));
    expect((await judge(replica, ana.access, clinic, ['patients:write'])).valid).toBe(true);
    await house.setUserServices(ana.id, services());
    expect(await refusedAt(replica, ana.access)).toBe('NO_SERVICE_ACCESS');
    for (const serviceId of [clinic, null]) {
      const verdict = await judge(replica, ana.access, serviceId, ['patients:write']);
      expect(verdict).toMatchObject({ valid: false, subject: null, scopes: [] });
    }
  });

  it('of a suspended or deleted account it is the account that is refused, and reinstated it is as before', async () => {
    const ana = await join(app);
    await house.setUserServices(ana.id, at(nurse));
    await actingAs(app, owner).suspendUser(ana.id);
    expect(await refusedAt(replica, ana.access)).toBe('SUBJECT_DISABLED');
    expect(codeOf(await whoAmI(app, ana.access))).toBe('ACCOUNT_SUSPENDED');
    await house.setUserServices(ana.id, at(visitor));
    await actingAs(app, owner).reinstateUser(ana.id);
    const { access } = await enter(app, ana);
    expect((await judge(app, access, clinic)).service?.role?.id).toBe(visitor);
    await actingAs(app, owner).deleteUser(ana.id);
    expect(await refusedAt(replica, access)).toBe('SUBJECT_DELETED');
  });

  it('at a disabled service it is refused at the next verification, here and on another replica', async () => {
    const shop = await serviceOf(house);
    const ana = await join(app);
    await house.setUserServices(ana.id, [{ serviceId: shop }]);
    expect((await judge(replica, ana.access, shop)).valid).toBe(true);
    await desk.updateService(shop, { status: 'DISABLED' });
    expect((await judge(app, ana.access, shop)).reason).toBe('NO_SERVICE_ACCESS');
    await until('it is refused there', async () => !(await judge(replica, ana.access, shop)).valid, 1000);
  });
});

describe('a permission that is required', () => {
  it('is found in a business role only where its service is asked about', async () => {
    const ana = await join(app);
    const other = await serviceOf(house);
    await house.setUserServices(ana.id, [...at(surgeon), { serviceId: other }]);
    const asked = async (serviceId: string | null) => {
      const { valid, reason } = await judge(app, ana.access, serviceId, ['patients:write']);
      return reason ?? valid;
    };
    expect([await asked(clinic), await asked(other), await asked(null)]).toEqual([
      ...[true, 'MISSING_PERMISSION', 'MISSING_PERMISSION'],
    ]);
  });
});
