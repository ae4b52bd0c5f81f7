import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { limits, type LimitName } from '../../src/domain/limits.js';
import { doorLimits, isOAuthDoor, type DoorPath } from '../../src/http/doors.js';
import { actingAs } from '../harness/administration.js';
import { startApp, type Answer, type Asking, type TestApp } from '../harness/app.js';
import { codeOf, refresh, signIn } from '../harness/calls.js';
import { enter, join, newcomer } from '../harness/people.js';
import { startRedis, type RedisServer } from '../harness/redis.js';
import { openScene } from '../harness/scene.js';
import { until } from '../harness/until.js';

const SECRET = 'the-gateway-Proves-itself-with-4711';
/** Through the gateway, which names whom it speaks for. */
const from = (...addresses: string[]): Asking => ({
  headers: { 'x-gateway-secret': SECRET, 'x-forwarded-for': addresses.join(', ') },
});
const behindProxy = { GATEWAY_SECRETS: SECRET, TRUSTED_PROXIES: '127.0.0.1' };

const times = <T>(count: number, work: (at: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, at) => work(at)));
/** How often each answer came. */
function tally(answers: Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const answer of answers)
    counts[codeOf(answer) ?? 'fine'] = (counts[codeOf(answer) ?? 'fine'] ?? 0) + 1;
  return counts;
}
function expectLimited(answer: Answer | undefined, seconds: number): void {
  expect(answer && codeOf(answer)).toBe('RATE_LIMITED');
  const wait = answer?.errors[0]?.extensions.retryAfterSeconds ?? 0;
  expect(Number.isInteger(wait) && wait >= 1 && wait <= seconds).toBe(true);
}

describe('checks of an account’s secret', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.close());

  it('of two hundred guesses at once ten are tried, for an account and for a name that nobody has', async () => {
    const ana = await join(app);
    for (const [login, count] of [
      [ana.username, 200],
      ['nobody-at-all', 30],
    ] as const) {
      const answers = await times(count, () => signIn(app, login, 'a wrong guess'));
      expect(tally(answers)).toEqual({ INVALID_CREDENTIALS: 10, RATE_LIMITED: count - 10 });
      expectLimited(
        answers.find((answer) => codeOf(answer) === 'RATE_LIMITED'),
        15 * 60,
      );
    }
    expectLimited(await signIn(app, ana.username, ana.password), 15 * 60);
  });

  it('draw on one budget, however the name is spelled and wherever the secret is asked for', async () => {
    const ana = await join(app);
    const me = actingAs(app, ana);
    const change = (current: string) =>
      app.graphql(
        'mutation ($c: String!, $n: String!) { changePassword(currentPassword: $c, newPassword: $n) { passwordChangedAt } }',
        { c: current, n: 'nine-purple-Kettles' },
        { bearer: ana.access },
      );
    const inCapitals = ana.email.toUpperCase();
    const guesses = [
      ...[ana.email, inCapitals, ` ${ana.username} `, ana.email.replace('a', 'ａ')].map(
        (login) => () => signIn(app, login, 'a wrong guess'),
      ),
      () => me.deleteMe('a wrong guess'),
      () => me.deleteMe('another'),
      () => me.deleteMe('a third'),
      () => change('a wrong guess'),
      () => change('another'),
      () => change('a third'),
    ];
    for (const guess of guesses) expect(codeOf(await guess())).toBe('INVALID_CREDENTIALS');
    expectLimited(await signIn(app, inCapitals, ana.password), 15 * 60);
    expectLimited(await signIn(app, ana.username, ana.password), 15 * 60);
    // Her own device has failed six times, and may fail four times more.
    for (let more = 0; more < 4; more++) expect(codeOf(await change('x'))).toBe('INVALID_CREDENTIALS');
    const attempts = [() => me.deleteMe(ana.password), () => change(ana.password)];
    for (const attempt of attempts) expectLimited(await attempt(), 15 * 60);
  });

  it('cost nothing when they are passed', async () => {
    const ana = await join(app);
    for (let round = 0; round < 12; round++)
      expect(codeOf(await signIn(app, ana.username, ana.password))).toBeUndefined();
  });

  it('of one account are no matter to another', async () => {
    const [ana, bo] = [await join(app), await join(app)];
    await times(12, () => signIn(app, ana.username, 'a wrong guess'));
    expect(codeOf(await signIn(app, bo.username, bo.password))).toBeUndefined();
  });
});

describe('an address', () => {
  let app: TestApp;
  const SCALE = 0.005;
  const pointsOf = (name: keyof typeof limits) => Math.max(1, Math.round(limits[name].points * SCALE));
  beforeAll(async () => {
    app = await startApp({ ...behindProxy, LIMITS_SCALE: String(SCALE) });
  });
  afterAll(() => app.close());

  const spend = (asking: Asking, count = pointsOf('refreshFromAddress')) =>
    times(count, () => refresh(app, 'x', asking));
  const isFree = async (asking: Asking) => (await refresh(app, 'x', asking)).code === 'REFRESH_TOKEN_INVALID';

  const entering: [name: string, limit: keyof typeof limits, query: string, variables: () => object][] = [
    [
      'signUp',
      'signUpFromAddress',
      'mutation ($i: SignUpInput!) { signUp(input: $i) { __typename } }',
      () => ({ i: newcomer() }),
    ],
    [
      'signIn',
      'signInFromAddress',
      'mutation ($i: SignInInput!) { signIn(input: $i) { __typename } }',
      () => ({ i: { login: `x${Math.random()}`, password: 'x' } }),
    ],
    ['refresh', 'refreshFromAddress', 'mutation { refresh(refreshToken: "x") { tokenType } }', () => ({})],
    ['revoke', 'revokeFromAddress', 'mutation { revoke(token: "x") }', () => ({})],
    ['verifyEmail', 'linksFromAddress', 'mutation { verifyEmail(token: "x") }', () => ({})],
  ];
  it.each(entering)('%s: so many from one address, and no more', async (name, limit, query, variables) => {
    const asking = from(`198.51.100.${entering.findIndex(([other]) => other === name) + 1}`);
    for (let call = 0; call < pointsOf(limit); call++)
      expect(codeOf(await app.graphql(query, { ...variables() }, asking))).not.toBe('RATE_LIMITED');
    expectLimited(await app.graphql(query, { ...variables() }, asking), limits[limit].seconds);
    expect(codeOf(await app.graphql(query, { ...variables() }, from(`198.51.100.2${name.length}`)))).not.toBe(
      'RATE_LIMITED',
    );
  });

  it('each call in one document pays for itself', async () => {
    const calls = (count: number) =>
      `mutation { ${Array.from({ length: count }, (_, at) => `c${at}: revoke(token: "x")`).join(' ')} }`;
    const allowed = pointsOf('revokeFromAddress');
    expectLimited(await app.graphql(calls(allowed + 1), {}, from('198.51.100.50')), 60);
    expect(codeOf(await app.graphql(calls(allowed), {}, from('198.51.100.51')))).toBeUndefined();
    expectLimited(await app.graphql(calls(1), {}, from('198.51.100.51')), 60);
  });

  it.each([
    ['of IPv4, and the same written as IPv6', '203.0.113.1', '::ffff:203.0.113.1', '203.0.113.2'],
    [
      'of IPv6 counts with its whole /64',
      '2001:db8:1:2::1',
      '2001:0DB8:1:2:ffff:ffff:ffff:ffff',
      '2001:db8:1:3::1',
    ],
    [
      'that the nearest proxy names, whatever stood there before',
      '203.0.113.9',
      '9.9.9.9, garbage, 203.0.113.9',
      '203.0.113.9, 203.0.113.10',
    ],
    ['beyond proxies that are trusted', '203.0.113.20', '203.0.113.20, 127.0.0.1', '127.0.0.1, 203.0.113.21'],
  ])('%s', async (_, first, same, another) => {
    expect(tally((await spend(from(first))).map(({ answer }) => answer))).toEqual({
      REFRESH_TOKEN_INVALID: 5,
    });
    expectLimited((await refresh(app, 'x', from(same))).answer, 60);
    expect(await isFree(from(another))).toBe(true);
  });

  it('is not escaped by inventing others in front of it', async () => {
    const answers = await times(20, (at) => refresh(app, 'x', from(`10.1.2.${at}`, '203.0.113.30')));
    expect(tally(answers.map(({ answer }) => answer))).toEqual({
      REFRESH_TOKEN_INVALID: 5,
      RATE_LIMITED: 15,
    });
    for (const name of ['x-real-ip', 'forwarded', 'cf-connecting-ip', 'true-client-ip', 'client-ip'])
      expectLimited(
        (await refresh(app, 'x', { headers: { ...from('203.0.113.30').headers, [name]: 'for=10.0.0.1' } }))
          .answer,
        60,
      );
  });

  it('that cannot be read is the proxy’s own, and no way round', async () => {
    const unreadable = [
      'garbage',
      '',
      '1.2.3.4.5',
      'unknown',
      '203.0.113.7:x',
      '<script>',
      '::g',
      '0x7f.1',
      '-',
      '"',
    ];
    const answers: Answer[] = [];
    for (const address of unreadable) answers.push((await refresh(app, 'x', from(address))).answer);
    expect(tally(answers)).toEqual({ REFRESH_TOKEN_INVALID: 5, RATE_LIMITED: 5 });
  });

  it('of the gateway itself is nobody’s, and limits nobody', async () => {
    const answers = await spend({ headers: { 'x-gateway-secret': SECRET } }, 30);
    expect(tally(answers.map(({ answer }) => answer))).toEqual({ REFRESH_TOKEN_INVALID: 30 });
  });

  it('is not the one that a stranger claims: only trusted proxies are believed', async () => {
    const plain = await startApp();
    const claimed = {
      'x-forwarded-for': '203.0.113.99',
      'x-real-ip': '203.0.113.99',
      forwarded: 'for=203.0.113.99',
    };
    const ipOf = async (app: TestApp, asking: Asking) =>
      (
        await app.graphql(
          'mutation ($i: SignUpInput!) { signUp(input: $i) { ... on AuthPayload { session { ipAddress } } } }',
          { i: newcomer() },
          asking,
        )
      ).data['signUp'].session.ipAddress;
    expect(await ipOf(plain, { headers: claimed })).toBe('127.0.0.1');
    await plain.close();
    expect(await ipOf(app, from('10.9.9.9', '2001:DB8:0:0:0::7'))).toBe('2001:db8::7');
  });
});

describe('the least that there can be', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ ...behindProxy, LIMITS_SCALE: '0.00002' });
  });
  afterAll(() => app.close());
  const pointsOf = (name: LimitName) => Math.max(1, Math.round(limits[name].points * 0.00002));
  const ADDRESS = '198.18.7';

  it.each(Object.entries(doorLimits))(
    '%s refuses what is too much (%s), and says until when',
    async (path, limit) => {
      const { headers } = from(`${ADDRESS}.${Object.keys(doorLimits).indexOf(path)}`);
      const knock = (accept: string, more = headers) =>
        fetch(app.url + path, {
          headers: { ...more, accept },
          ...(path === '/graphql' && { method: 'POST' }),
        });
      if (limit === null) {
        for (const answer of await times(5, () => knock('*/*'))) expect(answer.status).toBe(200);
        return;
      }
      for (let call = 0; call < pointsOf(limit); call++) expect((await knock('*/*')).status).not.toBe(429);
      const refused = await knock('*/*');
      expect(refused.status).toBe(429);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(refused.headers.get('cache-control')).toBe('no-store');
      const { errors, error } = (await refused.json()) as Pick<Answer, 'errors'> & { error?: string };
      if (isOAuthDoor(path as DoorPath)) return expect(error).toBe('temporarily_unavailable');
      expect(errors[0]?.extensions).toMatchObject({
        code: 'RATE_LIMITED',
        retryAfterSeconds: expect.any(Number),
      });
      const page = await knock('text/html');
      expect([page.status, page.headers.get('content-type')]).toEqual([429, 'text/html; charset=utf-8']);
      expect(await page.text()).toMatch(/<h1>Too many/);
      expect(
        (await knock('*/*', from(`198.18.8.${Object.keys(doorLimits).indexOf(path)}`).headers)).status,
      ).not.toBe(429);
    },
  );

  it('questions and verifications are counted by who asks', async () => {
    const scene = await openScene(app);
    const [ana, bo] = [await scene.seat(['USER']), await scene.seat(['USER'])];
    const asking = { headers: { 'x-gateway-secret': SECRET } };
    const enterAs = async (person: { username: string; password: string }) =>
      String((await signIn(app, person.username, person.password, asking)).data['signIn'].accessToken);
    const [one, other] = [await enterAs(ana), await enterAs(bo)];
    const me = (bearer: string) => app.graphql('{ me { id } }', {}, { ...asking, bearer });
    expect(codeOf(await me(one))).toBeUndefined();
    expectLimited(await me(one), 60);
    expect(codeOf(await me(other))).toBeUndefined();
    const verify = `{ ${Array.from({ length: pointsOf('verificationsByCaller') + 1 }, (_, at) => `v${at}: verifyToken(token: "${one}") { valid }`).join(' ')} }`;
    expectLimited(await app.graphql(verify, {}, { ...asking, bearer: one }), 60);
    // The gateway asks for everybody, and is nobody's bucket.
    for (let call = 0; call < 3; call++)
      expect(codeOf(await app.graphql(verify, {}, asking))).toBeUndefined();
    await scene.close();
  });
});

describe('changes by one account', () => {
  it('are counted together, over all its sessions and all that it changes, and not with another’s', async () => {
    const app = await startApp({ LIMITS_SCALE: '0.002' });
    const ana = await join(app);
    const bo = await join(app);
    const again = await enter(app, ana);
    const [me, alsoMe] = [actingAs(app, ana), actingAs(app, again)];
    const UNKNOWN = '01890000-0000-7000-8000-000000000000';
    const acts = [
      () => me.updateMe({ phone: '12345' }),
      () => alsoMe.updateMe({ phone: '12346' }),
      () => me.revokeSession(UNKNOWN),
      () => alsoMe.revokeSession(UNKNOWN),
      () => me.deleteMe('wrong'),
      () => alsoMe.updateMe({}),
    ];
    for (const act of acts) expect(codeOf(await act())).not.toBe('RATE_LIMITED');
    for (const desk of [me, alsoMe]) expectLimited(await desk.updateMe({ phone: '99999' }), 60);
    // Of what one may not do at all, nothing is taken.
    const others = actingAs(app, bo);
    await times(10, () => others.deleteUser(UNKNOWN));
    expect(codeOf(await others.updateMe({ phone: '12345' }))).toBeUndefined();
    const seen = await app.graphql('{ me { phone } }', {}, { bearer: ana.access });
    expect(seen.data['me'].phone).toBe('12346');
    await app.close();
  });
});

describe('with Redis', () => {
  let redis: RedisServer;
  let app: TestApp;
  let replica: TestApp;
  beforeAll(async () => {
    redis = await startRedis();
    app = await startApp({ ...behindProxy, LIMITS_SCALE: '0.005', REDIS_URL: redis.url });
    replica = await app.replica();
  });
  afterAll(async () => {
    await app.close();
    await redis.stop();
  });
  const ask = (at: TestApp, address: string) => refresh(at, 'x', from(address)).then(({ code }) => code);

  it('two replicas count as one, also when asked at once', async () => {
    const codes = await times(12, (at) => ask(at % 2 === 0 ? app : replica, '203.0.113.1'));
    expect(codes.filter((code) => code === 'RATE_LIMITED')).toHaveLength(7);
    for (const one of [app, replica]) expect(await ask(one, '203.0.113.1')).toBe('RATE_LIMITED');
  });

  it('that hangs, each replica goes on counting by itself, and answers soon', async () => {
    redis.pause();
    const started = performance.now();
    try {
      for (const one of [app, replica]) {
        const codes = await times(8, () => ask(one, '203.0.113.2'));
        expect(codes.filter((code) => code === 'RATE_LIMITED')).toHaveLength(3);
      }
      expect(performance.now() - started).toBeLessThan(5000);
    } finally {
      redis.resume();
    }
  });

  it('that is gone, each replica goes on counting by itself, and as one again when it is back', async () => {
    await redis.kill();
    for (const one of [app, replica]) {
      const codes = await times(8, () => ask(one, '203.0.113.3'));
      expect(codes.filter((code) => code === 'RATE_LIMITED')).toHaveLength(3);
    }
    await redis.restart();
    let last = 0;
    await until('both count in Redis again', async () => {
      const address = `198.18.${Math.floor(++last / 250)}.${last % 250}`;
      await times(5, () => ask(app, address));
      return (await ask(replica, address)) === 'RATE_LIMITED';
    });
  });
});
