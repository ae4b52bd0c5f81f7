import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../src/app.js';
import { actingAs } from '../harness/administration.js';
import { startApp, type Answer, type Asking, type TestApp } from '../harness/app.js';
import { codeOf, signIn } from '../harness/calls.js';
import { authenticator, factorsOf, finish, setUpFactor, wrongCode } from '../harness/factors.js';
import { countHashes } from '../harness/hashes.js';
import { startRedis, type RedisServer } from '../harness/redis.js';
import { openScene, type Scene, type Seated } from '../harness/scene.js';
import { sql } from '../harness/sql.js';
import { until } from '../harness/until.js';

const SECRET = 'the-gateway-Proves-itself-with-4711';
const behindProxy = { GATEWAY_SECRETS: SECRET, TRUSTED_PROXIES: '127.0.0.1' };
const from = (...addresses: string[]): Asking => ({
  headers: { 'x-gateway-secret': SECRET, 'x-forwarded-for': addresses.join(', ') },
});
const WRONG = 'a wrong guess';
const QUARTER = 15 * 60;

const times = <T>(count: number, work: (at: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, at) => work(at)));
const tally = (answers: Answer[]) => {
  const counts: Record<string, number> = {};
  for (const code of answers.map((answer) => codeOf(answer) ?? 'fine'))
    counts[code] = (counts[code] ?? 0) + 1;
  return counts;
};
const waitOf = (answer: Answer) => answer.errors[0]?.extensions.retryAfterSeconds ?? 0;

/** A sign-in that shows a device, and what it answers: the device to show from then on. */
const SHOWING = `mutation ($input: SignInInput!) { signIn(input: $input) { __typename
  ... on AuthPayload { accessToken deviceToken session { id } } ... on MfaChallenge { challengeToken } } }`;
const show = (app: TestApp, login: string, password: string, deviceToken?: unknown, asking?: Asking) =>
  app.graphql(SHOWING, { input: { login, password, deviceToken } }, asking);
async function deviceOf(app: TestApp, { username, password }: Seated, deviceToken?: string) {
  const answer = await show(app, username, password, deviceToken);
  const { accessToken, deviceToken: token, session } = answer.data['signIn'];
  return { access: String(accessToken), token: String(token), sessionId: String(session.id) };
}
const CHANGE = `mutation ($c: String!, $n: String!) {
  changePassword(currentPassword: $c, newPassword: $n, keepThisSession: true) { passwordChangedAt } }`;
const change = (app: TestApp, access: string, current: string, next = 'nine-purple-Kettles') =>
  app.graphql(CHANGE, { c: current, n: next }, { bearer: access });

/** A budget of three is as good as one of ten, for a third of the hashes. */
const SCALE = 0.3;
const BUDGET = 3;

describe('whoever guesses', () => {
  /** The time of day stands still while that of the counters goes on: tokens and codes are not what is looked at. */
  const offset = { day: 0, counters: 0 };
  const clock = {
    now: () => systemClock.now() + offset.day,
    monotonic: () => systemClock.monotonic() + offset.counters,
  };
  let app: TestApp;
  let scene: Scene;
  beforeAll(async () => {
    app = await startApp({ ...behindProxy, LIMITS_SCALE: String(SCALE) }, clock);
    scene = await openScene(app);
  });
  afterAll(async () => {
    await scene.close();
    await app.close();
  });

  const seat = () => scene.seat(['USER']);
  const guess = (login: string, count = BUDGET) => times(count, () => signIn(app, login, WRONG));
  /** Time passes for the counters of the service and of the database alike. */
  async function pass(seconds: number) {
    offset.counters += seconds * 1000;
    await sql(
      app,
      `update limit_counters set ends_at = ends_at - $1 * interval '1 second',
         failed_until = failed_until - $1 * interval '1 second'`,
      [seconds],
    );
  }

  it('has one budget for an account, by whichever of its names, in whichever spelling', async () => {
    const ana = await seat();
    const spellings = [
      ana.username,
      ana.email,
      ana.email.toUpperCase(),
      ` ${ana.username} `,
      ana.email.replace('s', 'ｓ'),
    ];
    const answers = [...spellings, ...spellings, ...spellings].map((login) => signIn(app, login, WRONG));
    expect(tally(await Promise.all(answers))).toEqual({ INVALID_CREDENTIALS: BUDGET, RATE_LIMITED: 12 });
    for (const login of spellings)
      expect(codeOf(await signIn(app, login, ana.password))).toBe('RATE_LIMITED');
  });

  it('is told the same of names that nobody has', async () => {
    const ana = await seat();
    const known = await guess(ana.email, BUDGET + 2);
    const unknown = await guess(`nobody-${ana.email}`, BUDGET + 2);
    const shapes = (answers: Answer[]) =>
      answers.map(({ errors, status }) => [
        status,
        errors.map(({ message, extensions }) => [message, Object.keys(extensions).sort()]),
      ]);
    expect(shapes(known).sort()).toEqual(shapes(unknown).sort());
    const waits = [known, unknown].map((answers) => Math.max(...answers.map(waitOf)));
    expect(Math.abs((waits[0] ?? 0) - (waits[1] ?? 0))).toBeLessThanOrEqual(2);
  });

  it('hundreds of times shuts nobody out who signs in from a device that the account knows', async () => {
    const ana = await seat();
    const phone = await deviceOf(app, ana);
    const laptop = await deviceOf(app, ana);
    const { checked } = await countHashes(async () => {
      for (let round = 0; round < 3; round++)
        await times(100, (at) =>
          signIn(app, at % 2 ? ana.email : ana.username, WRONG, from(`198.51.100.${at}`)),
        );
    });
    expect(checked).toBe(BUDGET);
    expect(codeOf(await show(app, ana.email, ana.password))).toBe('RATE_LIMITED');
    for (const { token } of [phone, laptop])
      expect(codeOf(await show(app, ana.email, ana.password, token))).toBeUndefined();
    expect(codeOf(await change(app, phone.access, ana.password))).toBeUndefined();
  });

  it('from within a session uses up what strangers have, and is refused there alone', async () => {
    const ana = await seat();
    const stolen = await deviceOf(app, ana);
    const phone = await deviceOf(app, ana);
    const me = actingAs(app, stolen);
    const guesses = [
      ...(await times(4, () => change(app, stolen.access, WRONG))),
      ...(await times(2, () => me.deleteMe(WRONG))),
    ];
    expect(tally(guesses)).toEqual({ INVALID_CREDENTIALS: BUDGET, RATE_LIMITED: 3 });
    expect(codeOf(await show(app, ana.email, ana.password))).toBe('RATE_LIMITED');
    expect(codeOf(await show(app, ana.email, ana.password, stolen.token))).toBe('RATE_LIMITED');
    expect(codeOf(await show(app, ana.email, ana.password, phone.token))).toBeUndefined();
  });

  it('from a session without a device has the budget of that session', async () => {
    const ana = await seat();
    const [one, other] = [await scene.enter(ana), await scene.enter(ana)];
    expect(tally(await times(BUDGET + 2, () => change(app, one.access, WRONG)))).toEqual({
      INVALID_CREDENTIALS: BUDGET,
      RATE_LIMITED: 2,
    });
    expect(codeOf(await actingAs(app, other).deleteMe(WRONG))).toBe('INVALID_CREDENTIALS');
  });

  it('with tokens gathered under an earlier password has one budget with all of them', async () => {
    const ana = await seat();
    const gathered = [await deviceOf(app, ana), await deviceOf(app, ana), await deviceOf(app, ana)];
    const phone = await deviceOf(app, ana);
    await change(app, phone.access, ana.password, 'ten-yellow-Ladders');
    const now = { ...ana, password: 'ten-yellow-Ladders' };
    const known = await deviceOf(app, now, phone.token);
    const guesses = await times(9, (at) => show(app, ana.email, WRONG, gathered[at % 3]?.token));
    expect(tally(guesses)).toEqual({ INVALID_CREDENTIALS: BUDGET, RATE_LIMITED: 6 });
    expect(codeOf(await show(app, ana.email, now.password, gathered[0]?.token))).toBe('RATE_LIMITED');
    expect(codeOf(await show(app, ana.email, now.password))).toBe('RATE_LIMITED');
    expect(codeOf(await show(app, ana.email, now.password, known.token))).toBeUndefined();
  });

  it('codes with tokens gathered before there was an app has one budget with all of them', async () => {
    const ana = await seat();
    const gathered = [await deviceOf(app, ana), await deviceOf(app, ana), await deviceOf(app, ana)];
    const phone = await deviceOf(app, ana);
    const { app: codes } = await setUpFactor(app, { ...ana, ...phone, refresh: '' }, clock.now);
    const guessed = [];
    for (let at = 0; at < 2 * BUDGET; at++) {
      const { token: deviceToken } = gathered[at % 3] ?? phone;
      const waiting = await show(app, ana.email, ana.password, deviceToken);
      const { challengeToken } = waiting.data['signIn'] ?? {};
      guessed.push(
        challengeToken === undefined
          ? waiting
          : await finish(app, String(challengeToken), wrongCode(codes), { deviceToken }),
      );
    }
    expect(tally(guessed)).toEqual({ MFA_CODE_INVALID: BUDGET, RATE_LIMITED: BUDGET });
  });

  it('by codes draws on the same budget, and an owner on a known device is not kept from the second step', async () => {
    const ana = await seat();
    const phone = await deviceOf(app, ana);
    const { app: codes } = await setUpFactor(app, { ...ana, ...phone, refresh: '' }, clock.now);
    const challenge = async (token?: string) =>
      String((await show(app, ana.email, ana.password, token)).data['signIn']?.challengeToken);
    const guessed: (string | undefined)[] = [];
    for (let round = 0; round < BUDGET; round++)
      guessed.push(codeOf(await finish(app, await challenge(), wrongCode(codes))));
    expect(guessed).toEqual(Array(BUDGET).fill('MFA_CODE_INVALID'));
    expect(codeOf(await show(app, ana.username, ana.password))).toBe('RATE_LIMITED');
    const waiting = await challenge(phone.token);
    const later = authenticator(codes.secret, clock.now).code(1);
    expect(codeOf(await finish(app, waiting, later, { deviceToken: phone.token }))).toBeUndefined();
  });

  it('waits longer each time within a day, up to an hour, and is told how long', async () => {
    const ana = await seat();
    const phone = await deviceOf(app, ana);
    const { app: codes } = await setUpFactor(app, { ...ana, ...phone, refresh: '' }, clock.now);
    const me = factorsOf(app, phone);
    const nextCode = () => {
      offset.day += 30_000;
      return codes.code();
    };
    const fail = () => times(BUDGET, () => me.stepUp(wrongCode(codes)));
    for (const quarters of [1, 2, 4, 4]) {
      expect(tally(await fail())).toEqual({ MFA_CODE_INVALID: BUDGET });
      const limited = await me.stepUp(nextCode());
      expect(codeOf(limited)).toBe('RATE_LIMITED');
      expect(waitOf(limited)).toBeGreaterThan(quarters * QUARTER - 30);
      expect(waitOf(limited)).toBeLessThanOrEqual(quarters * QUARTER);
      await pass(waitOf(limited) - 60);
      expect(codeOf(await me.stepUp(codes.code()))).toBe('RATE_LIMITED');
      await pass(61);
      // To be right resets nothing.
      expect(codeOf(await me.stepUp(nextCode()))).toBeUndefined();
      await pass(QUARTER);
    }
  });

  it('thousands of times a day, as from many devices, is met by the longest wait and no longer one', async () => {
    const ana = await seat();
    await guess(ana.email, 1);
    const almost = 2000 * BUDGET - 1;
    await sql(app, 'update limit_counters set failed = $1 where failed_until > now() and points = 1', [
      almost,
    ]);
    await guess(ana.email, 1);
    const limited = await signIn(app, ana.email, ana.password);
    expect(codeOf(limited)).toBe('RATE_LIMITED');
    expect(Math.abs(waitOf(limited) - 4 * QUARTER)).toBeLessThan(30);
  });

  it('slowly is met by the same waits: failures of a day count together, however they are spread', async () => {
    const ana = await seat();
    for (let round = 0; round < BUDGET; round++) {
      await pass(QUARTER + 1);
      expect(tally(await guess(ana.username, 1))).toEqual({ INVALID_CREDENTIALS: 1 });
    }
    expect(codeOf(await signIn(app, ana.email, ana.password))).toBe('RATE_LIMITED');
  });

  it('is not let in further by who signs in meanwhile: a right check gives back its own point', async () => {
    const ana = await seat();
    const tries = await times(12, (at) => signIn(app, ana.email, at % 3 === 0 ? ana.password : WRONG));
    expect(tally(tries)['INVALID_CREDENTIALS']).toBeLessThanOrEqual(BUDGET);
    const more = await guess(ana.email, 6);
    const wrong = [...tries, ...more].filter((answer) => codeOf(answer) === 'INVALID_CREDENTIALS');
    expect(wrong).toHaveLength(BUDGET);
  });

  it('by another address of the graph finds no door', async () => {
    const ana = await seat();
    const body = JSON.stringify({
      query: `mutation { signIn(input: { login: "${ana.email}", password: "x" }) { __typename } }`,
    });
    const { checked } = await countHashes(async () => {
      for (const path of ['//graphql', '/graphql/', '/GraphQL', '/%67raphql', '/graphql;a'])
        expect(
          (
            await fetch(app.url + path, {
              method: 'POST',
              body,
              headers: { 'content-type': 'application/json' },
            })
          ).status,
        ).toBe(404);
    });
    expect(checked).toBe(0);
  });

  it('with many fields in one document has no password checked at all', async () => {
    const field = 'signIn(input: { login: "owner", password: "x" }) { __typename }';
    const many = Array.from({ length: 100 }, (_, at) => `a${at}: ${field}`).join(' ');
    const { checked } = await countHashes(() => app.graphql(`mutation { ${many} }`));
    expect(checked).toBe(0);
  });

  describe('a device', () => {
    it('goes on under its own name, and a session remembers it', async () => {
      const ana = await seat();
      const first = await deviceOf(app, ana);
      const again = await deviceOf(app, ana, first.token);
      const other = await deviceOf(app, ana);
      const [one, two, three] = await Promise.all(
        [first, again, other].map(
          async ({ sessionId }) =>
            (await sql(app, 'select device_id from sessions where id = $1', [sessionId]))[0]?.['device_id'],
        ),
      );
      expect(one).toMatch(/^[0-9a-f-]{36}$/);
      expect(two).toBe(one);
      expect(three).not.toBe(one);
      expect(again.token).toMatch(/^agd_/);
    });

    it('that is invented, altered, too old or somebody else’s is none, and no error', async () => {
      const [ana, ben] = [await seat(), await seat()];
      const { token } = await deviceOf(app, ana);
      const bens = await deviceOf(app, ben);
      await guess(ana.username);
      const [head = '', ...code] = token.split('.');
      const forged = [
        ...[
          '',
          'x',
          token.slice(0, -1),
          `${token}x`,
          token.toUpperCase(),
          'agd_'.repeat(1e4),
          '\u0000',
          '💥',
          null,
        ],
        bens.token,
        `${head.replace(ana.id, ben.id)}.${code.join('.')}`,
        `${bens.token.split('.')[0]?.replace(ben.id, ana.id)}.${code.join('.')}`,
        `${head}.v1.00000000.${code.at(-1)}`,
      ];
      for (const given of forged) {
        expect(codeOf(await show(app, ana.username, ana.password, given))).toBe('RATE_LIMITED');
        expect(codeOf(await show(app, ben.username, ben.password, given))).toBeUndefined();
      }
      for (const given of [1, {}, [token, token]])
        expect(codeOf(await show(app, ana.username, ana.password, given))).toBe('BAD_USER_INPUT');
      expect(codeOf(await show(app, ana.username, ana.password, token))).toBeUndefined();
    });

    // The last of these, as the days do not come back.
    it('is forgotten after half a year', async () => {
      const ana = await seat();
      const { token } = await deviceOf(app, ana);
      offset.day += 181 * 24 * 60 * 60 * 1000;
      await guess(ana.username);
      expect(codeOf(await show(app, ana.username, ana.password, token))).toBe('RATE_LIMITED');
    });
  });
});

describe('a list of names, each tried once', () => {
  const OVERALL = 25;
  let app: TestApp;
  let scene: Scene;
  beforeAll(async () => {
    app = await startApp({ ...behindProxy, LIMITS_SCALE: '0.005' });
    scene = await openScene(app);
  });
  afterAll(async () => {
    await scene.close();
    await app.close();
  });
  let name = 0;
  const stuff = (...addresses: string[]) =>
    signIn(app, `somebody${++name}@example.test`, WRONG, from(...addresses));

  it.each([
    ['IPv4, whatever stands before it', ['203.0.113.1'], ['9.9.9.9', '203.0.113.1'], ['::ffff:203.0.113.1']],
    ['IPv6, anywhere in its /64', ['2001:db8:9::1'], ['2001:0DB8:9:0:ffff::2'], ['2001:db8:9:0:1:2:3:4']],
  ])('from one address of %s, ends after a few', async (_, ...spellings) => {
    const answers: Answer[] = [];
    for (const spelling of [...spellings, ...spellings]) answers.push(await stuff(...spelling));
    expect(tally(answers)).toEqual({ INVALID_CREDENTIALS: 2, RATE_LIMITED: 4 });
  });

  it('from as many addresses ends as well, and known devices go on', async () => {
    const ana = await scene.seat(['USER']);
    const { token } = await deviceOf(app, ana);
    const answers = await times(60, (at) => stuff(`10.${at}.0.1`));
    const wrong = tally(answers)['INVALID_CREDENTIALS'] ?? 0;
    expect(wrong).toBeGreaterThan(OVERALL - 8);
    expect(wrong).toBeLessThanOrEqual(OVERALL);
    const stranger = await show(app, ana.email, ana.password, undefined, from('192.0.2.1'));
    expect(codeOf(stranger)).toBe('RATE_LIMITED');
    expect(waitOf(stranger)).toBeGreaterThan(0);
    expect(codeOf(await show(app, ana.email, ana.password, token, from('192.0.2.2')))).toBeUndefined();
  });
});

describe('two processes', () => {
  let redis: RedisServer;
  let app: TestApp;
  let replica: TestApp;
  let scene: Scene;
  beforeAll(async () => {
    redis = await startRedis();
    app = await startApp({ REDIS_URL: redis.url, LIMITS_SCALE: String(SCALE) });
    replica = await app.replica();
    scene = await openScene(app);
  });
  afterAll(async () => {
    await scene.close();
    await app.close();
    await redis.stop();
  });
  const guess = (login: string, count: number) =>
    times(count, (at) => signIn(at % 2 === 0 ? app : replica, login, WRONG));

  it('have one budget of an account between them: of two hundred guesses three are hashed', async () => {
    const ana = await scene.seat(['USER']);
    const { checked } = await countHashes(() => guess(ana.email, 200));
    expect(checked).toBe(BUDGET);
    for (const one of [app, replica])
      expect(codeOf(await signIn(one, ana.username, ana.password))).toBe('RATE_LIMITED');
  });

  it('shut nobody out whose secrets are right, however many are looked at at once', async () => {
    const ana = await scene.seat(['USER']);
    const answers = await times(4 * BUDGET, (at) =>
      signIn(at % 2 === 0 ? app : replica, ana.email, ana.password),
    );
    expect(tally(answers)['fine']).toBeGreaterThanOrEqual(BUDGET);
    await until('the next one is let in everywhere', async () => {
      const next = await Promise.all([app, replica].map((one) => signIn(one, ana.email, ana.password)));
      return next.every((answer) => codeOf(answer) === undefined);
    });
  });

  it('have the points of right secrets back a moment later, also of one that stops at once', async () => {
    const [ana, ben] = [await scene.seat(['USER']), await scene.seat(['USER'])];
    const taken = async ({ email }: Seated) => {
      const key = `secretChecks:${createHash('sha256').update(email).digest('base64url')}`;
      const [row] = await scene.look<{ points: number }>('select points from limit_counters where key = $1', [
        key,
      ]);
      return row?.points;
    };
    expect(codeOf(await signIn(app, ana.email, ana.password))).toBeUndefined();
    await until('her point is back', async () => (await taken(ana)) === 0);
    const third = await app.replica();
    expect(codeOf(await signIn(third, ben.email, ben.password))).toBeUndefined();
    await third.close();
    expect(await taken(ben)).toBe(0);
  });

  it('hash no more wrong secrets than there are points, however many right ones come in between', async () => {
    const ana = await scene.seat(['USER']);
    const wrong: Answer[] = [];
    for (let round = 0; round < 2 * BUDGET; round++) {
      await signIn(app, ana.email, ana.password);
      wrong.push(await signIn(app, ana.email, WRONG), await signIn(replica, ana.email, WRONG));
    }
    expect(tally(wrong)['INVALID_CREDENTIALS']).toBe(BUDGET);
  });

  it('give nobody more tries when Redis is emptied, hangs or goes away', async () => {
    for (const harm of [() => redis.flush(), () => Promise.resolve(redis.pause()), () => redis.kill()]) {
      const ana = await scene.seat(['USER']);
      const before = tally(await guess(ana.email, 2));
      await harm();
      const after = tally(await guess(ana.email, 12));
      redis.resume();
      expect((before['INVALID_CREDENTIALS'] ?? 0) + (after['INVALID_CREDENTIALS'] ?? 0)).toBe(BUDGET);
      expect(after['RATE_LIMITED']).toBe(11);
    }
    await redis.restart();
  });
});
