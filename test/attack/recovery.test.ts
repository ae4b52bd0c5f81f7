import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actingAs } from '../harness/administration.js';
import { startApp, type Answer, type TestApp } from '../harness/app.js';
import { codeOf, faultsOf, signIn } from '../harness/calls.js';
import { countHashes } from '../harness/hashes.js';
import { forgot, passwordLinks, reset } from '../harness/links.js';
import { lookInto, type Look } from '../harness/look.js';
import { mailsIn } from '../harness/mail.js';
import { join, newcomer, ownerOf, type Person } from '../harness/people.js';
import { quantile, until } from '../harness/until.js';

let app: TestApp;
let look: Look;
let owner: Person;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100', PASSWORD_HASH_COST: '10' });
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

const GOOD = 'eleven-quiet-Rivers-7';
const verifyEmail = (token: string) =>
  app.graphql('mutation ($t: String!) { verifyEmail(token: $t) }', { t: token });

async function forgetful(): Promise<Person & { secret: string }> {
  const ana = await join(app);
  await forgot(app, ana.email);
  const [secret = ''] = await passwordLinks(app, ana.email, 1);
  return { ...ana, secret };
}

/** How many passwords are hashed while `work` runs. */
const hashesOf = async (work: () => Promise<unknown>): Promise<number> => (await countHashes(work)).made;

describe('a link to reset a password', () => {
  it('serves one of twenty who use it at once', async () => {
    const ana = await forgetful();
    const passwords = Array.from({ length: 20 }, (_, at) => `${GOOD}-${at}`);
    const codes = (await Promise.all(passwords.map((password) => reset(app, ana.secret, password)))).map(
      codeOf,
    );
    expect(codes.filter((code) => code === undefined)).toHaveLength(1);
    expect(codes.filter((code) => code === 'ONE_TIME_TOKEN_INVALID')).toHaveLength(19);
    const won = passwords[codes.indexOf(undefined)] ?? '';
    expect(codeOf(await signIn(app, ana.username, won))).toBeUndefined();
    expect(
      await look("select 1 from audit_events where subject = $1 and type = 'password.reset'", [ana.id]),
    ).toHaveLength(1);
  });

  it('points to the configured address, whatever a request claims to be sent to', async () => {
    const ana = await join(app);
    await forgot(app, ana.email, {
      'x-forwarded-host': 'evil.test',
      'x-forwarded-proto': 'ftp',
      'x-authorizer-url': 'https://evil.test',
      forwarded: 'host=evil.test',
      origin: 'https://evil.test',
      referer: 'https://evil.test/',
    });
    await passwordLinks(app, ana.email, 1);
    for (const { raw } of (await mailsIn(app)).filter(({ to }) => to === ana.email))
      expect(raw).not.toContain('evil');
  });

  it('is void once a newer one was asked for', async () => {
    const ana = await forgetful();
    await forgot(app, ana.email);
    const [first, second] = await passwordLinks(app, ana.email, 2);
    expect(codeOf(await reset(app, first, GOOD))).toBe('ONE_TIME_TOKEN_INVALID');
    expect(codeOf(await reset(app, second, GOOD))).toBeUndefined();
  });

  it('opens nothing else, and nothing else opens it', async () => {
    const ana = await forgetful();
    const confirmation = await until('the confirmation has come', async () =>
      (await mailsIn(app))
        .filter(({ to }) => to === ana.email)
        .map(({ text }) => /verify-email\?token=([\w-]{43})/.exec(text)?.[1])
        .find((secret) => secret !== undefined),
    );
    expect(codeOf(await reset(app, confirmation, GOOD))).toBe('ONE_TIME_TOKEN_INVALID');
    expect(codeOf(await verifyEmail(ana.secret))).toBe('ONE_TIME_TOKEN_INVALID');
    for (const token of [ana.access, ana.refresh])
      expect(codeOf(await reset(app, token, GOOD))).toBe('ONE_TIME_TOKEN_INVALID');
    expect(codeOf(await app.graphql('{ me { id } }', {}, { bearer: ana.secret }))).toBe('UNAUTHENTICATED');
    expect(codeOf(await verifyEmail(confirmation))).toBeUndefined();
    expect(codeOf(await reset(app, ana.secret, GOOD))).toBeUndefined();
  });

  it('costs no hash where it is dead or made up', async () => {
    const ana = await forgetful();
    await reset(app, ana.secret, GOOD);
    const suspended = await forgetful();
    await actingAs(app, owner).suspendUser(suspended.id);
    const dead = [ana.secret, suspended.secret, '', 'x', 'A'.repeat(43), '\u0000', '\ud800', "' or true --"];
    const hashed = await hashesOf(async () => {
      for (const token of [...dead, 'A'.repeat(90_000)])
        expect(codeOf(await reset(app, token, GOOD))).toBe('ONE_TIME_TOKEN_INVALID');
    });
    expect(hashed).toBe(0);
  });

  it.each([5, null, undefined, [], {}, { $ne: '' }, { $regex: '.*' }])(
    'is not taken as %j, which is refused by name',
    async (value) => {
      const answer = await reset(app, value, GOOD);
      expect([codeOf(answer), faultsOf(answer)]).toEqual(['BAD_USER_INPUT', ['token']]);
    },
  );

  it('is tried once a document and no oftener', async () => {
    const ana = await forgetful();
    const two = `mutation ($t: String!, $p: String!) {
      a: resetPassword(token: $t, newPassword: $p) b: resetPassword(token: $t, newPassword: $p) }`;
    expect(codeOf(await app.graphql(two, { t: ana.secret, p: GOOD }))).toBe('GRAPHQL_VALIDATION_FAILED');
    const mailing = `mutation ($e: EmailAddress!) { a: forgotPassword(email: $e) b: forgotPassword(email: $e) }`;
    expect(codeOf(await app.graphql(mailing, { e: ana.email }))).toBe('GRAPHQL_VALIDATION_FAILED');
  });

  it('stands in no table once the mail has left', async () => {
    const ana = await forgetful();
    await until('the mail has left', async () => {
      const rows = await look('select 1 from mail_outbox where account_id = $1', [ana.id]);
      return rows.length === 0;
    });
    expect(await look.dump()).not.toContain(ana.secret);
  });
});

describe('resetting a password', () => {
  it('at the moment of a sign-in with the old one leaves no session of that', async () => {
    for (let round = 0; round < 4; round++) {
      const ana = await forgetful();
      const [done, ...entered] = await Promise.all([
        reset(app, ana.secret, GOOD),
        signIn(app, ana.username, ana.password),
        signIn(app, ana.email, ana.password),
      ]);
      expect(codeOf(done)).toBeUndefined();
      for (const answer of entered) expect([undefined, 'INVALID_CREDENTIALS']).toContain(codeOf(answer));
      expect(await look('select 1 from sessions where user_id = $1 and ended_at is null', [ana.id])).toEqual(
        [],
      );
    }
  });

  it('at the moment of a suspension or deletion opens nothing', async () => {
    const house = actingAs(app, owner);
    for (const close of [house.suspendUser, house.deleteUser]) {
      const ana = await forgetful();
      const [done, closed] = await Promise.all([reset(app, ana.secret, GOOD), close(ana.id)]);
      expect(codeOf(closed)).toBeUndefined();
      expect([undefined, 'ONE_TIME_TOKEN_INVALID']).toContain(codeOf(done));
      for (const password of [GOOD, ana.password])
        expect(codeOf(await signIn(app, ana.username, password))).toMatch(
          /^(ACCOUNT_SUSPENDED|ACCOUNT_DELETED|INVALID_CREDENTIALS)$/,
        );
    }
  });
});

describe('asking for a link tells nobody who lives here', () => {
  const seen = ({ status, headers, body }: Answer) => ({
    status,
    body,
    headers: [...headers].filter(([name]) => !['date', 'x-request-id'].includes(name)).sort(),
  });

  it('by its answer', async () => {
    const house = actingAs(app, owner);
    const [known, suspended, deleted] = [await join(app), await join(app), await join(app)];
    await house.suspendUser(suspended.id);
    await house.deleteUser(deleted.id);
    const nobody = seen(await forgot(app, newcomer().email));
    expect(JSON.parse(nobody.body)).toEqual({ data: { forgotPassword: true } });
    for (const { email } of [known, suspended, deleted])
      expect(seen(await forgot(app, email))).toEqual(nobody);
    await passwordLinks(app, known.email, 1);
    const mailed = (await mailsIn(app)).filter(({ text }) => text.includes('/reset-password?'));
    for (const { email } of [suspended, deleted]) expect(mailed.map(({ to }) => to)).not.toContain(email);
  });

  it('by its time', async () => {
    const ana = await join(app);
    const took = async (email: string) => {
      const start = performance.now();
      await forgot(app, email);
      return performance.now() - start;
    };
    const [known, unknown]: [number[], number[]] = [[], []];
    for (let round = 0; round < 9; round++) {
      known.push(await took(ana.email));
      unknown.push(await took(newcomer().email));
    }
    const [one, other] = [quantile(known, 0.5), quantile(unknown, 0.5)];
    expect(Math.min(...known, ...unknown)).toBeGreaterThan(145);
    expect(Math.abs(one - other) / other).toBeLessThan(0.25);
  });

  it('by how soon further tries are refused', async () => {
    const strict = await app.replica({ LIMITS_SCALE: '1' });
    const ana = await join(app);
    const codes = async (email: string) => {
      const answers = [];
      for (let time = 0; time < 6; time++) answers.push(await forgot(strict, email));
      return answers.map(codeOf);
    };
    expect(await codes(ana.email)).toEqual([...Array(5).fill(undefined), 'RATE_LIMITED']);
    expect(await codes(newcomer().email)).toEqual(await codes(newcomer().email));
  });
});
