import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf, faultsOf, refresh, signIn, whoAmI } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { enter, join, ownerOf, type Person } from '../harness/people.js';

let app: TestApp;
let look: Look;
let owner: Person;
let ana: Person;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
  ana = await join(app);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

const asOwner = (mutation: string, id: string) =>
  app.graphql(`mutation ($id: ID!) { ${mutation}(id: $id) { status } }`, { id }, { bearer: owner.access });

describe('somebody with an account signs in', () => {
  it.each([
    ['by username', ({ username }: Person) => username],
    ['by username in capitals', ({ username }: Person) => username.toUpperCase()],
    ['by username in other letters of the same shape', ({ username }: Person) => username.replace('a', 'ａ')],
    ['by email address', ({ email }: Person) => email],
    ['by email address in capitals', ({ email }: Person) => email.toUpperCase()],
    ['with space around it, as phones add it', ({ email }: Person) => ` ${email} `],
  ])('%s', async (_, login) => {
    const { data } = await signIn(app, login(ana), ana.password);
    expect(data['signIn'].user).toEqual({ id: ana.id, username: ana.username });
    expect(codeOf(await whoAmI(app, data['signIn'].accessToken))).toBeUndefined();
  });

  it('with a session of its own each time, whatever token comes along', async () => {
    const again = await signIn(app, ana.username, ana.password, { bearer: ana.access });
    const { session, refreshToken } = again.data['signIn'];
    expect(session.id).not.toBe(ana.sessionId);
    expect(refreshToken).not.toBe(ana.refresh);
    expect((await refresh(app, ana.refresh)).code).toBeUndefined();
  });

  it('and sees when that was', async () => {
    const bo = await join(app);
    const read = async (bearer: string) =>
      (await app.graphql('{ me { lastSignInAt } }', {}, { bearer })).data['me'].lastSignInAt as string;
    const atSignUp = await read(bo.access);
    const { access } = await enter(app, bo);
    expect(Date.parse(await read(access))).toBeGreaterThan(Date.parse(atSignUp));
  });

  it('and it is recorded, as is a wrong password, without either password', async () => {
    const bo = await join(app);
    await signIn(app, bo.username, 'not-the-password-of-bo');
    await enter(app, bo);
    const rows = await look(
      'select type, outcome, details, audit_events::text as all from audit_events where subject = $1 order by id',
      [bo.id],
    );
    expect(rows.slice(-2)).toMatchObject([
      { type: 'sign_in.failed', outcome: 'FAILURE', details: { reason: 'credentials' } },
      { type: 'sign_in.succeeded', outcome: 'SUCCESS', details: { amr: ['pwd'] } },
    ]);
    expect(JSON.stringify(rows)).not.toContain('the-password-of-bo');
    expect(JSON.stringify(rows)).not.toContain(bo.password);
  });
});

describe('an account that is deleted or suspended', () => {
  it('is told so after the right password only', async () => {
    const [deleted, suspended] = [await join(app), await join(app)];
    await asOwner('deleteUser', deleted.id);
    await asOwner('suspendUser', suspended.id);
    const told = async ({ username, password }: Person) => {
      const { errors } = await signIn(app, username, password);
      return [errors[0]?.extensions.code, errors[0]?.message];
    };
    expect(await told(deleted)).toEqual([
      'ACCOUNT_DELETED',
      'Your account has been deleted and access is denied.',
    ]);
    expect(await told(suspended)).toEqual([
      'ACCOUNT_SUSPENDED',
      'Your account has been suspended and access is denied.',
    ]);
    for (const person of [deleted, suspended])
      expect(await told({ ...person, password: 'something-else' })).toEqual([
        'INVALID_CREDENTIALS',
        'Invalid credentials',
      ]);
  });

  it('has its tokens told as well, and is let in again when all is well', async () => {
    const bo = await join(app);
    const told = async () => (await whoAmI(app, bo.access)).errors[0];
    await asOwner('suspendUser', bo.id);
    expect(await told()).toMatchObject({
      message: 'Your account has been suspended. You have been logged out.',
      extensions: { code: 'ACCOUNT_SUSPENDED' },
    });
    await asOwner('deleteUser', bo.id);
    expect(await told()).toMatchObject({
      message: 'Your account has been deleted. You have been logged out.',
      extensions: { code: 'ACCOUNT_DELETED' },
    });
    await asOwner('restoreUser', bo.id);
    expect(codeOf(await signIn(app, bo.username, bo.password))).toBe('ACCOUNT_SUSPENDED');
    await asOwner('reinstateUser', bo.id);
    const { access } = await enter(app, bo);
    expect(codeOf(await whoAmI(app, access))).toBeUndefined();
    expect(codeOf(await whoAmI(app, bo.access))).toBe('UNAUTHENTICATED');
  });
});

describe('bad input', () => {
  const WRONG = [5, true, null, undefined, [], ['x'], {}, { $gt: '' }];

  it.each(['login', 'password'])(
    'for %s is refused by name, and nobody is asked or charged',
    async (field) => {
      const before = await look.census();
      for (const value of WRONG) {
        const input = { login: ana.username, password: ana.password, [field]: value };
        const answer = await app.graphql(
          'mutation ($input: SignInInput!) { signIn(input: $input) { __typename } }',
          { input },
        );
        expect([value, codeOf(answer), faultsOf(answer)]).toEqual([value, 'BAD_USER_INPUT', [field]]);
      }
      expect(await look.census()).toEqual(before);
    },
  );

  it.each([
    ['an injection', `' or '1'='1`],
    ['a wildcard', '%'],
    ['a NUL in the password', '', '\u0000'],
    ['two hundred characters', 'ß'.repeat(200)],
  ])('%s is a wrong login or password, and nothing worse', async (_, login, password = login) => {
    for (const [name, secret] of [
      [`${ana.username}${login}`, `${ana.password}${password}`],
      [ana.username, `${ana.password}${password}`],
    ] as const) {
      const { status, errors } = await signIn(app, name, secret);
      expect([status, errors[0]?.extensions]).toEqual([200, { code: 'INVALID_CREDENTIALS' }]);
    }
  });

  it.each([
    ['NUL', '\u0000'],
    ['NUL inside', 'a\u0000b'],
    ['half a character', '\ud83d'],
    ['the other half', '\udd11x'],
    ['nothing', ''],
    ['space', ' '],
    ['three hundred characters', 'a'.repeat(300)],
    ['what grows when it is normalised', '\ufdfa'.repeat(10_000)],
  ])('%s can be nobody’s login, which is said before anything is looked up', async (_, login) => {
    const before = await look.census();
    const answer = await signIn(app, login, 'wrong-password');
    expect([codeOf(answer), faultsOf(answer)]).toEqual(['BAD_USER_INPUT', ['login']]);
    expect(await look.census()).toEqual(before);
  });

  it.each([
    ['nothing', ''],
    ['half a character', 'half \ud83d'],
    ['twenty thousand characters', 'ß'.repeat(20_000)],
  ])('%s can be nobody’s password, which is said before anything is hashed', async (_, password) => {
    const before = await look.census();
    const answer = await signIn(app, ana.username, password);
    expect([codeOf(answer), faultsOf(answer)]).toEqual(['BAD_USER_INPUT', ['password']]);
    expect(await look.census()).toEqual(before);
  });
});
