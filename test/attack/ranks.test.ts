import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actingAs } from '../harness/administration.js';
import { startApp, type Answer, type TestApp } from '../harness/app.js';
import { codeOf } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { enter, join, joinAs, ownerOf, roleId, verify, type Person } from '../harness/people.js';
import { until } from '../harness/until.js';

type Desk = ReturnType<typeof actingAs>;

let app: TestApp;
let replica: TestApp;
let look: Look;
let owner: Person;
let house: Desk;
const roles: Record<string, string> = {};
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  replica = await app.replica();
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
  house = actingAs(app, owner);
  for (const name of ['USER', 'STAFF', 'HIGHER_STAFF', 'OWNER']) roles[name] = await roleId(app, owner, name);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

let made = 0;
/** A role of the owner's making. @returns its id */
async function roleOf(input: { rank: number; permissions?: string[]; name?: string }): Promise<string> {
  const { data, body } = await house.createRole({ name: `made-${++made}`, permissions: [], ...input });
  if (!data['createRole']) throw new Error(body);
  return data['createRole'].id;
}

/** Somebody with a role of the owner's making, signed in with it. */
async function joinWith(...ids: string[]): Promise<Person> {
  const person = await join(app);
  expect(codeOf(await house.setUserRoles(person.id, ids))).toBeUndefined();
  return enter(app, person);
}

/** All that is known of an account, but for what reading it changes. */
const stateOf = ({ id }: Person) =>
  look(
    `select u.*, (select array_agg(r.name order by r.name) from user_roles x join roles r on r.id = x.role_id where x.user_id = u.id) as roles,
       (select count(*) from sessions s where s.user_id = u.id and s.ended_at is null) as sessions,
       (select count(*) from audit_events a where a.subject = u.id::text) as events
     from users u where u.id = $1`,
    [id],
  );

/** Every way there is to act on somebody's account. */
const ACTS: Record<string, (desk: Desk, target: Person) => Promise<Answer>> = {
  updateUser: (desk, { id }) => desk.updateUser(id, { firstName: 'Mallory' }),
  deleteUser: (desk, { id }) => desk.deleteUser(id),
  restoreUser: (desk, { id }) => desk.restoreUser(id),
  suspendUser: (desk, { id }) => desk.suspendUser(id),
  reinstateUser: (desk, { id }) => desk.reinstateUser(id),
  'setUserRoles down': (desk, { id }) => desk.setUserRoles(id, []),
  'setUserRoles up': (desk, { id }) => desk.setUserRoles(id, [roles['OWNER'] ?? '']),
  revokeUserSessions: (desk, { id }) => desk.revokeUserSessions(id),
  revokeSession: (desk, { sessionId }) => desk.revokeSession(sessionId),
};

describe('nobody manages an account of equal or higher rank', () => {
  it.each([
    ['STAFF', 'STAFF'],
    ['STAFF', 'HIGHER_STAFF'],
    ['STAFF', 'OWNER'],
    ['HIGHER_STAFF', 'HIGHER_STAFF'],
    ['HIGHER_STAFF', 'OWNER'],
  ])('%s does nothing to %s, by any path, and leaves no trace of trying', async (rank, over) => {
    const [actor, target] = [await joinAs(app, owner, rank), await joinAs(app, owner, over)];
    const before = await stateOf(target);
    for (const [name, act] of Object.entries(ACTS))
      expect([name, codeOf(await act(actingAs(app, actor), target))]).toEqual([name, 'FORBIDDEN']);
    expect(await stateOf(target)).toEqual(before);
    expect((await verify(app, target.access)).valid).toBe(true);
  });

  it.each(['STAFF', 'HIGHER_STAFF'])(
    '%s does nothing to a suspended or deleted peer either',
    async (rank) => {
      const actor = actingAs(app, await joinAs(app, owner, rank));
      const [suspended, deleted] = [await joinAs(app, owner, rank), await joinAs(app, owner, rank)];
      await house.suspendUser(suspended.id);
      await house.deleteUser(deleted.id);
      for (const act of ['updateUser', 'deleteUser', 'restoreUser', 'suspendUser', 'reinstateUser'])
        for (const target of [suspended, deleted])
          expect([act, codeOf(await ACTS[act]!(actor, target))]).toEqual([act, 'FORBIDDEN']);
      expect((await stateOf(suspended))[0]).toMatchObject({
        suspended_at: expect.any(Date),
        deleted_at: null,
      });
      expect((await stateOf(deleted))[0]).toMatchObject({ suspended_at: null, deleted_at: expect.any(Date) });
    },
  );

  it.each(['STAFF', 'HIGHER_STAFF'])('%s manages itself no better than a peer', async (rank) => {
    const person = await joinAs(app, owner, rank);
    const { 'setUserRoles down': down, updateUser, suspendUser, deleteUser, 'setUserRoles up': up } = ACTS;
    for (const act of [down, up, updateUser, suspendUser, deleteUser])
      expect(codeOf(await act!(actingAs(app, person), person))).toBe('FORBIDDEN');
    expect((await stateOf(person))[0]).toMatchObject({ roles: [rank], first_name: 'Ana' });
  });

  it('the highest of somebody’s roles counts, for actor and target', async () => {
    const low = await roleOf({ rank: 3 });
    const [two, staff] = [await joinWith(roles['HIGHER_STAFF']!, low), await joinWith(roles['STAFF']!, low)];
    expect(codeOf(await actingAs(app, staff).updateUser(two.id, { firstName: 'Eve' }))).toBe('FORBIDDEN');
    expect(codeOf(await actingAs(app, two).updateUser(staff.id, { firstName: 'Eve' }))).toBeUndefined();
  });

  it('ranks lower down are managed as they should be', async () => {
    const staff = actingAs(app, await joinAs(app, owner, 'STAFF'));
    const ana = await join(app);
    for (const name of [
      'updateUser',
      'suspendUser',
      'reinstateUser',
      'revokeUserSessions',
      'deleteUser',
      'restoreUser',
      'setUserRoles down',
    ])
      expect([name, codeOf(await ACTS[name]!(staff, ana))]).toEqual([name, undefined]);
  });
});

describe('nobody grants what is not below them', () => {
  it('STAFF makes nobody staff or more, nor any rank from its own up', async () => {
    const staff = actingAs(app, await joinAs(app, owner, 'STAFF'));
    const ana = await join(app);
    const equal = await roleOf({ rank: 20 });
    const higher = await roleOf({ rank: 21 });
    const before = await stateOf(ana);
    for (const ids of [
      [roles['STAFF']],
      [roles['HIGHER_STAFF']],
      [roles['OWNER']],
      [equal],
      [higher],
      [roles['USER'], roles['OWNER']],
    ])
      expect(codeOf(await staff.setUserRoles(ana.id, ids as string[]))).toBe('FORBIDDEN');
    expect(await stateOf(ana)).toEqual(before);
  });

  it('a low role that carries a permission beyond one’s own is not granted either', async () => {
    const staff = actingAs(app, await joinAs(app, owner, 'STAFF'));
    const higher = actingAs(app, await joinAs(app, owner, 'HIGHER_STAFF'));
    const keeper = await roleOf({ rank: 2, permissions: ['keys:manage'] });
    const asker = await roleOf({ rank: 2, permissions: ['tokens:introspect'] });
    const ana = await join(app);
    expect(codeOf(await staff.setUserRoles(ana.id, [keeper]))).toBe('FORBIDDEN');
    expect(codeOf(await staff.setUserRoles(ana.id, [asker]))).toBe('FORBIDDEN');
    expect(codeOf(await higher.setUserRoles(ana.id, [keeper]))).toBe('FORBIDDEN');
    expect(codeOf(await higher.setUserRoles(ana.id, [asker]))).toBeUndefined();
  });

  it('of a list with an unknown role nothing is granted', async () => {
    const ana = await join(app);
    const before = await stateOf(ana);
    for (const wrong of ['01890000-0000-7000-8000-000000000000', 'OWNER', '', roles['STAFF']!.slice(1)])
      expect(codeOf(await house.setUserRoles(ana.id, [roles['STAFF']!, wrong]))).toBe('NOT_FOUND');
    expect(await stateOf(ana)).toEqual(before);
  });
});

describe('nobody edits a role beyond themselves', () => {
  it('HIGHER_STAFF makes no role of its rank or more, nor with what it does not hold', async () => {
    const higher = actingAs(app, await joinAs(app, owner, 'HIGHER_STAFF'));
    const attempt = (rank: number, permissions: string[] = []) =>
      higher.createRole({ name: `escalated-${++made}`, rank, permissions }).then(codeOf);
    expect(await Promise.all([30, 31, 99].map((rank) => attempt(rank)))).toEqual([
      'FORBIDDEN',
      'FORBIDDEN',
      'FORBIDDEN',
    ]);
    expect(await attempt(100)).toBe('BAD_USER_INPUT');
    expect(await attempt(1, ['keys:manage'])).toBe('FORBIDDEN');
    expect(await attempt(1, ['users:read', 'keys:manage'])).toBe('FORBIDDEN');
    expect(await attempt(29, ['users:read', 'tokens:introspect'])).toBeUndefined();
    expect(await look("select 1 from roles where name like 'escalated-%'")).toHaveLength(1);
  });

  it('HIGHER_STAFF changes no role that is, or would become, its equal, and none that carries more', async () => {
    const higher = actingAs(app, await joinAs(app, owner, 'HIGHER_STAFF'));
    const low = await roleOf({ rank: 5, permissions: ['users:read'] });
    const rich = await roleOf({ rank: 5, permissions: ['keys:manage'] });
    const equal = await roleOf({ rank: 30 });
    const before = await look(
      'select * from roles r left join role_permissions p on p.role_id = r.id order by r.id, p.permission',
    );
    const attempts: [string, object][] = [
      ...[roles['HIGHER_STAFF']!, roles['OWNER']!, equal, rich].map(
        (id) => [id, { description: 'mine now' }] as [string, object],
      ),
      [low, { rank: 30 }],
      [low, { rank: 99 }],
      [low, { permissions: ['keys:manage'] }],
      [low, { permissions: ['users:read', 'keys:manage'], name: 'renamed' }],
      [rich, { permissions: [] }],
      [roles['HIGHER_STAFF']!, { permissions: ['users:read', 'keys:manage'] }],
      [roles['STAFF']!, { permissions: ['keys:manage'] }],
    ];
    for (const [id, input] of attempts)
      expect([input, codeOf(await higher.updateRole(id, input))]).toEqual([input, 'FORBIDDEN']);
    for (const id of [roles['HIGHER_STAFF']!, roles['OWNER']!, equal, rich])
      expect(codeOf(await higher.deleteRole(id))).toBe('FORBIDDEN');
    expect(
      await look(
        'select * from roles r left join role_permissions p on p.role_id = r.id order by r.id, p.permission',
      ),
    ).toEqual(before);
  });

  it('a role of one’s own making is no ladder: it cannot be given to oneself, nor carry anybody past its maker', async () => {
    const higher = await joinAs(app, owner, 'HIGHER_STAFF');
    const desk = actingAs(app, higher);
    const own = ['users:read', 'users:manage', 'roles:manage'];
    const { data } = await desk.createRole({ name: `deputy-${++made}`, rank: 29, permissions: own });
    const deputy = data['createRole'].id as string;
    expect(codeOf(await desk.setUserRoles(higher.id, [roles['HIGHER_STAFF']!, deputy]))).toBe('FORBIDDEN');
    const puppet = await join(app);
    expect(codeOf(await desk.setUserRoles(puppet.id, [deputy]))).toBeUndefined();
    const puppets = actingAs(app, await enter(app, puppet));
    expect(codeOf(await puppets.setUserRoles(higher.id, [roles['OWNER']!]))).toBe('FORBIDDEN');
    expect(codeOf(await puppets.updateRole(deputy, { rank: 28 }))).toBe('FORBIDDEN');
    expect(codeOf(await desk.updateRole(deputy, { rank: 30 }))).toBe('FORBIDDEN');
    expect(codeOf(await desk.updateRole(deputy, { permissions: [...own, 'keys:manage'] }))).toBe('FORBIDDEN');
  });

  it('what a permission was lost meanwhile, the transaction sees, even where no word of it got round', async () => {
    const staff = await joinAs(app, owner, 'STAFF');
    const ana = await join(app);
    // Behind the service's back: its memory still says STAFF.
    await look('delete from user_roles where user_id = $1', [staff.id]);
    for (const act of ['updateUser', 'deleteUser', 'suspendUser', 'revokeUserSessions', 'revokeSession'])
      expect([act, codeOf(await ACTS[act]!(actingAs(app, staff), ana))]).toEqual([act, 'FORBIDDEN']);
    expect((await stateOf(ana))[0]).toMatchObject({ deleted_at: null, first_name: 'Ana' });
  });
});

describe('OWNER alone is exempt', () => {
  it('owners manage owners, themselves included', async () => {
    const second = await joinAs(app, owner, 'OWNER');
    const desk = actingAs(app, second);
    expect(codeOf(await desk.updateUser(owner.id, { lastName: 'Mayor' }))).toBeUndefined();
    expect(codeOf(await desk.updateUser(second.id, { lastName: 'Deputy' }))).toBeUndefined();
    expect(codeOf(await house.suspendUser(second.id))).toBeUndefined();
    expect(codeOf(await house.reinstateUser(second.id))).toBeUndefined();
    const again = actingAs(app, await enter(app, second));
    expect(codeOf(await again.setUserRoles(second.id, [roles['STAFF']!]))).toBeUndefined();
    expect(codeOf(await again.setUserRoles(second.id, [roles['OWNER']!]))).toBe('FORBIDDEN');
  });

  it('and yet built-in roles keep name and rank, OWNER keeps everything, and none of them goes', async () => {
    expect(codeOf(await house.updateRole(roles['OWNER']!, { permissions: [] }))).toBe('CONFLICT');
    for (const name of ['USER', 'STAFF', 'HIGHER_STAFF', 'OWNER']) {
      expect(codeOf(await house.updateRole(roles[name]!, { name: 'OTHER' }))).toBe('CONFLICT');
      expect(codeOf(await house.updateRole(roles[name]!, { rank: 50 }))).toBe('CONFLICT');
      expect(codeOf(await house.deleteRole(roles[name]!))).toBe('CONFLICT');
    }
  });
});

describe('what is taken away is gone at once', () => {
  it('a role taken away counts at the next call, on every replica, with the same token', async () => {
    const staff = await joinAs(app, owner, 'STAFF');
    const ana = await join(app);
    const [here, there] = [actingAs(app, staff), actingAs(replica, staff)];
    expect([codeOf(await here.peek()), codeOf(await there.peek())]).toEqual([undefined, undefined]);
    await house.setUserRoles(staff.id, []);
    expect(codeOf(await there.deleteUser(ana.id))).toBe('FORBIDDEN');
    expect(codeOf(await here.peek())).toBe('FORBIDDEN');
    await until('the replica has heard', async () => codeOf(await there.peek()) === 'FORBIDDEN');
    expect(await verify(app, staff.access)).toEqual({ valid: true, reason: null });
  });

  it.each(['deleted', 'renamed'])(
    'a %s role’s name gives its old holders nothing when somebody uses it again',
    async (fate) => {
      const name = `reborn-${fate}`;
      const id = await roleOf({ name, rank: 5 });
      const holder = await joinWith(id);
      if (fate === 'deleted') await house.deleteRole(id);
      else await house.updateRole(id, { name: `${name}-before` });
      await roleOf({ name, rank: 25, permissions: ['users:read', 'users:manage'] });
      const ana = await join(app);
      expect(codeOf(await actingAs(app, holder).peek())).toBe('FORBIDDEN');
      expect(codeOf(await actingAs(app, holder).deleteUser(ana.id))).toBe('FORBIDDEN');
      const asked = await app.graphql(
        'query ($t: String!) { verifyToken(token: $t) { subject { roles permissions } } }',
        { t: holder.access },
      );
      const expected = fate === 'deleted' ? ['USER'] : [`${name}-before`];
      expect(asked.data['verifyToken'].subject).toEqual({ roles: expected, permissions: [] });
      await until(
        'the replica says so too',
        async () => codeOf(await actingAs(replica, holder).peek()) === 'FORBIDDEN',
      );
    },
  );
});
