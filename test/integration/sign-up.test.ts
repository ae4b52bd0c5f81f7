import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../src/app.js';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf, faultsOf, signUp } from '../harness/calls.js';
import { countHashes } from '../harness/hashes.js';
import { lookInto, type Look } from '../harness/look.js';
import { newcomer } from '../harness/people.js';

const USUAL_DAY = Date.parse('2027-02-28T12:00:00Z');
let today = USUAL_DAY;
const clock = { ...systemClock, now: () => today };

let app: TestApp;
let look: Look;
beforeAll(async () => {
  app = await startApp({}, clock);
  look = await lookInto(app.databaseUrl);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

/** Whatever `work` sends is refused before anything is hashed or written. */
async function expectNoTrace(work: () => Promise<void>): Promise<void> {
  const before = await look.census();
  expect(await countHashes(work)).toMatchObject({ made: 0, checked: 0 });
  expect(await look.census()).toEqual(before);
}

describe('a newcomer', () => {
  it('reads all of the new account in the answer to the sign-up', async () => {
    const input = newcomer({ middleName: 'Maria', phone: '+351 21 000 00 00', telegram: '@ana_li' });
    const { data, errors } = await app.graphql(
      `mutation ($input: SignUpInput!) { signUp(input: $input) { ... on AuthPayload {
        tokenType expiresAt refreshExpiresAt deviceToken session { current amr aal }
        user { username email firstName middleName lastName country birthDate phone telegram status isEmailVerified
          role { name } roles { name } permissions sessions { nodes { current } totalCount } createdAt lastSignInAt deletedAt } } } }`,
      { input },
    );
    expect(errors).toEqual([]);
    const { password: _, ...profile } = input;
    expect(data['signUp']).toMatchObject({
      tokenType: 'Bearer',
      session: { current: true, amr: ['pwd'], aal: 1 },
      user: {
        ...profile,
        status: 'ACTIVE',
        isEmailVerified: false,
        role: { name: 'USER' },
        roles: [{ name: 'USER' }],
        permissions: [],
        sessions: { nodes: [{ current: true }], totalCount: 1 },
        deletedAt: null,
      },
    });
    expect(data['signUp'].user.lastSignInAt).not.toBeNull();
  });

  it('keeps the spelling of the names given, without the space around them', async () => {
    const name = newcomer().username;
    const { data } = await app.graphql(
      'mutation ($input: SignUpInput!) { signUp(input: $input) { ... on AuthPayload { user { username firstName country } } } }',
      { input: newcomer({ username: ` Ana.${name} `, firstName: ' Ána-Maria\t', country: 'pt' }) },
    );
    expect(data['signUp'].user).toEqual({
      username: `Ana.${name}`,
      firstName: 'Ána-Maria',
      country: 'PT',
    });
  });

  it('leaves a record of the account and of the first sign-in, and no secret in it', async () => {
    const input = newcomer();
    const { data } = await signUp(app, input);
    const rows = await look(
      'select type, outcome, details::text from audit_events where subject = $1 order by id',
      [data['signUp'].user.id],
    );
    expect(rows.map(({ type, outcome }) => [type, outcome])).toEqual([
      ['account.created', 'SUCCESS'],
      ['sign_in.succeeded', 'SUCCESS'],
    ]);
    expect(JSON.stringify(rows)).not.toContain(input.password);
  });
});

describe('the age of a newcomer', () => {
  const bornOn = (birthDate: string) => signUp(app, newcomer({ birthDate }));
  const at = async (moment: string, birthDate: string) => {
    today = Date.parse(moment);
    const answer = await bornOn(birthDate);
    return codeOf(answer) ?? 'welcome';
  };
  afterEach(() => {
    today = USUAL_DAY;
  });

  it.each([
    ['the thirteenth birthday is today', '2027-06-15T00:00:00Z', '2014-06-15', 'welcome'],
    ['it is today until the last moment', '2027-06-15T23:59:59.999Z', '2014-06-15', 'welcome'],
    ['it is tomorrow', '2027-06-15T23:59:59.999Z', '2014-06-16', 'UNDERAGE'],
    [
      'somebody born on a leap day is not yet thirteen on 28 February',
      '2025-02-28T23:59:59Z',
      '2012-02-29',
      'UNDERAGE',
    ],
    ['somebody born on a leap day is thirteen on 1 March', '2025-03-01T00:00:00Z', '2012-02-29', 'welcome'],
    ['somebody is born today', '2027-06-15T12:00:00Z', '2027-06-15', 'UNDERAGE'],
    ['somebody will be born tomorrow', '2027-06-15T12:00:00Z', '2027-06-16', 'BAD_USER_INPUT'],
    ['somebody is 227', '2027-06-15T12:00:00Z', '1800-01-01', 'BAD_USER_INPUT'],
    ['somebody is 127 at most', '2027-06-15T12:00:00Z', '1900-01-01', 'welcome'],
    ['there was no such day', '2027-06-15T12:00:00Z', '2001-02-29', 'BAD_USER_INPUT'],
  ])('%s', async (_, moment, birthDate, outcome) => {
    expect(await at(moment, birthDate)).toBe(outcome);
  });

  it('is told to be the reason, by the name of its field, and is stored nowhere', async () => {
    await expectNoTrace(async () => {
      const answer = await bornOn('2019-01-31');
      expect(answer.errors[0]).toMatchObject({
        extensions: {
          code: 'UNDERAGE',
          fields: [{ name: 'birthDate', message: 'You must be at least 13 years old.' }],
        },
      });
      expect(answer.body).not.toContain('2019');
    });
  });

  it('is what the deployment says it must be', async () => {
    const grownUps = await app.replica({ MIN_AGE: '18', SIGN_UP_REQUIRED: 'birthDate,phone' });
    const young = await signUp(grownUps, newcomer({ birthDate: '2009-03-01', phone: '+351 210 000 000' }));
    expect(codeOf(young)).toBe('UNDERAGE');
    expect(young.errors[0]?.extensions.fields?.[0]?.message).toContain('18');

    const { lastName: _, country: __, ...rest } = newcomer({ birthDate: '2009-02-28' });
    expect(faultsOf(await signUp(grownUps, rest))).toEqual(['phone']);
    expect(codeOf(await signUp(grownUps, { ...rest, phone: '+351 210 000 000' }))).toBeUndefined();
  });
});

describe('what a newcomer must tell', () => {
  it.each(['lastName', 'country', 'birthDate'])('%s is compulsory, left out or null', async (field) => {
    await expectNoTrace(async () => {
      for (const value of [undefined, null]) {
        const answer = await signUp(app, newcomer({ [field]: value }));
        expect([codeOf(answer), faultsOf(answer)]).toEqual(['BAD_USER_INPUT', [field]]);
      }
    });
  });

  it('is said all at once', async () => {
    const answer = await signUp(app, {
      email: newcomer().email,
      username: 'a b',
      firstName: ' ',
      phone: 'call me',
      password: '',
    });
    expect(codeOf(answer)).toBe('BAD_USER_INPUT');
    expect(new Set(faultsOf(answer))).toEqual(
      new Set(['username', 'firstName', 'phone', 'password', 'lastName', 'country', 'birthDate']),
    );
  });
});

const WRONG_TYPES = [5, 1.5, true, [], ['x'], {}, { $ne: null }];
const CONTROLS = ['a\u0000b', 'a\u0007b', 'a\u001bb', 'a\u2028b', '\ud800', 'a\udc00b'];
const long = (length: number) => 'a'.repeat(length);

/** Per field of the input: texts that are refused, beside all that is no text. */
const REFUSED: Record<string, unknown[]> = {
  email: [
    null,
    '',
    ' ',
    'ana',
    'ana@',
    '@x.test',
    'a b@x.test',
    'ana@x.test\u0000',
    `${long(65)}@x.test`,
    `ana@${long(250)}.test`,
    'ana@x.test\r\nBcc: eve@x.test',
    'a\ud800@x.test',
  ],
  username: [null, '', ' ', 'a', long(65), 'ana li', 'ana@x.test', '<b>', 'ana\u200b', 'ana/li', ...CONTROLS],
  password: [null, '', long(257), '🔑'.repeat(257), '\ud800-and-then-some', 'and-then-some-\udc00'],
  firstName: [null, '', ' ', long(101), ...CONTROLS],
  middleName: ['', long(101), ...CONTROLS],
  lastName: ['', long(101), ...CONTROLS],
  country: ['', 'P', 'PRT', 'Portugal', 'ZZ', 'P\u0000', '\ud800\udc00'],
  birthDate: [
    '',
    '31.01.1990',
    '1990-13-01',
    '1990-02-30',
    '1990-1-1',
    '0000-01-01',
    '1990-01-31T00:00:00Z',
    '+1990-01-01',
    '1990-01-31\u0000',
  ],
  phone: [
    '',
    'nobody',
    '1',
    long(5),
    '+351 210 000 000 000 000 000 000 000 000',
    '12345\u0000',
    '1234\ud800',
  ],
  telegram: ['', 'a', 'ana li', '@', long(65), 'ana\u0000li', 'ana\ud800'],
};

describe('bad input to a sign-up is refused by the name of its field, before anything is hashed or written', () => {
  it.each(Object.keys(REFUSED))('%s', async (field) => {
    await expectNoTrace(async () => {
      for (const value of [...WRONG_TYPES, ...(REFUSED[field] ?? [])]) {
        const answer = await signUp(app, newcomer({ [field]: value }));
        const told = [JSON.stringify(value), answer.status, codeOf(answer), faultsOf(answer)];
        expect(told).toEqual([JSON.stringify(value), 200, 'BAD_USER_INPUT', [field]]);
        expect(answer.data['signUp'] ?? null).toBeNull();
      }
    });
  });

  it('the input as a whole', async () => {
    await expectNoTrace(async () => {
      for (const value of [undefined, null, 5, 'x', true, [], [newcomer()]]) {
        const answer = await signUp(app, value);
        expect([value, codeOf(answer)]).toEqual([value, 'BAD_USER_INPUT']);
        expect(faultsOf(answer)).not.toEqual([]);
      }
    });
  });

  it.each([
    'role',
    'roles',
    'isActive',
    'status',
    'emailVerified',
    'isEmailVerified',
    'id',
    'sessionId',
    '__proto__x',
  ])('%s, which nobody gives to oneself', async (field) => {
    await expectNoTrace(async () => {
      const answer = await signUp(app, { ...newcomer(), [field]: 'OWNER' });
      expect([codeOf(answer), faultsOf(answer)]).toEqual(['BAD_USER_INPUT', [field]]);
      const inline = await app.graphql(
        `mutation { signUp(input: { email: "x@example.test", username: "xx", password: "seven green bottles", firstName: "X", ${field}: "OWNER" }) { __typename } }`,
      );
      expect(codeOf(inline)).toBe('GRAPHQL_VALIDATION_FAILED');
    });
  });

  it('never repeats what was sent', async () => {
    const secret = 'a-password-that-nobody-should-see';
    const wrongs = [
      { password: [secret] },
      { password: { secret } },
      { email: secret },
      { country: secret },
      { birthDate: secret },
      { phone: secret },
    ];
    for (const wrong of wrongs)
      expect((await signUp(app, newcomer({ password: secret, ...wrong }))).body).not.toContain(secret);
  });
});

describe('a name is had once', () => {
  it.each([
    ['the same', 'same'],
    ['in capitals', 'CAPITALS'],
    ['in other letters of the same shape', 'wide'],
  ])('a username %s is taken', async (_, spelling) => {
    const first = newcomer();
    await signUp(app, first);
    const other = {
      same: first.username,
      CAPITALS: first.username.toUpperCase(),
      wide: first.username.replace('ana', 'ａｎａ'),
    };
    await expectNoTrace(async () => {
      const answer = await signUp(app, newcomer({ username: other[spelling as keyof typeof other] }));
      expect(answer.errors[0]).toMatchObject({
        message: 'Username already exists',
        extensions: { code: 'CONFLICT', fields: [{ name: 'username', message: 'Username already exists' }] },
      });
    });
  });

  it('an email address in capitals is taken', async () => {
    const first = newcomer();
    await signUp(app, first);
    await expectNoTrace(async () => {
      const answer = await signUp(app, newcomer({ email: first.email.toUpperCase() }));
      expect(answer.errors[0]).toMatchObject({
        message: 'Email already exists',
        extensions: { code: 'CONFLICT', fields: [{ name: 'email', message: 'Email already exists' }] },
      });
    });
  });

  it('where both are taken, both are named', async () => {
    const [one, two] = [newcomer(), newcomer()];
    await signUp(app, one);
    await signUp(app, two);
    const answer = await signUp(app, newcomer({ email: one.email, username: two.username }));
    expect([codeOf(answer), faultsOf(answer).sort()]).toEqual(['CONFLICT', ['email', 'username']]);
  });

  it.each(['username', 'email', 'both'])(
    'of several who ask for it at once, one gets it: %s',
    async (what) => {
      const { email, username } = newcomer();
      const wanted = {
        username: (at: number) => ({ username: at % 2 ? username : username.toUpperCase() }),
        email: (at: number) => ({ email: at % 2 ? email : email.toUpperCase() }),
        both: () => ({ email, username }),
      }[what] as (at: number) => object;
      const answers = await Promise.all(
        Array.from({ length: 6 }, (_, at) => signUp(app, newcomer({ ...wanted(at) }))),
      );
      const losers = answers.filter((answer) => codeOf(answer) !== undefined);
      expect(losers).toHaveLength(5);
      for (const loser of losers) {
        expect(codeOf(loser)).toBe('CONFLICT');
        expect(faultsOf(loser).sort()).toEqual(what === 'both' ? ['email', 'username'] : [what]);
        expect(loser.body).not.toMatch(/constraint|duplicate|users_|23505/);
      }
      const had = await look(
        'select count(*)::int as count from users where username_key = $1 or email_key = $2',
        [username, email],
      );
      expect(had).toEqual([{ count: 1 }]);
      const orphans = await look(
        `select 1 from audit_events e where type = 'account.created'
         and not exists (select from users u where u.id::text = e.subject)`,
      );
      expect(orphans).toEqual([]);
    },
  );
});
