import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import bcrypt from 'bcrypt';
import { createApp } from '../../src/app.js';
import { ConfigError, loadConfig } from '../../src/config.js';
import { startApp, testEnvironment, type TestApp } from '../harness/app.js';
import { codeOf, faultsOf, signIn, signUp } from '../harness/calls.js';
import { countHashes } from '../harness/hashes.js';
import { lookInto, type Look } from '../harness/look.js';
import { join, newcomer, type Person } from '../harness/people.js';

const secret = () => randomBytes(32).toString('base64');
const [FIRST_PEPPER, SECOND_PEPPER] = [secret(), secret()];

let app: TestApp;
let look: Look;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '1000', PASSWORD_HASH_COST: '10', PASSWORD_PEPPERS: FIRST_PEPPER });
  look = await lookInto(app.databaseUrl);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

const enters = async (person: { username: string }, password: string, where = app) =>
  codeOf(await signIn(where, person.username, password)) ?? 'welcome';

describe('every character of a password counts', () => {
  const seventyTwo = 'correct horse battery staple '.repeat(3).slice(0, 72);

  it.each([
    ['beyond 72 bytes', `${seventyTwo}A`, `${seventyTwo}B`],
    ['beyond 72 bytes, and their number', `${seventyTwo}A`, seventyTwo],
    ['behind a NUL', 'before\u0000-and-after', 'before\u0000-and-something-else'],
    ['behind a NUL, and whether there is one', 'before-it\u0000', 'before-it'],
    ['up to the 256th', '🔑'.repeat(256), `${'🔑'.repeat(255)}🔐`],
    ['at the 255th byte', 'x'.repeat(255), 'x'.repeat(256)],
    ['at the 256th byte', 'y'.repeat(256), 'y'.repeat(255)],
    ['in its case', 'Seven green bottles', 'seven green bottles'],
    ['space included', ' seven green bottles ', 'seven green bottles'],
  ])('%s', async (_, password, other) => {
    const ana = await join(app, { password });
    expect(await enters(ana, other)).toBe('INVALID_CREDENTIALS');
    expect(await enters(ana, password)).toBe('welcome');
  });

  it('and not how a keyboard spells it: é is é', async () => {
    const ana = await join(app, { password: 'caf\u00e9-au-lait-12' });
    expect(await enters(ana, 'cafe\u0301-au-lait-12')).toBe('welcome');
    const wide = await join(app, { password: 'ｗｉｄｅ ｌｅｔｔｅｒｓ' });
    expect(await enters(wide, 'wide letters')).toBe('welcome');
    // As long as can be, typed with two signs a character.
    const long = await join(app, { password: 'cafe\u0301'.repeat(64) });
    expect(await enters(long, 'caf\u00e9'.repeat(64))).toBe('welcome');
  });

  it('half a character is none, and is not taken for the sign that stands for it', async () => {
    const ana = await join(app, { password: 'a-sign-\ufffd-that-stands-for-it' });
    expect(await enters(ana, 'a-sign-\ud800-that-stands-for-it')).toBe('BAD_USER_INPUT');
    for (const password of ['a-sign-\ud800-that-stands-for-it', '\udc00-a-sign-that-stands-for-it'])
      expect([codeOf(await signUp(app, newcomer({ password })))]).toEqual(['BAD_USER_INPUT']);
  });
});

describe('a password that is refused is refused before it is hashed', () => {
  const refused = async (overrides: Record<string, unknown>) => {
    const { made, result } = await countHashes(() => signUp(app, newcomer(overrides)));
    expect(made).toBe(0);
    return [codeOf(result), faultsOf(result)];
  };
  const WEAK = ['WEAK_PASSWORD', ['password']];
  const BAD = ['BAD_USER_INPUT', ['password']];

  it.each([
    'password',
    'Password',
    'PASSWORD',
    'Password1!',
    'password123',
    'Pa55word',
    'iloveyou',
    'QWERTYUIOP',
    'letmein123',
    '12345678',
    '1234567890',
    'sunshine1',
    'ｐａｓｓｗｏｒｄ',
    'authgraph',
    'Authgraph1!',
  ])('as it is among the first that anybody tries: %s', async (password) => {
    expect(await refused({ password })).toEqual(WEAK);
  });

  it('as it is one of the own names, or the address', async () => {
    const own = {
      username: 'bartholomew.f',
      email: 'bartholomew@example.test',
      firstName: 'Bartholomew',
      lastName: 'Featherstone',
    };
    for (const password of [
      'bartholomew.f',
      'BARTHOLOMEW.F',
      'bartholomew@example.test',
      'bartholomew',
      'FEATHERSTONE',
    ])
      expect(await refused({ ...own, password })).toEqual(WEAK);
  });

  it('as it is too short, counted in characters', async () => {
    expect(await refused({ password: 'seven77' })).toEqual(WEAK);
    expect(await refused({ password: '🔑'.repeat(7) })).toEqual(WEAK);
  });

  it('as it is too long', async () => {
    for (const password of ['x'.repeat(257), '🔑'.repeat(257), 'ﷺ'.repeat(15), 'x'.repeat(90_000)])
      expect(await refused({ password })).toEqual(BAD);
  });

  it('and nothing else is asked of it: no capitals, no digits, no signs', async () => {
    for (const password of ['mmnnoopp', 'only small letters', '🔑🗝🔐🔏🔓🔒🗃🗄', 'äöüäöüäö'])
      expect(codeOf(await signUp(app, newcomer({ password })))).toBeUndefined();
  });

  it('as the deployment wants it', async () => {
    const lax = await app.replica({ PASSWORD_MIN_LENGTH: '6', PASSWORD_BLOCKLIST: 'off' });
    expect(codeOf(await signUp(lax, newcomer({ password: 'monkey' })))).toBeUndefined();
    expect(codeOf(await signUp(lax, newcomer({ password: 'monke' })))).toBe('WEAK_PASSWORD');
    const short = await app.replica({ PASSWORD_MIN_LENGTH: '6', MFA_ISSUER: 'Kumquat Clinic' });
    for (const password of ['123456', 'qwerty', 'Monkey', 'letmein', 'kumquat clinic!1'])
      expect(codeOf(await signUp(short, newcomer({ password })))).toBe('WEAK_PASSWORD');
    expect(codeOf(await signUp(short, newcomer({ password: 'kumqats' })))).toBeUndefined();
    const strict = await app.replica({ PASSWORD_MIN_LENGTH: '15' });
    expect(codeOf(await signUp(strict, newcomer({ password: 'fourteen chars' })))).toBe('WEAK_PASSWORD');
  });

  it('five megabytes of it are not even read', async () => {
    const started = performance.now();
    const response = await fetch(`${app.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        query: 'mutation ($input: SignInInput!) { signIn(input: $input) { __typename } }',
        variables: { input: { login: 'ana', password: 'x'.repeat(5_000_000) } },
      }),
    });
    expect(response.status).toBe(413);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe('the first owner', () => {
  it.each([
    ['Password1!', 'among the most common'],
    ['seven77', 'at least 8 characters'],
    ['owner@example.test', 'your own name or address'],
    ['half a \ud800 character', 'well-formed'],
  ])('is held to the policy as well: with %s nothing starts', async (password, why) => {
    const { env, drop } = await testEnvironment({ OWNER_PASSWORD: password });
    const config = loadConfig(env);
    await expect(createApp(config)).rejects.toThrow(ConfigError);
    await expect(createApp(config)).rejects.toThrow(why);
    await drop();
  });
});

describe('how passwords are kept', () => {
  const storedOf = async ({ id }: Person) =>
    (await look<{ password_hash: string }>('select password_hash from users where id = $1', [id]))[0]!
      .password_hash;

  it('is bcrypt over the newest pepper, never the password', async () => {
    const ana = await join(app);
    expect(await storedOf(ana)).toMatch(/^v1\.[0-9a-f]{8}\.\$2b\$10\$.{53}$/);
    const digest = (await storedOf(ana)).slice('v1.00000000.'.length);
    expect(await bcrypt.compare(ana.password, digest)).toBe(false);
  });

  it('gets better at the next sign-in after the cost was raised, and works before and after', async () => {
    const ana = await join(app);
    const before = await storedOf(ana);
    const costlier = await app.replica({ PASSWORD_HASH_COST: '11' });
    expect(await enters(ana, 'wrong-password', costlier)).toBe('INVALID_CREDENTIALS');
    expect(await storedOf(ana)).toBe(before);
    expect(await enters(ana, ana.password, costlier)).toBe('welcome');
    expect(await storedOf(ana)).toContain('$2b$11$');
    expect(await enters(ana, ana.password, costlier)).toBe('welcome');
  });

  it('moves to a new pepper at the next sign-in, so that the old one can go', async () => {
    const [ana, bo] = [await join(app), await join(app)];
    const between = await app.replica({ PASSWORD_PEPPERS: `${SECOND_PEPPER},${FIRST_PEPPER}` });
    const before = await storedOf(ana);
    expect(await enters(ana, ana.password, between)).toBe('welcome');
    expect((await storedOf(ana)).slice(0, 11)).not.toBe(before.slice(0, 11));

    const after = await app.replica({ PASSWORD_PEPPERS: SECOND_PEPPER });
    expect(await enters(ana, ana.password, after)).toBe('welcome');
    // Whoever did not come meanwhile is not let in by a pepper that is gone, and nothing breaks.
    expect(await enters(bo, bo.password, after)).toBe('INVALID_CREDENTIALS');
    expect(await enters(bo, bo.password, between)).toBe('welcome');
  });

  it('is not undone by an upgrade that comes late: a password changed meanwhile stays', async () => {
    const ana = await join(app);
    const costlier = await app.replica({ PASSWORD_HASH_COST: '11' });
    const change = app.graphql(
      'mutation ($c: String!) { changePassword(currentPassword: $c, newPassword: "another-Set-of-words") { passwordChangedAt } }',
      { c: ana.password },
      { bearer: ana.access },
    );
    const [changed] = await Promise.all([change, enters(ana, ana.password, costlier)]);
    const isChanged = codeOf(changed) === undefined;
    expect(await enters(ana, 'another-Set-of-words')).toBe(isChanged ? 'welcome' : 'INVALID_CREDENTIALS');
    expect(await enters(ana, ana.password)).toBe(isChanged ? 'INVALID_CREDENTIALS' : 'welcome');
  });
});

describe('guessing', () => {
  it('two hundred at once are ten hashes, and the rest is told when to come back', async () => {
    const strict = await app.replica({ LIMITS_SCALE: '1' });
    const ana = await join(strict);
    const { checked, result: answers } = await countHashes(() =>
      Promise.all(Array.from({ length: 200 }, (_, at) => signIn(strict, ana.username, `wrong-${at}`))),
    );
    expect(checked).toBe(10);
    const refused = answers.filter((answer) => codeOf(answer) === 'RATE_LIMITED');
    expect(refused).toHaveLength(190);
    for (const { errors } of refused) {
      expect(errors[0]?.extensions.retryAfterSeconds).toBeGreaterThan(0);
      expect(errors[0]?.extensions.retryAfterSeconds).toBeLessThanOrEqual(900);
    }
  });

  it('several times in one document is refused before anything is hashed', async () => {
    const aliases = Array.from({ length: 100 }, (_, at) => `a${at}: signIn(input: $input) { __typename }`);
    const input = { login: 'ana', password: 'wrong' };
    const { checked, result } = await countHashes(() =>
      app.graphql(`mutation ($input: SignInInput!) { ${aliases.join(' ')} }`, { input }),
    );
    expect(result.errors).not.toEqual([]);
    expect(result.data).toEqual({});
    expect(checked).toBe(0);
  });
});
