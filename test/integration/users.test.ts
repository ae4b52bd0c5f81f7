import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join as path } from 'node:path';
import { actingAs, fieldsOf, MALFORMED, UNKNOWN } from '../harness/administration.js';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf, signIn } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { join, joinAs, ownerOf, verify, type Person } from '../harness/people.js';
import { until } from '../harness/until.js';

let app: TestApp;
let owner: Person;
let look: Look;
let house: ReturnType<typeof actingAs>;
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

describe('changing profiles', () => {
  const everything = {
    firstName: 'Bea',
    middleName: 'Q.',
    lastName: 'Ng',
    phone: '+351 912 345 678',
    telegram: '@bea_ng',
    country: 'br',
    birthDate: '2000-02-29',
  };
  const shown = { ...everything, country: 'BR' };

  it('a person changes her profile, keeps what she leaves out, and clears what may be empty', async () => {
    const ana = await join(app);
    const me = actingAs(app, ana);
    const all = await me.updateMe({ ...everything, username: `${ana.username}-new` });
    expect(all.data['updateMe']).toMatchObject({
      ...shown,
      username: `${ana.username}-new`,
      email: ana.email,
    });
    const some = await me.updateMe({ middleName: null, phone: null, telegram: null, firstName: 'Bia' });
    expect(some.data['updateMe']).toMatchObject({
      ...shown,
      firstName: 'Bia',
      middleName: null,
      phone: null,
      telegram: null,
    });
  });

  it('what the deployment makes compulsory cannot be cleared', async () => {
    const ana = await join(app);
    const input = { username: null, firstName: null, lastName: null, country: null, birthDate: null };
    const own = await actingAs(app, ana).updateMe(input);
    expect([codeOf(own), fieldsOf(own)]).toEqual(['BAD_USER_INPUT', Object.keys(input).sort()]);
    const theirs = await house.updateUser(ana.id, { email: null, ...input });
    expect([codeOf(theirs), fieldsOf(theirs)]).toEqual([
      'BAD_USER_INPUT',
      ['email', ...Object.keys(input)].sort(),
    ]);
  });

  it.each([
    [
      'a birth ten years ago',
      { birthDate: `${new Date().getUTCFullYear() - 10}-06-15` },
      'UNDERAGE',
      ['birthDate'],
    ],
    ['a birth in the future', { birthDate: '2999-01-01' }, 'BAD_USER_INPUT', ['birthDate']],
    ['a birth in 1800', { birthDate: '1800-01-01' }, 'BAD_USER_INPUT', ['birthDate']],
    ['29 February of a year without', { birthDate: '2001-02-29' }, 'BAD_USER_INPUT', ['birthDate']],
    ['a country that is not', { country: 'ZZ' }, 'BAD_USER_INPUT', ['country']],
    ['a country by its name', { country: 'Portugal' }, 'BAD_USER_INPUT', ['country']],
    ['a username of one letter', { username: 'a' }, 'BAD_USER_INPUT', ['username']],
    ['a username with @', { username: 'a@b' }, 'BAD_USER_INPUT', ['username']],
    [
      'an empty first name and a last name with NUL',
      { firstName: ' ', lastName: 'a\u0000b' },
      'BAD_USER_INPUT',
      ['firstName', 'lastName'],
    ],
    [
      'three fields',
      { middleName: 'x'.repeat(101), phone: 'call me', telegram: '?' },
      'BAD_USER_INPUT',
      ['middleName', 'phone', 'telegram'],
    ],
  ])('%s is refused whoever sets it, and nothing of it is kept', async (_, wrong, code, fields) => {
    const ana = await join(app);
    const input = { telegram: '@fine_name', ...wrong };
    for (const answer of [await actingAs(app, ana).updateMe(input), await house.updateUser(ana.id, input)])
      expect([codeOf(answer), fieldsOf(answer)]).toEqual([code, fields]);
    const kept = (await house.user(ana.id)).data['user'];
    expect(kept).toMatchObject({
      firstName: 'Ana',
      lastName: 'Li',
      country: 'PT',
      birthDate: '1990-01-31',
      telegram: null,
    });
  });

  it('one who has her thirteenth birthday today may say so, one who has it tomorrow may not, whoever says it', async () => {
    const ana = await join(app);
    for (const tell of [actingAs(app, ana).updateMe, (input: object) => house.updateUser(ana.id, input)]) {
      const tomorrow = await tell({ birthDate: yearsAgo(13, 1) });
      expect([codeOf(tomorrow), fieldsOf(tomorrow)]).toEqual(['UNDERAGE', ['birthDate']]);
      expect(codeOf(await tell({ birthDate: yearsAgo(13, 0) }))).toBeUndefined();
    }
  });

  it('a name that is taken is a conflict that says which, and nothing else changes', async () => {
    const [ana, bo] = [await join(app), await join(app)];
    const own = await actingAs(app, ana).updateMe({ username: bo.username.toUpperCase(), firstName: 'Eve' });
    expect([codeOf(own), fieldsOf(own), own.errors[0]?.message]).toEqual([
      'CONFLICT',
      ['username'],
      'Username already exists',
    ]);
    const theirs = await house.updateUser(ana.id, {
      email: bo.email.toUpperCase(),
      username: bo.username,
      firstName: 'Eve',
    });
    expect([codeOf(theirs), fieldsOf(theirs), theirs.errors[0]?.message]).toEqual([
      'CONFLICT',
      ['email', 'username'],
      'Email already exists',
    ]);
    expect((await house.user(ana.id)).data['user']).toMatchObject({
      firstName: 'Ana',
      username: ana.username,
      email: ana.email,
    });
  });

  it('of many who want one name at once, one gets it and the others are told', async () => {
    const people = await Promise.all(Array.from({ length: 6 }, () => join(app)));
    const answers = await Promise.all(
      people.map((person) => actingAs(app, person).updateMe({ username: 'the-one-name' })),
    );
    expect(answers.map(codeOf).sort()).toEqual([...Array<string>(5).fill('CONFLICT'), undefined]);
  });

  it('an account may keep its own name in other capitals', async () => {
    const ana = await join(app);
    const { data } = await house.updateUser(ana.id, {
      username: ana.username.toUpperCase(),
      email: ana.email,
    });
    expect(data['updateUser']).toMatchObject({ username: ana.username.toUpperCase(), email: ana.email });
  });
});

describe('changing an email address', () => {
  it('what stays as it was stays confirmed, and a new one is not confirmed', async () => {
    const ana = await join(app);
    await look('update users set email_verified_at = now() where id = $1', [ana.id]);
    expect(
      (await house.updateUser(ana.id, { email: ana.email, phone: '12345' })).data['updateUser']
        .isEmailVerified,
    ).toBe(true);
    expect(
      (await house.updateUser(ana.id, { email: `new-${ana.email}` })).data['updateUser'].isEmailVerified,
    ).toBe(false);
  });

  it('the link that was mailed to the old address does not confirm the new one', async () => {
    const ana = await join(app);
    const token = await mailedTo(ana.email);
    await house.updateUser(ana.id, { email: `new-${ana.email}` });
    const answer = await app.graphql('mutation ($t: String!) { verifyEmail(token: $t) }', { t: token });
    expect(codeOf(answer)).toBe('ONE_TIME_TOKEN_INVALID');
    expect((await house.user(ana.id)).data['user'].isEmailVerified).toBe(false);
  });

  function mailedTo(address: string): Promise<string> {
    const folder = path(app.dataDir, 'mail');
    const read = (name: string) =>
      readFileSync(path(folder, name), 'utf8')
        .replaceAll(/=\r?\n/g, '')
        .replaceAll('=3D', '=');
    return until('the link is mailed', () => {
      const mail = readdirSync(folder)
        .map(read)
        .find((text) => text.includes(`To: ${address}`));
      return /token=([A-Za-z0-9_-]{43})\b/.exec(mail ?? '')?.[1];
    });
  }
});

describe('the life of an account', () => {
  const statusOf = async (id: string) => (await house.user(id)).data['user'].status;

  it('deleted, it is refused everywhere until it is restored', async () => {
    const ana = await join(app);
    expect((await house.deleteUser(ana.id)).data['deleteUser'].status).toBe('DELETED');
    expect(await verify(app, ana.access)).toEqual({ valid: false, reason: 'SUBJECT_DELETED' });
    expect((await entering(ana)).errors[0]).toMatchObject({
      message: 'Your account has been deleted and access is denied.',
      extensions: { code: 'ACCOUNT_DELETED' },
    });
    expect((await house.restoreUser(ana.id)).data['restoreUser'].status).toBe('ACTIVE');
    expect((await entering(ana)).errors).toEqual([]);
    expect((await verify(app, ana.access)).valid).toBe(false);
  });

  it('suspended, then deleted, then restored, it is still suspended', async () => {
    const ana = await join(app);
    await house.suspendUser(ana.id);
    await house.deleteUser(ana.id);
    expect(codeOf(await house.reinstateUser(ana.id))).toBe('CONFLICT');
    await house.restoreUser(ana.id);
    expect(await statusOf(ana.id)).toBe('SUSPENDED');
    expect(codeOf(await entering(ana))).toBe('ACCOUNT_SUSPENDED');
    await house.reinstateUser(ana.id);
    expect((await entering(ana)).errors).toEqual([]);
  });

  it('doing to it what was done already changes nothing', async () => {
    const ana = await join(app);
    const versions = async () =>
      (await look('select authz_version, updated_at from users where id = $1', [ana.id]))[0];
    const before = await versions();
    await house.restoreUser(ana.id);
    await house.reinstateUser(ana.id);
    expect(await versions()).toEqual(before);
    for (const again of [house.suspendUser, house.deleteUser]) {
      await again(ana.id);
      const once = await versions();
      expect((await again(ana.id)).data).toEqual((await again(ana.id)).data);
      expect(await versions()).toEqual(once);
    }
  });

  it('deleted, it is neither changed nor given roles nor suspended before it is restored', async () => {
    const ana = await join(app);
    await house.deleteUser(ana.id);
    const acts = [
      house.updateUser(ana.id, { firstName: 'Eve' }),
      house.setUserRoles(ana.id, []),
      house.suspendUser(ana.id),
    ];
    expect((await Promise.all(acts)).map(codeOf)).toEqual(['CONFLICT', 'CONFLICT', 'CONFLICT']);
  });

  it('a reason for a suspension is bounded text', async () => {
    const ana = await join(app);
    const suspend = (reason: string) =>
      app.graphql(
        'mutation ($id: ID!, $reason: String) { suspendUser(id: $id, reason: $reason) { status } }',
        { id: ana.id, reason },
        { bearer: owner.access },
      );
    for (const reason of ['x'.repeat(501), 'a\u0000b', 'line\nfeed'])
      expect([codeOf(await suspend(reason)), await statusOf(ana.id)]).toEqual(['BAD_USER_INPUT', 'ACTIVE']);
    expect((await suspend('Spam, reported twice.')).data['suspendUser'].status).toBe('SUSPENDED');
  });

  const entering = ({ username, password }: Person) => signIn(app, username, password);
});

describe('an id that nobody has', () => {
  it.each([
    'user',
    'updateUser',
    'deleteUser',
    'restoreUser',
    'suspendUser',
    'reinstateUser',
    'setUserRoles',
    'revokeUserSessions',
    'revokeSession',
    'role',
    'updateRole',
    'deleteRole',
  ] as const)('%s answers NOT_FOUND, alike for an unknown and a malformed one', async (name) => {
    for (const id of [UNKNOWN, ...MALFORMED]) {
      const answer = await (house[name] as (id: string, more: never) => ReturnType<typeof house.user>)(
        id,
        (name === 'setUserRoles' ? [] : {}) as never,
      );
      expect([id, answer.errors]).toEqual([
        id,
        [
          expect.objectContaining({
            message: 'There is no such thing, or you may not see it.',
            extensions: { code: 'NOT_FOUND' },
          }),
        ],
      ]);
    }
  });

  it('an id in capitals is the same id: nobody slips through by spelling', async () => {
    const staff = await joinAs(app, owner, 'STAFF');
    const big = staff.id.toUpperCase();
    await house.setUserRoles(big, []);
    expect(codeOf(await actingAs(app, staff).peek())).toBe('FORBIDDEN');
    await house.suspendUser(big);
    expect(await verify(app, staff.access)).toEqual({ valid: false, reason: 'SUBJECT_DISABLED' });
    const written = await look('select distinct subject from audit_events where lower(subject) = $1', [
      staff.id,
    ]);
    expect(written).toEqual([{ subject: staff.id }]);
  });
});

/** The day `years` ago, and `days` later, by the calendar in UTC. */
function yearsAgo(years: number, days: number): string {
  const today = new Date();
  return new Date(Date.UTC(today.getUTCFullYear() - years, today.getUTCMonth(), today.getUTCDate() + days))
    .toISOString()
    .slice(0, 10);
}
