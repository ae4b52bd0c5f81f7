import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actingAs, fieldsOf, MALFORMED, settle, UNKNOWN } from '../harness/administration.js';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { ownerOf, roleId, type Person } from '../harness/people.js';

let app: TestApp;
let owner: Person;
let house: ReturnType<typeof actingAs>;
let look: Look;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  owner = await ownerOf(app);
  house = actingAs(app, owner);
  look = await lookInto(app.databaseUrl);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

/** Usernames that a filter finds, in the order found. */
async function found(filter: object, more: object = {}): Promise<string[]> {
  const answer = await house.users({ first: 100, filter, ...more });
  expect(answer.errors).toEqual([]);
  return answer.data['users'].nodes.map((user: { username: string }) => user.username);
}

describe('finding accounts', () => {
  it('a search takes %, _ and \\ for themselves', async () => {
    const names = { percent: 'per%cent', score: 'per_cent', slash: 'per\\cent', other: 'perXcent' };
    for (const [username, first_name] of Object.entries(names)) await settle(look, username, { first_name });
    expect(await found({ search: 'r%c' })).toEqual(['percent']);
    expect(await found({ search: 'r_c' })).toEqual(['score']);
    expect(await found({ search: 'r\\c' })).toEqual(['slash']);
    expect(await found({ search: '%' })).toEqual(['percent']);
    expect((await found({ search: 'per', username: 'other' })).length).toBe(1);
  });

  it('a search reads names, email addresses and usernames, without regard to case or Unicode spelling', async () => {
    await settle(look, 'elodie', { first_name: 'Élodie', middle_name: 'Anne', last_name: 'Ünal' });
    await settle(look, 'zoe', {
      first_name: 'Zoe\u0301',
      email: 'Z.Mail@Example.Test',
      email_key: 'z.mail@example.test',
    });
    for (const search of ['élodie', 'ÉLODIE', 'anne ünal', 'E\u0301lodie', 'ELODIE@'])
      expect([search, await found({ search })]).toEqual([search, ['elodie']]);
    for (const search of ['zoé', 'ZOÉ', 'Z.MAIL'])
      expect([search, await found({ search })]).toEqual([search, ['zoe']]);
  });

  it('a search that no name can match finds nobody, and one that is too long is refused', async () => {
    for (const search of ['\u0000', 'a\u0000b', '\ud800']) expect(await found({ search })).toEqual([]);
    await settle(look, 'long', { first_name: 'x'.repeat(100) });
    expect(await found({ search: 'x'.repeat(100) })).toEqual(['long']);
    const tooLong = await house.users({ filter: { search: `${'x'.repeat(100)}yz` } });
    expect([codeOf(tooLong), fieldsOf(tooLong)]).toEqual(['BAD_USER_INPUT', ['search']]);
  });

  it('an email address and a username are found exactly, without regard to case', async () => {
    await settle(look, 'Exact.Name');
    expect(await found({ email: 'EXACT.name@example.test' })).toEqual(['Exact.Name']);
    expect(await found({ username: 'exact.NAME' })).toEqual(['Exact.Name']);
    expect(await found({ username: 'ｅｘａｃｔ.name' })).toEqual(['Exact.Name']);
    expect(await found({ username: 'exact' })).toEqual([]);
  });

  it('holders of a role are found by its id or name; an unknown or malformed one has none', async () => {
    const id = await roleId(app, owner, 'OWNER');
    expect(await found({ roleId: id })).toEqual(['owner']);
    expect(await found({ roleId: id.toUpperCase() })).toEqual(['owner']);
    for (const wrong of [UNKNOWN, ...MALFORMED]) expect(await found({ roleId: wrong })).toEqual([]);
    for (const role of ['OWNER', 'owner']) expect(await found({ role })).toEqual(['owner']);
    for (const role of ['nobody', '', '\u0000', '%']) expect(await found({ role })).toEqual([]);
  });

  it('every account is in one state: deleted outweighs suspended', async () => {
    const at = '2026-01-01T00:00:00Z';
    await settle(look, 'state-active');
    await settle(look, 'state-suspended', { suspended_at: at });
    await settle(look, 'state-deleted', { deleted_at: at });
    await settle(look, 'state-both', { suspended_at: at, deleted_at: at });
    const search = 'state-';
    expect(await found({ search, status: 'ACTIVE' })).toEqual(['state-active']);
    expect(await found({ search, status: 'SUSPENDED' })).toEqual(['state-suspended']);
    expect((await found({ search, status: 'DELETED' })).sort()).toEqual(['state-both', 'state-deleted']);
    expect(await found({ search, status: null })).toHaveLength(4);
  });

  it('dates of creation bound a list: from the first moment, up to but without the last', async () => {
    for (const day of [1, 2, 3])
      await settle(look, `day-${day}`, { created_at: `2001-01-0${day}T00:00:00.000Z` });
    const search = 'day-';
    const createdAfter = '2001-01-02T00:00:00Z';
    expect(await found({ search, createdAfter })).toEqual(['day-3', 'day-2']);
    expect(await found({ search, createdBefore: createdAfter })).toEqual(['day-1']);
    expect(await found({ search, createdAfter, createdBefore: '2001-01-03T01:00:00+01:00' })).toEqual([
      'day-2',
    ]);
    expect(
      await found({ search, createdAfter: '0001-01-01T00:00:00Z', createdBefore: '9999-12-31T23:59:59Z' }),
    ).toHaveLength(3);
  });

  it('and so do dates of changes, sign-ins and deletions; what never happened is in no span', async () => {
    const spans = [
      ['updated', 'updated_at', { updatedAfter: 1, updatedBefore: 1 }],
      ['lastSignIn', 'last_sign_in_at', { lastSignInAfter: 1, lastSignInBefore: 1 }],
      ['deleted', 'deleted_at', { deletedAfter: 1, deletedBefore: 1 }],
    ] as const;
    for (const [name, column] of spans) {
      for (const day of [1, 2, 3])
        await settle(look, `${name}-span-${day}`, {
          [column]: `2002-01-0${day}T00:00:00.000Z`,
          created_at: `2002-02-0${day}T00:00:00.000Z`,
        });
      await settle(look, `${name}-span-never`, { created_at: '2002-02-04T00:00:00.000Z' });
      const search = `${name}-span-`.toLowerCase();
      const [from, to] = ['2002-01-02T00:00:00Z', '2002-01-03T00:00:00Z'];
      const after = await found({ search, [`${name}After`]: from });
      expect(after.filter((username) => !username.endsWith('never'))).toEqual(
        [3, 2].map((day) => `${name}-span-${day}`),
      );
      expect(await found({ search, [`${name}Before`]: from })).toEqual([`${name}-span-1`]);
      expect(await found({ search, [`${name}After`]: from, [`${name}Before`]: to })).toEqual([
        `${name}-span-2`,
      ]);
    }
    expect(await found({ search: 'lastsignin-span-never', lastSignInAfter: '0001-01-01T00:00:00Z' })).toEqual(
      [],
    );
  });

  it('accounts are found by the service they may use, whatever the access is worth, and by what they are there', async () => {
    const id = (digit: number) => `01890000-0000-7000-8000-00000000000${digit}`;
    const [clinic, shop, empty, patient] = [id(1), id(2), id(3), id(4)];
    for (const [service, name] of [
      [clinic, 'clinic'],
      [shop, 'shop'],
      [empty, 'empty'],
    ])
      await look('insert into services (id, name) values ($1, $2)', [service, name]);
    await look("insert into business_roles (id, name, name_key) values ($1, 'PATIENT', 'patient')", [
      patient,
    ]);
    const may = async (
      username: string,
      accesses: [service: string, role: string | null][],
      status = 'ACTIVE',
    ) => {
      const user = await settle(look, username);
      for (const [service, role] of accesses)
        await look(
          'insert into service_access (user_id, service_id, business_role_id, status) values ($1, $2, $3, $4)',
          [user, service, role, status],
        );
    };
    await may('at-clinic', [[clinic, patient]]);
    await may('at-shop', [
      [shop, patient],
      [clinic, null],
    ]);
    await may('at-clinic-once', [[clinic, null]], 'SUSPENDED');
    await may('at-neither', []);
    const all = async (filter: object) => (await found(filter)).sort();
    expect(await all({ serviceId: clinic })).toEqual(['at-clinic', 'at-clinic-once', 'at-shop']);
    expect(await all({ serviceId: clinic.toUpperCase() })).toHaveLength(3);
    expect(await all({ serviceId: shop })).toEqual(['at-shop']);
    expect(await all({ businessRoleId: patient })).toEqual(['at-clinic', 'at-shop']);
    expect(await all({ serviceId: clinic, businessRoleId: patient })).toEqual(['at-clinic']);
    expect(await all({ serviceId: clinic, search: 'once' })).toEqual(['at-clinic-once']);
    for (const wrong of [empty, UNKNOWN, ...MALFORMED]) {
      expect(await all({ serviceId: wrong })).toEqual([]);
      expect(await all({ businessRoleId: wrong })).toEqual([]);
    }
  });

  it('a page counts all that its filter finds', async () => {
    for (const n of [1, 2, 3]) await settle(look, `counted-${n}`);
    const { data } = await house.users(
      { first: 1, filter: { search: 'counted-' } },
      'totalCount nodes { id }',
    );
    expect(data['users']).toMatchObject({ totalCount: 3, nodes: [{ id: expect.any(String) }] });
  });

  it('a search asks an index, where PostgreSQL brings what that takes', async () => {
    await look('set enable_seqscan = off');
    const plan = await look("explain select * from users where search_key like '%ana%'");
    await look('reset enable_seqscan');
    expect(JSON.stringify(plan)).toContain('users_search');
  });

  it('nothing can be filtered or sorted by what may not be seen', async () => {
    for (const filter of [
      { passwordHash: 'x' },
      { totpSecret: 'x' },
      { email: 5 },
      { status: 'GONE' },
      { createdAfter: 'now' },
    ]) {
      const answer = await house.users({ filter });
      expect([codeOf(answer), fieldsOf(answer).length]).toEqual(['BAD_USER_INPUT', 1]);
    }
    for (const orderBy of [
      { field: 'PASSWORD_HASH' },
      { field: 'id; drop table users' },
      { field: 'EMAIL', direction: 'UP' },
      {},
    ])
      expect(codeOf(await house.users({ orderBy }))).toBe('BAD_USER_INPUT');
  });
});
