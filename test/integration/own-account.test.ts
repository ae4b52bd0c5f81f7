import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf, faultsOf, signIn, signUp, whoAmI } from '../harness/calls.js';
import { countHashes } from '../harness/hashes.js';
import { lookInto, type Look } from '../harness/look.js';
import { enter, join, newcomer, ownerOf, type Person } from '../harness/people.js';

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

const update = (person: Person, input: unknown) =>
  app.graphql(
    'mutation ($input: UpdateMeInput!) { updateMe(input: $input) { username firstName middleName lastName phone telegram country birthDate email } }',
    { input },
    { bearer: person.access },
  );
const change = (person: Person, currentPassword: unknown, newPassword: unknown, keepThisSession?: unknown) =>
  app.graphql(
    `mutation ($c: String!, $n: String!, $k: Boolean) {
      changePassword(currentPassword: $c, newPassword: $n, keepThisSession: $k) { passwordChangedAt requiresReauthentication } }`,
    { c: currentPassword, n: newPassword, k: keepThisSession },
    { bearer: person.access },
  );
const deleteMe = (person: Person, password: unknown) =>
  app.graphql(
    'mutation ($p: String!) { deleteMe(password: $p) }',
    { p: password },
    { bearer: person.access },
  );

/** Nothing is written and nothing hashed by what is refused. */
async function expectNoTrace(work: () => Promise<void>): Promise<void> {
  const before = await look.picture();
  expect(await countHashes(work)).toMatchObject({ made: 0, checked: 0 });
  expect(await look.picture()).toBe(before);
}

describe('somebody changes the own profile', () => {
  it('in part: what is left out stays', async () => {
    const bo = await join(app, { middleName: 'Maria', phone: '+351 210 000 000' });
    const { data } = await update(bo, { firstName: ' Boaz ', country: 'de', telegram: '@boaz' });
    expect(data['updateMe']).toEqual({
      username: bo.username,
      firstName: 'Boaz',
      middleName: 'Maria',
      lastName: 'Li',
      phone: '+351 210 000 000',
      telegram: '@boaz',
      country: 'DE',
      birthDate: '1990-01-31',
      email: bo.email,
    });
  });

  it('clears with null what may be empty, and nothing else', async () => {
    const bo = await join(app, { middleName: 'Maria', phone: '+351 210 000 000' });
    const { data } = await update(bo, { middleName: null, phone: null });
    expect(data['updateMe']).toMatchObject({ middleName: null, phone: null });
    for (const field of ['username', 'firstName', 'lastName', 'country', 'birthDate']) {
      const answer = await update(bo, { [field]: null });
      expect([codeOf(answer), faultsOf(answer)]).toEqual(['BAD_USER_INPUT', [field]]);
    }
  });

  it('and is recorded by the names of the fields alone', async () => {
    const bo = await join(app);
    await update(bo, { firstName: 'Boaz', phone: '+351 210 000 000' });
    const events = await look(
      "select details from audit_events where subject = $1 and type = 'account.updated'",
      [bo.id],
    );
    expect(events).toEqual([{ details: { changed: ['firstName', 'phone'] } }]);
  });

  it('takes a new username, and signs in with it alone', async () => {
    const bo = await join(app);
    const { data } = await update(bo, { username: `${bo.username}.new` });
    expect(data['updateMe'].username).toBe(`${bo.username}.new`);
    expect(codeOf(await signIn(app, bo.username, bo.password))).toBe('INVALID_CREDENTIALS');
    expect(codeOf(await signIn(app, `${bo.username}.NEW`, bo.password))).toBeUndefined();
  });

  it('may spell the own username otherwise, but not take another’s', async () => {
    const bo = await join(app);
    expect((await update(bo, { username: bo.username.toUpperCase() })).data['updateMe'].username).toBe(
      bo.username.toUpperCase(),
    );
    const answer = await update(bo, { username: ana.username.toUpperCase() });
    expect(answer.errors[0]).toMatchObject({
      message: 'Username already exists',
      extensions: { code: 'CONFLICT', fields: [{ name: 'username' }] },
    });
  });

  it('of two who want one username at once, one gets it', async () => {
    const [one, two] = [await join(app), await join(app)];
    const username = `${one.username}.wanted`;
    const codes = (await Promise.all([one, two].map((person) => update(person, { username })))).map(codeOf);
    expect(codes.sort()).toEqual(['CONFLICT', undefined]);
  });

  it('is not younger afterwards than one may be', async () => {
    const young = `${new Date().getUTCFullYear() - 5}-01-01`;
    await expectNoTrace(async () => {
      const answer = await update(ana, { birthDate: young });
      expect([codeOf(answer), faultsOf(answer)]).toEqual(['UNDERAGE', ['birthDate']]);
      for (const birthDate of ['1800-01-01', `${new Date().getUTCFullYear() + 1}-01-01`])
        expect(codeOf(await update(ana, { birthDate }))).toBe('BAD_USER_INPUT');
    });
  });

  it.each([
    ['firstName', ['', ' ', 'x'.repeat(101), 'a\u0000b', '\ud800', 5, [], {}]],
    ['lastName', ['', 'a\u001bb', true, ['x']]],
    ['middleName', ['', '\udc00', 1.5]],
    ['username', ['', 'a', 'a b', 'a@b.test', 'x'.repeat(65), 'a\u0000b', 5]],
    ['phone', ['', 'nobody', '12345\u0000', 351210000000]],
    ['telegram', ['', '@', 'a b', {}]],
    ['country', ['', 'Portugal', 'ZZ', 5, null, []]],
    ['birthDate', ['', '2001-02-29', 19900131, {}, null]],
    ['email', ['other@example.test']],
    ['role', ['OWNER']],
    ['password', ['another-Set-of-words']],
    ['isEmailVerified', [true]],
  ])('bad input for %s is refused by its name, before anything is written', async (field, values) => {
    await expectNoTrace(async () => {
      for (const value of values) {
        const answer = await update(ana, { firstName: 'Ana', [field]: value });
        expect([value, codeOf(answer), faultsOf(answer)]).toEqual([value, 'BAD_USER_INPUT', [field]]);
      }
    });
  });

  it('not without a token', async () => {
    const answer = await app.graphql('mutation { updateMe(input: { firstName: "Eve" }) { id } }');
    expect(codeOf(answer)).toBe('UNAUTHENTICATED');
  });
});

describe('somebody changes the password', () => {
  it('and signs in with the new one alone', async () => {
    const bo = await join(app);
    const { data } = await change(bo, bo.password, 'another-Set-of-words');
    expect(Date.parse(data['changePassword'].passwordChangedAt)).toBeGreaterThan(Date.now() - 60_000);
    expect(data['changePassword'].requiresReauthentication).toBe(false);
    expect(codeOf(await signIn(app, bo.username, bo.password))).toBe('INVALID_CREDENTIALS');
    const again = await enter(app, { ...bo, password: 'another-Set-of-words' });
    const me = await app.graphql('{ me { passwordChangedAt } }', {}, { bearer: again.access });
    expect(me.data['me'].passwordChangedAt).toBe(data['changePassword'].passwordChangedAt);
  });

  it('not without the current one', async () => {
    const bo = await join(app);
    for (const wrong of ['wrong', '\u0000', `${bo.password} `])
      expect(codeOf(await change(bo, wrong, 'another-Set-of-words'))).toBe('INVALID_CREDENTIALS');
    for (const impossible of ['', '\ud800', 'x'.repeat(20_000)]) {
      const answer = await change(bo, impossible, 'another-Set-of-words');
      expect([codeOf(answer), faultsOf(answer)]).toEqual(['BAD_USER_INPUT', ['currentPassword']]);
    }
    const failed = await look(
      "select outcome from audit_events where subject = $1 and type = 'password.refused'",
      [bo.id],
    );
    expect(failed).toHaveLength(3);
    expect(codeOf(await signIn(app, bo.username, bo.password))).toBeUndefined();
  });

  it('twice at once: one change wins, and its password is the one', async () => {
    const bo = await join(app);
    const next = ['the-first-Set-of-words', 'the-second-Set-of-words'];
    const codes = (await Promise.all(next.map((password) => change(bo, bo.password, password)))).map(codeOf);
    expect(codes.sort()).toEqual(['INVALID_CREDENTIALS', undefined]);
    const works = await Promise.all(
      next.map(async (password) => codeOf(await signIn(app, bo.username, password))),
    );
    expect(works.sort()).toEqual(['INVALID_CREDENTIALS', undefined]);
  });

  it.each([
    ['too short', 'seven77', 'WEAK_PASSWORD'],
    ['too common', 'Password1!', 'WEAK_PASSWORD'],
    ['nothing', '', 'BAD_USER_INPUT'],
    ['half a character', 'a-long-enough-\ud800', 'BAD_USER_INPUT'],
    ['too long', 'x'.repeat(257), 'BAD_USER_INPUT'],
    ['a number', 12345678, 'BAD_USER_INPUT'],
    ['a list', ['a-long-enough-word'], 'BAD_USER_INPUT'],
    ['null', null, 'BAD_USER_INPUT'],
  ])('not to one that is %s, which is said before anything is hashed', async (_, password, code) => {
    await expectNoTrace(async () => {
      const answer = await change(ana, ana.password, password);
      expect(codeOf(answer)).toBe(code);
      expect(faultsOf(answer)).toHaveLength(1);
      expect(faultsOf(answer)).toEqual(['newPassword']);
    });
  });

  it('not to the own name or address', async () => {
    const bo = await join(app, { firstName: 'Bartholomew', lastName: 'Featherstone' });
    for (const own of [bo.username.toUpperCase(), bo.email, 'bartholomew', 'FEATHERSTONE'])
      expect(codeOf(await change(bo, bo.password, own))).toBe('WEAK_PASSWORD');
  });

  it('with a token that was stolen, no oftener than somebody may guess at sign-in', async () => {
    const strict = await app.replica({ LIMITS_SCALE: '1' });
    const bo = await join(strict);
    const guess = (at: number) =>
      strict.graphql(
        'mutation ($c: String!) { changePassword(currentPassword: $c, newPassword: "another-Set-of-words") { passwordChangedAt } }',
        { c: `wrong-${at}` },
        { bearer: bo.access },
      );
    const { checked, result } = await countHashes(() =>
      Promise.all(Array.from({ length: 30 }, (_, at) => guess(at))),
    );
    const codes = result.map(codeOf);
    expect(checked).toBeLessThanOrEqual(10);
    expect(codes.filter((code) => code === 'INVALID_CREDENTIALS')).toHaveLength(10);
    expect(codes.filter((code) => code === 'RATE_LIMITED')).toHaveLength(20);
    expect(codeOf(await signIn(strict, bo.email, bo.password))).toBe('RATE_LIMITED');
    const gone = await strict.graphql(
      'mutation ($p: String!) { deleteMe(password: $p) }',
      { p: bo.password },
      { bearer: bo.access },
    );
    expect(codeOf(gone)).toBe('RATE_LIMITED');
  });
});

describe('somebody deletes the own account', () => {
  it('with the password alone', async () => {
    const bo = await join(app);
    expect(codeOf(await deleteMe(bo, 'wrong'))).toBe('INVALID_CREDENTIALS');
    for (const wrong of ['', '\ud800', 5, null, {}, undefined])
      expect([codeOf(await deleteMe(bo, wrong)), faultsOf(await deleteMe(bo, wrong))]).toEqual([
        'BAD_USER_INPUT',
        ['password'],
      ]);
    expect(codeOf(await whoAmI(app, bo.access))).toBeUndefined();
    expect((await deleteMe(bo, bo.password)).data).toEqual({ deleteMe: true });
    expect((await whoAmI(app, bo.access)).errors[0]?.message).toBe(
      'Your account has been deleted. You have been logged out.',
    );
    expect((await signIn(app, bo.username, bo.password)).errors[0]?.message).toBe(
      'Your account has been deleted and access is denied.',
    );
  });

  it('and nobody else gets its names', async () => {
    const bo = await join(app);
    await deleteMe(bo, bo.password);
    const answer = await signUp(app, newcomer({ username: bo.username, email: bo.email }));
    expect([codeOf(answer), faultsOf(answer)]).toEqual(['CONFLICT', ['email', 'username']]);
  });

  it('and is on record, with the sessions that it cost', async () => {
    const bo = await join(app);
    await enter(app, bo);
    await deleteMe(bo, bo.password);
    const events = await look(
      'select type, actor from audit_events where subject = $1 order by id desc limit 3',
      [bo.id],
    );
    expect(events.map(({ type }) => type).sort()).toEqual([
      'account.deleted',
      'session.ended',
      'session.ended',
    ]);
    expect(new Set(events.map(({ actor }) => actor))).toEqual(new Set([bo.id]));
  });

  it('but not as the last owner', async () => {
    expect(codeOf(await deleteMe(owner, owner.password))).toBe('CONFLICT');
    expect(codeOf(await whoAmI(app, owner.access))).toBeUndefined();
  });

  it('twice at once, and it is deleted once', async () => {
    const bo = await join(app);
    const answers = await Promise.all([deleteMe(bo, bo.password), deleteMe(bo, bo.password)]);
    for (const { data, errors } of answers)
      expect([true, 'ACCOUNT_DELETED', 'UNAUTHENTICATED']).toContain(
        errors[0]?.extensions.code ?? data['deleteMe'],
      );
    const events = await look("select 1 from audit_events where subject = $1 and type = 'account.deleted'", [
      bo.id,
    ]);
    expect(events).toHaveLength(1);
  });
});
