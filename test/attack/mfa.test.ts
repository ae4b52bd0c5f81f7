import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type Answer, type TestApp } from '../harness/app.js';
import { codeOf, refresh, revoke, signIn, whoAmI } from '../harness/calls.js';
import {
  authenticator,
  begin,
  challengeOf,
  enterWith,
  factorsOf,
  finish,
  setUpFactor,
  steppingClock,
  wrongCode,
  type Authenticator,
} from '../harness/factors.js';
import { lookInto, type Look } from '../harness/look.js';
import { forgot, passwordLinks, reset } from '../harness/links.js';
import { join, verify, type Person } from '../harness/people.js';
import { until } from '../harness/until.js';

const clock = steppingClock();
/** With room for many tries, and as strict as people have it. */
let app: TestApp;
let strict: TestApp;
let look: Look;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' }, clock);
  strict = await app.replica({ LIMITS_SCALE: '1' });
  look = await lookInto(app.databaseUrl);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

interface Target {
  ana: Person;
  device: Authenticator;
  codes: string[];
}

/** Somebody with a second factor, and with no code spent in the step that is now. */
async function target(): Promise<Target> {
  const ana = await join(app);
  const { app: device, codes } = await setUpFactor(app, ana, clock.now);
  clock.step(2);
  return { ana, device, codes };
}

const count = async (sql: string, values: unknown[]) =>
  (await look<{ count: number }>(`select count(*)::int as count from ${sql}`, values))[0]!.count;
const liveSessions = (person: Person) =>
  count('sessions where user_id = $1 and ended_at is null', [person.id]);
const tally = (answers: Answer[]) => {
  const outcomes: Record<string, number> = {};
  for (const code of answers.map((answer) => codeOf(answer) ?? 'ok'))
    outcomes[code] = (outcomes[code] ?? 0) + 1;
  return outcomes;
};
const times = <T>(many: number, make: (at: number) => Promise<T>) =>
  Promise.all(Array.from({ length: many }, (_, at) => make(at)));

describe('a code', () => {
  it('is taken once: not again in its step, nor one before it', async () => {
    const { ana, device } = await target();
    const code = device.code();
    await enterWith(app, ana, code);
    for (const spent of [code, device.code(-1)])
      expect(codeOf(await finish(app, await challengeOf(app, ana), spent))).toBe('MFA_CODE_INVALID');
    clock.step();
    expect(codeOf(await finish(app, await challengeOf(app, ana), code))).toBe('MFA_CODE_INVALID');
    expect(codeOf(await finish(app, await challengeOf(app, ana), device.code()))).toBeUndefined();
  });

  it('that set the app up signs nobody in', async () => {
    const ana = await join(app);
    const { app: device } = await setUpFactor(app, ana, clock.now);
    expect(codeOf(await finish(app, await challengeOf(app, ana), device.code()))).toBe('MFA_CODE_INVALID');
  });

  it.each([
    [-2, 'MFA_CODE_INVALID'],
    [-1, undefined],
    [1, undefined],
    [2, 'MFA_CODE_INVALID'],
  ])('of %i steps from now answers %s, by the service’s clock', async (steps, outcome) => {
    const { ana, device } = await target();
    const challenge = await challengeOf(app, ana);
    expect(codeOf(await finish(app, challenge, device.code(steps)))).toBe(outcome);
  });

  it('in 20 parallel calls opens exactly one session', async () => {
    const { ana, device } = await target();
    const [challenge, before] = [await challengeOf(app, ana), await liveSessions(ana)];
    const answers = await times(20, () => finish(app, challenge, device.code()));
    expect(tally(answers)['ok']).toBe(1);
    expect(await liveSessions(ana)).toBe(before + 1);
  });

  it('in parallel calls for different things is good for one of them', async () => {
    const { ana, device } = await target();
    const challenge = await challengeOf(app, ana);
    const code = device.code();
    const own = factorsOf(app, ana);
    const answers = await Promise.all([
      finish(app, challenge, code),
      own.stepUp(code),
      own.stepUp(code),
      own.disable(ana.password, code),
    ]);
    expect(answers.filter((answer) => codeOf(answer) === undefined)).toHaveLength(1);
  });

  it('for recovery in 20 parallel calls opens exactly one session', async () => {
    const { ana, codes } = await target();
    const [challenge, before] = [await challengeOf(app, ana), await liveSessions(ana)];
    const answers = await times(20, () => finish(app, challenge, codes[0]!));
    expect(tally(answers)['ok']).toBe(1);
    expect(await liveSessions(ana)).toBe(before + 1);
    const own = factorsOf(app, ana);
    const raised = await times(20, () => own.stepUp(codes[1]!, 'RECOVERY_CODE'));
    expect(tally(raised)['ok']).toBe(1);
  });

  it('of somebody else opens nothing', async () => {
    const [one, other] = [await target(), await target()];
    for (const code of [other.device.code(), other.codes[0]!])
      expect(codeOf(await finish(app, await challengeOf(app, one.ana), code))).toBe('MFA_CODE_INVALID');
    expect(codeOf(await finish(app, await challengeOf(app, other.ana), other.codes[0]!))).toBeUndefined();
  });

  it('that can be none is a wrong one', async () => {
    const { ana } = await target();
    const none = ['', '0', '00000', '0000000', '٠٠٠٠٠٠', '-00001', '1e5', 'null', '%', '_', 'é\u0000'];
    for (const code of [...none, 'a'.repeat(50_000)]) {
      const challenge = await challengeOf(app, ana);
      const answers = [
        await finish(app, challenge, code),
        await finish(app, challenge, code, { method: 'TOTP' }),
        await finish(app, challenge, code, { method: 'RECOVERY_CODE' }),
      ];
      expect([code.slice(0, 9), ...answers.map(codeOf)]).toEqual([
        code.slice(0, 9),
        ...Array<string>(3).fill('MFA_CODE_INVALID'),
      ]);
    }
  });
});

describe('guessing', () => {
  it('ends the challenge at the fifth wrong code, whatever comes then', async () => {
    const { ana, device } = await target();
    const challenge = await challengeOf(app, ana);
    for (let at = 0; at < 5; at++)
      expect(codeOf(await finish(app, challenge, wrongCode(device)))).toBe('MFA_CODE_INVALID');
    expect(codeOf(await finish(app, challenge, device.code()))).toBe('MFA_CHALLENGE_EXPIRED');
    expect(codeOf(await finish(app, await challengeOf(app, ana), device.code()))).toBeUndefined();
  });

  it('compares no more than five of any number of parallel guesses', async () => {
    const { ana, device } = await target();
    const challenge = await challengeOf(app, ana);
    const guesses = await times(30, () => finish(app, challenge, wrongCode(device)));
    expect(tally(guesses)).toEqual({ MFA_CODE_INVALID: 5, MFA_CHALLENGE_EXPIRED: 25 });
    expect(await count("audit_events where subject = $1 and type = 'mfa.failed'", [ana.id])).toBe(5);
  });

  it('draws on one budget of the account, which no new challenge and no right password refills', async () => {
    const { ana, device } = await target();
    const outcomes: (string | undefined)[] = [];
    for (let round = 0; round < 2; round++) {
      const challenge = await challengeOf(strict, ana);
      for (let at = 0; at < 5; at++)
        outcomes.push(codeOf(await finish(strict, challenge, wrongCode(device))));
    }
    expect(outcomes).toEqual(Array(10).fill('MFA_CODE_INVALID'));
    for (const login of [ana.username, ana.email]) {
      const limited = await signIn(strict, login, ana.password);
      expect(codeOf(limited)).toBe('RATE_LIMITED');
      expect(limited.errors[0]?.extensions.retryAfterSeconds).toBeGreaterThan(0);
    }
    // Her own session is not shut out by what strangers try.
    expect(codeOf(await factorsOf(strict, ana).stepUp(device.code()))).toBeUndefined();
  });

  it('from a session draws on the budget of its device, whatever is asked for', async () => {
    const { ana, device } = await target();
    const own = factorsOf(strict, ana);
    for (let at = 0; at < 10; at++)
      expect(codeOf(await own.stepUp(wrongCode(device)))).toBe('MFA_CODE_INVALID');
    const others = [
      await own.stepUp(device.code()),
      await own.disable(ana.password, device.code()),
      await own.enroll(ana.password),
      await signIn(strict, ana.email, ana.password),
    ];
    expect(others.map(codeOf)).toEqual(Array(4).fill('RATE_LIMITED'));
  });

  it('in parallel passes the budget no more often than one by one', async () => {
    const { ana, device } = await target();
    const own = factorsOf(strict, ana);
    const guesses = await times(40, () => own.stepUp(wrongCode(device)));
    expect(tally(guesses)).toEqual({ MFA_CODE_INVALID: 10, RATE_LIMITED: 30 });
  });

  it('costs the rightful owner nothing when the code is right', async () => {
    const { ana, device } = await target();
    for (let at = 0; at < 12; at++) {
      await enterWith(strict, ana, device.code());
      clock.step();
    }
  });

  it('is no quicker with many fields in one document', async () => {
    const { ana, device } = await target();
    const challenge = await challengeOf(app, ana);
    const field = `verifyMfa(input: $input) { accessToken }`;
    const answer = await app.graphql(`mutation ($input: VerifyMfaInput!) { a: ${field} b: ${field} }`, {
      input: { challengeToken: challenge, code: wrongCode(device) },
    });
    expect(codeOf(answer)).toBe('GRAPHQL_VALIDATION_FAILED');
    expect(await count("audit_events where subject = $1 and type = 'mfa.failed'", [ana.id])).toBe(0);
  });
});

describe('before the second factor is proved', () => {
  it('there is no session and no token', async () => {
    const { ana } = await target();
    const before = await liveSessions(ana);
    const answer = await begin(app, ana.username, ana.password);
    expect(Object.keys(answer.data['signIn'] as object).sort()).toEqual(
      ['__typename', 'challengeToken', 'expiresAt', 'methods'].sort(),
    );
    expect(answer.body).not.toMatch(/eyJ|agr_/);
    expect(await liveSessions(ana)).toBe(before);
  });

  it('a challenge token opens nothing else, and nothing else opens a challenge', async () => {
    const { ana, device } = await target();
    const challenge = await challengeOf(app, ana);
    expect(codeOf(await whoAmI(app, challenge))).toBe('UNAUTHENTICATED');
    expect((await refresh(app, challenge)).code).toBe('REFRESH_TOKEN_INVALID');
    expect(await verify(app, challenge)).toEqual({ valid: false, reason: 'MALFORMED' });
    const link = 'mutation ($t: String!) { verifyEmail(token: $t) }';
    expect(codeOf(await app.graphql(link, { t: challenge }))).toBe('ONE_TIME_TOKEN_INVALID');
    expect(codeOf(await reset(app, challenge, 'Quite-another-word-8'))).toBe('ONE_TIME_TOKEN_INVALID');
    for (const other of [ana.access, ana.refresh, '', 'x', `${challenge} `, challenge.slice(1), 'é\u0000'])
      expect(codeOf(await finish(app, other, device.code()))).toBe('MFA_CHALLENGE_EXPIRED');
    expect(codeOf(await revoke(app, challenge))).toBeUndefined();
    expect(codeOf(await finish(app, challenge, device.code()))).toBeUndefined();
  });

  it('a challenge is good for five minutes, once, and only until the next one', async () => {
    const { ana, device } = await target();
    const late = await challengeOf(app, ana);
    await look('update mfa_challenges set expires_at = now() where user_id = $1', [ana.id]);
    expect(codeOf(await finish(app, late, device.code()))).toBe('MFA_CHALLENGE_EXPIRED');
    const [first, second] = [await challengeOf(app, ana), await challengeOf(app, ana)];
    expect(codeOf(await finish(app, first, device.code()))).toBe('MFA_CHALLENGE_EXPIRED');
    expect(codeOf(await finish(app, second, device.code()))).toBeUndefined();
    expect(codeOf(await finish(app, second, device.code(1)))).toBe('MFA_CHALLENGE_EXPIRED');
  });

  it('whoever does not know the password is not told that there is one', async () => {
    const { ana } = await target();
    const eva = await join(app);
    const answers = [ana.username, eva.username, 'nobody-at-all'].map((login) =>
      begin(app, login, 'Not-the-password-1'),
    );
    const told = (await Promise.all(answers)).map(({ status, errors, data }) => [
      status,
      data,
      errors.map(({ message, extensions }) => [message, extensions.code]),
    ]);
    expect(new Set(told.map((one) => JSON.stringify(one))).size).toBe(1);
  });
});

describe('a sign-in beside the setting up of an app', () => {
  it('leaves no session that has proved a password alone', async () => {
    const ana = await join(app);
    const own = factorsOf(app, ana);
    const { data } = await own.enroll(ana.password);
    const device = authenticator((data['enrollTotp'] as { secret: string }).secret, clock.now);
    const [confirmed, ...entered] = await Promise.all([
      until('a sign-in is under way', () => true).then(() => own.confirm(device.code())),
      ...Array.from({ length: 6 }, () => begin(app, ana.username, ana.password)),
    ]);
    expect(codeOf(confirmed)).toBeUndefined();
    expect(entered.filter((answer) => codeOf(answer) !== undefined)).toEqual([]);
    const low = await look('select id from sessions where user_id = $1 and ended_at is null and aal < 2', [
      ana.id,
    ]);
    expect(low).toEqual([]);
  });

  const RAISE = 'update users set authz_version = authz_version + 1';
  const acts = {
    'an app is confirmed': [
      `with app as (insert into totp_factors (user_id, secret_sealed, confirmed_at) values ($1, 'sealed', now())) ${RAISE} where id = $1`,
      'MfaChallenge',
    ],
    'the password becomes another': [
      "update users set password_hash = 'other' where id = $1",
      'INVALID_CREDENTIALS',
    ],
    'it is suspended': [`${RAISE}, suspended_at = now() where id = $1`, 'INVALID_CREDENTIALS'],
    'it is given other roles': [`${RAISE} where id = $1`, 'AuthPayload'],
  } as const;
  it.each(Object.entries(acts))(
    'that waits for the account while %s goes by what it is then',
    async (_, [act, outcome]) => {
      const ana = await join(app);
      const holder = await look.another();
      await holder.query('begin');
      await holder.query(act, [ana.id]);
      const waiting = begin(app, ana.username, ana.password);
      await until('the sign-in waits', async () => {
        const [held] = await look(
          "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query ~ 'last_sign_in_at'",
        );
        return held;
      });
      await holder.query('commit');
      const answer = await waiting;
      expect(codeOf(answer) ?? (answer.data['signIn'] as { __typename: string }).__typename).toBe(outcome);
    },
  );
});

describe('a stolen access token', () => {
  it('changes no factor: each change asks for the password', async () => {
    const { ana, device } = await target();
    const own = factorsOf(app, ana);
    const wrong = 'Not-the-password-1';
    expect(codeOf(await own.disable(wrong, device.code()))).toBe('INVALID_CREDENTIALS');
    expect(codeOf(await own.regenerate(wrong))).toBe('INVALID_CREDENTIALS');
    const eva = await join(app);
    expect(codeOf(await factorsOf(app, eva).enroll(wrong))).toBe('INVALID_CREDENTIALS');
    expect(codeOf(await factorsOf(app, { access: 'x.y.z' }).enroll(ana.password))).toBe('UNAUTHENTICATED');
    expect(codeOf(await finish(app, await challengeOf(app, ana), device.code()))).toBeUndefined();
  });

  it('of a session that ended confirms and steps up nothing', async () => {
    const { ana, device } = await target();
    const other = await enterWith(app, ana, device.code());
    await app.graphql('mutation { signOut }', {}, { bearer: other.access });
    expect(codeOf(await factorsOf(app, other).stepUp(device.code(1)))).toBe('UNAUTHENTICATED');
  });

  it('does not reach the factor of another account', async () => {
    const { ana, device } = await target();
    const eva = await target();
    expect(codeOf(await factorsOf(app, eva.ana).stepUp(device.code()))).toBe('MFA_CODE_INVALID');
    expect(codeOf(await finish(app, await challengeOf(app, ana), device.code()))).toBeUndefined();
  });
});

describe('a refresh token from before stepping up', () => {
  it('is a stolen one when it comes after its successor was used: the session ends', async () => {
    const { ana, device } = await target();
    const { data } = await factorsOf(app, ana).stepUp(device.code());
    expect((await refresh(app, data['stepUp'].refreshToken as string)).code).toBeUndefined();
    expect((await refresh(app, ana.refresh)).code).toBe('REFRESH_TOKEN_REUSED');
    expect(codeOf(await whoAmI(app, data['stepUp'].accessToken as string))).toBe('UNAUTHENTICATED');
  });

  it('is a stolen one when it comes after the replay window', async () => {
    const { ana, device } = await target();
    const { data } = await factorsOf(app, ana).stepUp(device.code());
    await look(
      "update refresh_tokens set rotated_at = rotated_at - interval '61 seconds' where session_id = $1",
      [ana.sessionId],
    );
    expect((await refresh(app, ana.refresh)).code).toBe('REFRESH_TOKEN_REUSED');
    expect((await refresh(app, data['stepUp'].refreshToken as string)).code).toBe('REFRESH_TOKEN_INVALID');
  });

  it('forks nothing when it comes many times at once', async () => {
    const { ana, device } = await target();
    const { data } = await factorsOf(app, ana).stepUp(device.code());
    const answers = await times(20, () => refresh(app, ana.refresh));
    expect(new Set(answers.map((answer) => answer.refresh)).size).toBe(1);
    expect(await count("refresh_tokens where session_id = $1 and state = 'active'", [ana.sessionId])).toBe(1);
    // The thief and the owner are told apart as soon as either goes on.
    expect((await refresh(app, answers[0]!.refresh)).code).toBeUndefined();
    expect((await refresh(app, data['stepUp'].refreshToken as string)).code).toBe('REFRESH_TOKEN_REUSED');
  });
});

describe('a reset of the password', () => {
  it('removes no second factor', async () => {
    const { ana, device } = await target();
    await forgot(app, ana.email);
    const [link] = await passwordLinks(app, ana.email, 1);
    const next = 'Quite-another-word-9';
    expect(codeOf(await reset(app, link, next))).toBeUndefined();
    const challenge = await challengeOf(app, { ...ana, password: next });
    expect(codeOf(await finish(app, challenge, wrongCode(device)))).toBe('MFA_CODE_INVALID');
    expect(codeOf(await finish(app, challenge, device.code()))).toBeUndefined();
  });
});

describe('what is stored', () => {
  it('shows a thief of the database no secret, code or challenge', async () => {
    const { ana, device, codes } = await target();
    const challenge = await challengeOf(app, ana);
    await finish(app, challenge, codes[0]!);
    const dump = await look.dump();
    const bits = [...device.secret].map((c) =>
      'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0'),
    );
    const seed = Buffer.from(
      bits
        .join('')
        .match(/.{8}/g)!
        .map((byte) => Number.parseInt(byte, 2)),
    );
    const kept = [
      device.secret,
      seed.toString('hex'),
      seed.toString('base64'),
      seed.toString('base64url'),
      challenge,
    ];
    const bare = codes.flatMap((code) => [code, code.replaceAll('-', '')]);
    expect([...kept, ...bare].filter((secret) => dump.includes(secret))).toEqual([]);
    expect(dump).not.toContain('otpauth');
  });

  it('opens with the key of its own account alone', async () => {
    const [one, other] = [await target(), await target()];
    await look(
      'update totp_factors set secret_sealed = (select secret_sealed from totp_factors where user_id = $1) where user_id = $2',
      [one.ana.id, other.ana.id],
    );
    const answer = await finish(app, await challengeOf(app, other.ana), one.device.code());
    expect(codeOf(answer)).toBe('INTERNAL_SERVER_ERROR');
    expect(answer.body).not.toContain('box');
  });
});
