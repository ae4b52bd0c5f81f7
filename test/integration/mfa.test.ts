import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import decodeQR from 'qr/decode.js';
import { startApp, type Answer, type TestApp } from '../harness/app.js';
import { codeOf, refresh, whoAmI } from '../harness/calls.js';
import { MALFORMED, UNKNOWN, actingAs } from '../harness/administration.js';
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
import { enter, join, joinAs, ownerOf, type Person } from '../harness/people.js';
import { lookInto, type Look } from '../harness/look.js';
import { statementsOf } from '../harness/statements.js';

const clock = steppingClock();
let app: TestApp;
let look: Look;
let owner: Person;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100', MFA_ISSUER: 'Ana & Söhne' }, clock);
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

const setUp = (person: Person) => setUpFactor(app, person, clock.now);
/** The next code of an app that nobody has taken yet. */
const fresh = (device: Authenticator) => {
  clock.step();
  return device.code();
};
const eventsOf = async (id: string) =>
  (await look<{ type: string }>('select type from audit_events where subject = $1 order by id', [id])).map(
    ({ type }) => type,
  );
const claimsOf = (token: string): { amr: string[]; aal: number } =>
  JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as { amr: string[]; aal: number };
const sessionOf = async (id: string) =>
  (await look<{ aal: number; amr: string[] }>('select aal, amr from sessions where id = $1', [id]))[0];
/** What is stored of second factors and of sessions that go on. */
const factors = () =>
  look(
    "select 'factor ' || t::text as row from totp_factors t union all select 'code ' || t::text from recovery_codes t union all select 'session ' || id from sessions where ended_at is null union all select 'version ' || authz_version || id from users order by 1",
  );
/** Makes what a session has proved an hour older. */
const ageProof = (id: string) =>
  look("update sessions set proved_at = proved_at - interval '1 hour' where id = $1", [id]);

describe('setting an authenticator app up', () => {
  it('shows a secret, and the same as a URI and as a QR code', async () => {
    const ana = await join(app);
    const { data, headers } = await factorsOf(app, ana).enroll(ana.password);
    const { secret, otpauthUri, qrCode } = data['enrollTotp'] as Record<string, string>;
    expect(secret).toMatch(/^[A-Z2-7]{32}$/);
    const account = encodeURIComponent(ana.email);
    expect(otpauthUri).toBe(
      `otpauth://totp/Ana%20%26%20S%C3%B6hne:${account}?secret=${secret}&issuer=Ana%20%26%20S%C3%B6hne&algorithm=SHA1&digits=6&period=30`,
    );
    expect(scan(qrCode!)).toBe(otpauthUri);
    expect(headers.get('cache-control')).toContain('no-store');
  });

  it('asks for the password', async () => {
    const ana = await join(app);
    expect(codeOf(await factorsOf(app, ana).enroll('Not-the-password-1'))).toBe('INVALID_CREDENTIALS');
    expect(codeOf(await factorsOf(app, ana).enroll(''))).toBe('BAD_USER_INPUT');
    expect(await eventsOf(ana.id)).toContain('password.refused');
  });

  it('changes nothing until its first code has come', async () => {
    const ana = await join(app);
    await factorsOf(app, ana).enroll(ana.password);
    expect((await begin(app, ana.username, ana.password)).data['signIn'].__typename).toBe('AuthPayload');
    expect(await enabled(ana)).toBe(false);
  });

  it('can begin anew, and the earlier secret is forgotten', async () => {
    const ana = await join(app);
    const own = factorsOf(app, ana);
    const first = secretOf(await own.enroll(ana.password));
    const second = secretOf(await own.enroll(ana.password));
    expect(codeOf(await own.confirm(authenticator(first, clock.now).code()))).toBe('MFA_CODE_INVALID');
    expect(codeOf(await own.confirm(authenticator(second, clock.now).code()))).toBeUndefined();
  });

  it('can be confirmed within the hour, and once', async () => {
    const ana = await join(app);
    const own = factorsOf(app, ana);
    expect(codeOf(await own.confirm('000000'))).toBe('CONFLICT');
    const device = authenticator(secretOf(await own.enroll(ana.password)), clock.now);
    await look("update totp_factors set created_at = created_at - interval '61 minutes' where user_id = $1", [
      ana.id,
    ]);
    expect(codeOf(await own.confirm(device.code()))).toBe('CONFLICT');
    const { app: next } = await setUp(ana);
    expect(codeOf(await own.confirm(fresh(next)))).toBe('CONFLICT');
    expect(codeOf(await own.enroll(ana.password))).toBe('CONFLICT');
  });

  it('gives ten recovery codes of 120 bits, in groups that can be read out', async () => {
    const ana = await join(app);
    const { codes } = await setUp(ana);
    expect(new Set(codes).size).toBe(10);
    for (const code of codes) expect(code).toMatch(/^([0-9a-hjkmnp-tv-z]{4}-){5}[0-9a-hjkmnp-tv-z]{4}$/);
  });

  it('proves both factors for this session and ends the others', async () => {
    const ana = await join(app);
    const elsewhere = await enter(app, ana);
    await setUp(ana);
    expect(await sessionOf(ana.sessionId)).toEqual({ aal: 2, amr: ['pwd', 'otp', 'mfa'] });
    expect(codeOf(await whoAmI(app, elsewhere.access))).toBe('UNAUTHENTICATED');
    expect(codeOf(await whoAmI(app, ana.access))).toBeUndefined();
    const next = await refresh(app, ana.refresh);
    expect(claimsOf(next.access)).toMatchObject({ aal: 2, amr: ['pwd', 'otp', 'mfa'] });
    expect(await enabled(ana)).toBe(true);
    expect(await eventsOf(ana.id)).toEqual(expect.arrayContaining(['mfa.enrolled', 'mfa.confirmed']));
  });
});

describe('signing in with a second factor', () => {
  it('takes the password, then a code', async () => {
    const ana = await join(app);
    const { app: device } = await setUp(ana);
    const before = await lastSignIn(ana);
    const answer = await begin(app, ana.email, ana.password);
    const challenge = answer.data['signIn'] as Record<string, unknown>;
    expect(challenge).toMatchObject({ __typename: 'MfaChallenge', methods: ['TOTP', 'RECOVERY_CODE'] });
    expect(challenge).not.toHaveProperty('accessToken');
    const life = Date.parse(String(challenge['expiresAt'])) - Date.now();
    expect(life).toBeGreaterThan(290_000);
    expect(life).toBeLessThanOrEqual(300_000);
    expect(await lastSignIn(ana)).toBe(before);
    const done = await finish(app, String(challenge['challengeToken']), device.code(1));
    const { session, user, accessToken, refreshToken } = done.data['verifyMfa'];
    expect(session).toMatchObject({ aal: 2, amr: ['pwd', 'otp', 'mfa'] });
    expect(user).toEqual({ id: ana.id, mfaEnabled: true });
    expect(claimsOf(accessToken)).toMatchObject({ aal: 2, amr: ['pwd', 'otp', 'mfa'] });
    expect(claimsOf((await refresh(app, refreshToken)).access)).toMatchObject({ aal: 2 });
    expect(await lastSignIn(ana)).not.toBe(before);
    expect((await eventsOf(ana.id)).slice(-3)).toEqual([
      'mfa.challenged',
      'sign_in.succeeded',
      'refresh.rotated',
    ]);
  });

  it('takes a code with the gap that apps show', async () => {
    const ana = await join(app);
    const { app: device } = await setUp(ana);
    const code = fresh(device);
    const spaced = ` ${code.slice(0, 3)} ${code.slice(3)} `;
    expect(codeOf(await finish(app, await challengeOf(app, ana), spaced))).toBeUndefined();
  });

  it('takes a recovery code however it is copied, each once', async () => {
    const ana = await join(app);
    const { codes } = await setUp(ana);
    const [one, two, three] = codes as [string, string, string];
    const copies = [
      one,
      two.toUpperCase().replaceAll('-', ' '),
      three.replaceAll('-', '').replaceAll('0', 'O'),
    ];
    for (const copy of copies)
      expect(codeOf(await finish(app, await challengeOf(app, ana), copy))).toBeUndefined();
    for (const spent of [one, two, three])
      expect(codeOf(await finish(app, await challengeOf(app, ana), spent))).toBe('MFA_CODE_INVALID');
    expect((await eventsOf(ana.id)).filter((type) => type === 'recovery_code.used')).toHaveLength(3);
  });

  it('takes a code for what it is said to be', async () => {
    const ana = await join(app);
    const { app: device, codes } = await setUp(ana);
    const tried = async (code: string, method: string) =>
      codeOf(await finish(app, await challengeOf(app, ana), code, { method }));
    expect(await tried(codes[0]!, 'TOTP')).toBe('MFA_CODE_INVALID');
    expect(await tried(fresh(device), 'RECOVERY_CODE')).toBe('MFA_CODE_INVALID');
    expect(await tried(device.code(), 'PASSKEY')).toBe('BAD_USER_INPUT');
    expect(await tried(device.code(), 'TOTP')).toBeUndefined();
    expect(await tried(codes[0]!, 'RECOVERY_CODE')).toBeUndefined();
  });

  it('does not speak of recovery codes when none is left', async () => {
    const ana = await join(app);
    await setUp(ana);
    await look('update recovery_codes set used_at = now() where user_id = $1', [ana.id]);
    expect((await begin(app, ana.username, ana.password)).data['signIn'].methods).toEqual(['TOTP']);
  });

  it('cannot be finished after the password was changed, or by an account that is suspended', async () => {
    const ana = await join(app);
    const { app: device } = await setUp(ana);
    const challenge = await challengeOf(app, ana);
    const changed = await app.graphql(
      'mutation ($a: String!, $b: String!) { changePassword(currentPassword: $a, newPassword: $b) { passwordChangedAt } }',
      { a: ana.password, b: 'Quite-another-word-7' },
      { bearer: ana.access },
    );
    expect(codeOf(changed)).toBeUndefined();
    expect(codeOf(await finish(app, challenge, fresh(device)))).toBe('MFA_CHALLENGE_EXPIRED');
    const next = await challengeOf(app, { ...ana, password: 'Quite-another-word-7' });
    await actingAs(app, owner).suspendUser(ana.id);
    expect(codeOf(await finish(app, next, device.code()))).toBe('ACCOUNT_SUSPENDED');
    await actingAs(app, owner).reinstateUser(ana.id);
  });
});

describe('stepping up', () => {
  it('renews what a session has proved, and its tokens', async () => {
    const ana = await join(app);
    const { app: device } = await setUp(ana);
    await look("update sessions set aal = 1, amr = '{pwd}' where id = $1", [ana.sessionId]);
    const { data } = await factorsOf(app, ana).stepUp(fresh(device));
    const { session, accessToken, refreshToken } = data['stepUp'];
    expect(session).toEqual({ id: ana.sessionId, aal: 2, amr: ['pwd', 'otp', 'mfa'] });
    expect(claimsOf(accessToken)).toMatchObject({ aal: 2, amr: ['pwd', 'otp', 'mfa'] });
    expect((await refresh(app, refreshToken)).code).toBeUndefined();
    expect(await eventsOf(ana.id)).toContain('session.stepped_up');
  });

  it('takes a recovery code where one is said to come', async () => {
    const ana = await join(app);
    const { codes } = await setUp(ana);
    const own = factorsOf(app, ana);
    expect(codeOf(await own.stepUp(codes[0]!))).toBe('MFA_CODE_INVALID');
    expect(codeOf(await own.stepUp(codes[0]!, 'PASSKEY'))).toBe('BAD_USER_INPUT');
    expect(codeOf(await own.stepUp(codes[0]!, 'RECOVERY_CODE'))).toBeUndefined();
  });

  it('is no use without a second factor', async () => {
    const ana = await join(app);
    const own = factorsOf(app, ana);
    const answers = [
      await own.stepUp('000000'),
      await own.disable(ana.password, '000000'),
      await own.regenerate(ana.password),
    ];
    expect(answers.map(codeOf)).toEqual(['CONFLICT', 'CONFLICT', 'CONFLICT']);
  });

  it('signs nobody out whose answer was lost, or who has a second tab', async () => {
    const ana = await join(app);
    const { app: device } = await setUp(ana);
    const stepped = await factorsOf(app, ana).stepUp(fresh(device));
    const lost = stepped.data['stepUp'].refreshToken as string;
    const tab = await refresh(app, ana.refresh);
    expect(tab.code).toBeUndefined();
    expect((await refresh(app, ana.refresh)).refresh).toBe(tab.refresh);
    const first = await refresh(app, lost);
    expect(first.code).toBeUndefined();
    const [active] = await look<{ count: number }>(
      "select count(*)::int as count from refresh_tokens where session_id = $1 and state = 'active'",
      [ana.sessionId],
    );
    expect(active?.count).toBe(1);
  });
});

describe('new recovery codes', () => {
  it('replace the old ones, after both factors were proved lately', async () => {
    const ana = await join(app);
    const { app: device, codes } = await setUp(ana);
    const own = factorsOf(app, ana);
    const elsewhere = await enterWith(app, ana, fresh(device));
    await ageProof(ana.sessionId);
    expect(codeOf(await own.regenerate(ana.password))).toBe('INSUFFICIENT_AAL');
    expect(codeOf(await own.stepUp(fresh(device)))).toBeUndefined();
    expect(codeOf(await own.regenerate('Not-the-password-1'))).toBe('INVALID_CREDENTIALS');
    const { data } = await own.regenerate(ana.password);
    const next = data['regenerateRecoveryCodes'].codes as string[];
    expect(next.filter((code) => codes.includes(code))).toEqual([]);
    expect(codeOf(await whoAmI(app, elsewhere.access))).toBe('UNAUTHENTICATED');
    expect(codeOf(await finish(app, await challengeOf(app, ana), codes[9]!))).toBe('MFA_CODE_INVALID');
    expect(codeOf(await finish(app, await challengeOf(app, ana), next[9]!))).toBeUndefined();
    expect(await eventsOf(ana.id)).toContain('recovery_codes.regenerated');
  });
});

describe('giving the second factor up', () => {
  it('asks for the password and a code, from a session that proved both lately', async () => {
    const ana = await join(app);
    const { app: device, codes } = await setUp(ana);
    const own = factorsOf(app, ana);
    expect(codeOf(await own.disable('Not-the-password-1', fresh(device)))).toBe('INVALID_CREDENTIALS');
    expect(codeOf(await own.disable(ana.password, wrongCode(device)))).toBe('MFA_CODE_INVALID');
    await ageProof(ana.sessionId);
    expect(codeOf(await own.disable(ana.password, device.code()))).toBe('INSUFFICIENT_AAL');
    await own.stepUp(device.code());
    expect((await own.disable(ana.password, codes[0]!)).data).toEqual({ disableMfa: true });
    expect(await eventsOf(ana.id)).toContain('mfa.disabled');
  });

  it('leaves the session with a password alone, ends the others, and forgets all codes', async () => {
    const ana = await join(app);
    const { app: device } = await setUp(ana);
    const elsewhere = await enterWith(app, ana, fresh(device));
    const open = await challengeOf(app, ana);
    await factorsOf(app, ana).disable(ana.password, fresh(device));
    expect(await sessionOf(ana.sessionId)).toEqual({ aal: 1, amr: ['pwd'] });
    expect(claimsOf((await refresh(app, ana.refresh)).access)).toMatchObject({ aal: 1, amr: ['pwd'] });
    expect(codeOf(await whoAmI(app, elsewhere.access))).toBe('UNAUTHENTICATED');
    expect(codeOf(await finish(app, open, fresh(device)))).toBe('MFA_CHALLENGE_EXPIRED');
    expect((await begin(app, ana.username, ana.password)).data['signIn'].__typename).toBe('AuthPayload');
    const left = await look(
      'select user_id from totp_factors where user_id = $1 union all select user_id from recovery_codes where user_id = $1',
      [ana.id],
    );
    expect(left).toEqual([]);
    await setUp(ana);
    expect(await enabled(ana)).toBe(true);
  });
});

describe('an administrator takes a lost factor off', () => {
  it('ends every session and open sign-in; then the password alone signs in', async () => {
    const ana = await join(app);
    const { app: device } = await setUp(ana);
    const open = await challengeOf(app, ana);
    const { data } = await factorsOf(app, owner).reset(ana.id);
    expect(data['resetUserMfa']).toEqual({ id: ana.id, mfaEnabled: false });
    expect(codeOf(await whoAmI(app, ana.access))).toBe('UNAUTHENTICATED');
    expect((await refresh(app, ana.refresh)).code).toBe('REFRESH_TOKEN_INVALID');
    expect(codeOf(await finish(app, open, fresh(device)))).toBe('MFA_CHALLENGE_EXPIRED');
    expect((await begin(app, ana.username, ana.password)).data['signIn'].session.aal).toBe(1);
    expect(await eventsOf(ana.id)).toContain('mfa.reset');
  });

  it('twice is as good as once, and an account without one is left as it is', async () => {
    const ana = await join(app);
    const before = await factors();
    expect((await factorsOf(app, owner).reset(ana.id)).data['resetUserMfa']).toEqual({
      id: ana.id,
      mfaEnabled: false,
    });
    expect(await factors()).toEqual(before);
    expect(codeOf(await whoAmI(app, ana.access))).toBeUndefined();
  });

  it('only from an account of lower rank, and with users:manage', async () => {
    const [ana, staff, chief] = [
      await join(app),
      await joinAs(app, owner, 'STAFF'),
      await joinAs(app, owner, 'HIGHER_STAFF'),
    ];
    const other = await joinAs(app, owner, 'HIGHER_STAFF');
    for (const person of [ana, other]) await setUp(person);
    const before = await factors();
    expect(codeOf(await factorsOf(app, staff).reset(other.id))).toBe('FORBIDDEN');
    expect(codeOf(await factorsOf(app, ana).reset(ana.id))).toBe('FORBIDDEN');
    for (const target of [other, chief, owner])
      expect(codeOf(await factorsOf(app, chief).reset(target.id))).toBe('FORBIDDEN');
    for (const id of [UNKNOWN, ...MALFORMED])
      expect(codeOf(await factorsOf(app, chief).reset(id))).toBe('NOT_FOUND');
    expect(await factors()).toEqual(before);
    expect(codeOf(await factorsOf(app, chief).reset(ana.id.toUpperCase()))).toBeUndefined();
  });

  it('not from a deleted account', async () => {
    const ana = await join(app);
    await setUp(ana);
    await actingAs(app, owner).deleteUser(ana.id);
    expect(codeOf(await factorsOf(app, owner).reset(ana.id))).toBe('CONFLICT');
  });
});

describe('whether an account has a second factor', () => {
  it('is asked of PostgreSQL once for a whole page', async () => {
    for (const person of [await join(app), await join(app)]) await setUp(person);
    const statements = await statementsOf(async () => {
      const { data } = await app.graphql(
        '{ users(first: 100) { nodes { id mfaEnabled } } }',
        {},
        { bearer: owner.access },
      );
      const enabled = (data['users'].nodes as { mfaEnabled: boolean }[]).map((node) => node.mfaEnabled);
      expect(new Set(enabled)).toEqual(new Set([true, false]));
    });
    expect(statements.filter((text) => text.includes('totp_factors'))).toHaveLength(1);
  });

  it('is for itself and who may read accounts', async () => {
    const [ana, eva] = [await join(app), await join(app)];
    await setUp(ana);
    const asked = (id: string, bearer: string): Promise<Answer> =>
      app.graphql(
        'query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { id mfaEnabled } } }',
        { r: [{ __typename: 'User', id }] },
        { bearer },
      );
    expect((await asked(ana.id, ana.access)).data['_entities']).toEqual([{ id: ana.id, mfaEnabled: true }]);
    expect((await asked(ana.id, owner.access)).data['_entities']).toEqual([{ id: ana.id, mfaEnabled: true }]);
    const stranger = await asked(ana.id, eva.access);
    expect([codeOf(stranger), stranger.data['_entities']]).toEqual([
      'FORBIDDEN',
      [{ id: ana.id, mfaEnabled: null }],
    ]);
    expect((await asked(UNKNOWN, owner.access)).data['_entities']).toEqual([
      { id: UNKNOWN, mfaEnabled: null },
    ]);
  });
});

const secretOf = ({ data }: Answer) => (data['enrollTotp'] as { secret: string }).secret;
const enabled = async (person: Person) =>
  (
    await app.graphql(
      'query ($id: ID!) { user(id: $id) { mfaEnabled } }',
      { id: person.id },
      { bearer: owner.access },
    )
  ).data['user'].mfaEnabled as boolean;
const lastSignIn = async ({ id }: Person) =>
  (await look<{ at: string }>('select last_sign_in_at::text as at from users where id = $1', [id]))[0]?.at;

/** Reads a QR code from its drawing, as a camera would. */
function scan(dataUri: string): string {
  const svg = Buffer.from(dataUri.replace('data:image/svg+xml;base64,', ''), 'base64').toString();
  const size = Number(/viewBox="0 0 (\d+) /.exec(svg)?.[1]);
  const scale = 4;
  const width = size * scale;
  const pixels = new Uint8Array(width * width * 4).fill(255);
  const drawn = [...svg.matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g)].map((found) => found.slice(1).map(Number));
  for (const [x, y, run] of drawn as [number, number, number][])
    for (let row = y * scale; row < (y + 1) * scale; row++)
      for (let column = x * scale; column < (x + run) * scale; column++)
        pixels.fill(0, (row * width + column) * 4, (row * width + column) * 4 + 3);
  return decodeQR({ width, height: width, data: pixels });
}
