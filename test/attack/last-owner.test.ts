import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actingAs } from '../harness/administration.js';
import { startApp, type Answer, type TestApp } from '../harness/app.js';
import { codeOf } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { enter, joinAs, ownerOf, roleId, type Person } from '../harness/people.js';
import { until } from '../harness/until.js';

type Desk = ReturnType<typeof actingAs>;

let app: TestApp;
let replica: TestApp;
let look: Look;
let owner: Person;
let ownerRole: string;
let userRole: string;
/** Who may manage accounts, and not an owner's. */
let below: Person[];
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  replica = await app.replica();
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
  ownerRole = await roleId(app, owner, 'OWNER');
  userRole = await roleId(app, owner, 'USER');
  below = [await joinAs(app, owner, 'STAFF'), await joinAs(app, owner, 'HIGHER_STAFF')];
});
afterAll(async () => {
  await look.close();
  await app.close();
});

const activeOwners = async () =>
  (
    await look<{ id: string }>(
      `select u.id from users u join user_roles x on x.user_id = u.id join roles r on r.id = x.role_id
       where r.name = 'OWNER' and u.deleted_at is null and u.suspended_at is null`,
    )
  ).map(({ id }) => id);

/** Every way in which an owner can lose the standing of one. */
const ENDS: Record<string, (desk: Desk, id: string) => Promise<Answer>> = {
  deleteUser: (desk, id) => desk.deleteUser(id),
  suspendUser: (desk, id) => desk.suspendUser(id),
  'setUserRoles to USER': (desk, id) => desk.setUserRoles(id, [userRole]),
  'setUserRoles to nothing': (desk, id) => desk.setUserRoles(id, []),
};

describe('the last active owner', () => {
  it.each(Object.entries(ENDS))(
    '%s answers CONFLICT, to the owner as to those below, before rank is looked at',
    async (_, end) => {
      for (const actor of [owner, ...below])
        for (const id of [owner.id, owner.id.toUpperCase()]) {
          const answer = await end(actingAs(app, actor), id);
          expect([codeOf(answer), answer.errors[0]?.message]).toEqual([
            'CONFLICT',
            'This is the last active owner, who must stay one.',
          ]);
        }
      expect(await activeOwners()).toEqual([owner.id]);
      expect(codeOf(await actingAs(app, owner).peek())).toBeUndefined();
    },
  );

  it('cannot delete herself, though her password is right', async () => {
    const answer = await actingAs(app, owner).deleteMe(owner.password);
    expect(codeOf(answer)).toBe('CONFLICT');
    expect(await activeOwners()).toEqual([owner.id]);
  });

  it('is the last also where others are suspended or deleted', async () => {
    const house = actingAs(app, owner);
    const [suspended, deleted] = [await joinAs(app, owner, 'OWNER'), await joinAs(app, owner, 'OWNER')];
    await house.suspendUser(suspended.id);
    await house.deleteUser(deleted.id);
    for (const end of Object.values(ENDS)) expect(codeOf(await end(house, owner.id))).toBe('CONFLICT');
    expect(codeOf(await house.deleteMe(owner.password))).toBe('CONFLICT');
  });

  it('may go once there is another, and is kept in the role among others', async () => {
    const house = actingAs(app, owner);
    expect(codeOf(await house.setUserRoles(owner.id, [ownerRole, userRole]))).toBeUndefined();
    const second = await joinAs(app, owner, 'OWNER');
    expect(codeOf(await actingAs(app, second).setUserRoles(owner.id, [userRole]))).toBeUndefined();
    expect(await activeOwners()).toEqual([second.id]);
    expect(codeOf(await actingAs(app, second).deleteMe(second.password))).toBe('CONFLICT');
    expect(codeOf(await actingAs(app, second).setUserRoles(owner.id, [ownerRole]))).toBeUndefined();
    owner = await enter(app, owner);
    expect(codeOf(await actingAs(app, second).deleteMe(second.password))).toBeUndefined();
    expect(await activeOwners()).toEqual([owner.id]);
  });
});

describe('two owners at once', () => {
  const REFUSED = ['CONFLICT', 'FORBIDDEN', 'UNAUTHENTICATED', 'ACCOUNT_DELETED', 'ACCOUNT_SUSPENDED'];

  /** The one who stays brings the other back. */
  async function reunite(pair: [Person, Person]): Promise<[Person, Person]> {
    const [staying] = await activeOwners();
    const [survivor, fallen] = pair[0].id === staying ? pair : [pair[1], pair[0]];
    const desk = actingAs(app, survivor);
    await desk.restoreUser(fallen.id);
    await desk.reinstateUser(fallen.id);
    expect(codeOf(await desk.setUserRoles(fallen.id, [ownerRole]))).toBeUndefined();
    const back = await enter(app, fallen);
    await until(
      'the replica knows both',
      async () => codeOf(await actingAs(replica, back).peek()) === undefined,
    );
    return [survivor, back];
  }

  /** Leaves the house to the first of them again. */
  async function part(pair: [Person, Person]): Promise<void> {
    const isFirst = ({ username }: Person) => username === owner.username;
    owner = pair.find(isFirst) ?? owner;
    const other = pair.find((one) => !isFirst(one));
    expect(codeOf(await actingAs(app, owner).setUserRoles(other?.id ?? '', []))).toBeUndefined();
  }

  it.each([
    ['each other', 20, (pair: [Person, Person], at: number) => pair[1 - at]!.id],
    ['themselves', 8, (pair: [Person, Person], at: number) => pair[at]!.id],
  ])(
    'who demote, delete or suspend %s, on two replicas, leave one: %i rounds',
    async (_, rounds, targetOf) => {
      let pair: [Person, Person] = [owner, await joinAs(app, owner, 'OWNER')];
      const ends = Object.values(ENDS);
      for (let round = 0; round < rounds; round++) {
        const desks = [actingAs(app, pair[0]), actingAs(round % 2 === 0 ? replica : app, pair[1])];
        const codes = await Promise.all(
          desks.map((desk, at) =>
            ends[(round + at * Math.floor(round / 4)) % 4]!(desk, targetOf(pair, at)).then(codeOf),
          ),
        );
        expect([round, codes.filter((code) => code === undefined).length]).toEqual([round, 1]);
        expect(REFUSED).toContain(codes.find((code) => code !== undefined));
        expect(await activeOwners()).toHaveLength(1);
        pair = await reunite(pair);
      }
      await part(pair);
    },
  );

  it('who delete their own accounts leave one: five rounds', async () => {
    let pair: [Person, Person] = [owner, await joinAs(app, owner, 'OWNER')];
    for (let round = 0; round < 5; round++) {
      const codes = await Promise.all(
        pair.map((one, at) =>
          actingAs(at === 0 ? app : replica, one)
            .deleteMe(one.password)
            .then(codeOf),
        ),
      );
      expect(codes.sort()).toEqual(['CONFLICT', undefined]);
      expect(await activeOwners()).toHaveLength(1);
      pair = await reunite(pair);
    }
    await part(pair);
  });
});
