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
