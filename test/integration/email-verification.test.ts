import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf, faultsOf, signIn, signUp } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { mailsIn } from '../harness/mail.js';
import { enter, join, newcomer, ownerOf, type Person } from '../harness/people.js';
import { until } from '../harness/until.js';

let app: TestApp;
let look: Look;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  look = await lookInto(app.databaseUrl);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

const verifyEmail = (where: TestApp, token: unknown) =>
  where.graphql('mutation ($t: String!) { verifyEmail(token: $t) }', { t: token });
const resend = (where: TestApp, email: unknown, headers: Record<string, string> = {}) =>
  where.graphql(
    'mutation ($e: EmailAddress!) { resendVerificationEmail(email: $e) }',
    { e: email },
    { headers },
  );
const isVerified = async ({ access }: Person) =>
  (await app.graphql('{ me { isEmailVerified } }', {}, { bearer: access })).data['me']
    .isEmailVerified as boolean;

/** The secrets of the links that were mailed to this address, oldest first, once there are that many. */
async function secretsFor(where: TestApp, address: string, count: number): Promise<string[]> {
  const mails = await until(`${count} mails have come`, async () => {
    const got = (await mailsIn(where)).filter(({ to }) => to === address);
    return got.length >= count ? got : undefined;
  });
  return mails.map(({ text }) => /[?&]token=([A-Za-z0-9_-]{43})\b/.exec(text)?.[1] ?? 'no link');
}

describe('a newcomer’s email address', () => {
  it('is confirmed by the link in the mail, a file in the data folder that says what it is', async () => {
    const ana = await join(app);
    expect(await isVerified(ana)).toBe(false);
    const [secret = ''] = await secretsFor(app, ana.email, 1);
    const [mail] = (await mailsIn(app)).filter(({ to }) => to === ana.email);
    expect(mail).toMatchObject({ to: ana.email, subject: 'Confirm your email address' });
    expect(mail?.text).toContain(`https://auth.example.test/verify-email?token=${secret}`);

    expect((await verifyEmail(app, secret)).data).toEqual({ verifyEmail: true });
    expect(await isVerified(ana)).toBe(true);
    const events = await look(
      "select actor from audit_events where subject = $1 and type = 'email.verified'",
      [ana.id],
    );
    expect(events).toEqual([{ actor: ana.id }]);
  });

  it('is confirmed once, by one of any number at once', async () => {
    const ana = await join(app);
    const [secret] = await secretsFor(app, ana.email, 1);
    const answers = await Promise.all(Array.from({ length: 20 }, () => verifyEmail(app, secret)));
    const codes = answers.map(codeOf);
    expect(codes.filter((code) => code === undefined)).toHaveLength(1);
    expect(codes.filter((code) => code === 'ONE_TIME_TOKEN_INVALID')).toHaveLength(19);
  });

  it('is confirmed by the newest link alone, and not after a day', async () => {
    const ana = await join(app);
    await secretsFor(app, ana.email, 1);
    await resend(app, ana.email.toUpperCase());
    const [first, second] = await secretsFor(app, ana.email, 2);
    expect(codeOf(await verifyEmail(app, first))).toBe('ONE_TIME_TOKEN_INVALID');
    await look('update one_time_tokens set expires_at = now() where user_id = $1 and used_at is null', [
      ana.id,
    ]);
    expect(codeOf(await verifyEmail(app, second))).toBe('ONE_TIME_TOKEN_INVALID');
    await resend(app, ana.email);
    const [, , third] = await secretsFor(app, ana.email, 3);
    expect(codeOf(await verifyEmail(app, third))).toBeUndefined();
  });

  it('is not confirmed by a link to another one: a changed address voids what was mailed to the old', async () => {
    const owner = await ownerOf(app);
    const ana = await join(app);
    const [secret] = await secretsFor(app, ana.email, 1);
    await app.graphql(
      'mutation ($id: ID!, $input: UpdateUserInput!) { updateUser(id: $id, input: $input) { id } }',
      { id: ana.id, input: { email: newcomer().email } },
      { bearer: owner.access },
    );
    expect(codeOf(await verifyEmail(app, secret))).toBe('ONE_TIME_TOKEN_INVALID');
    expect(await isVerified(ana)).toBe(false);
  });

  it('is linked to by the configured address, whatever a request claims to be sent to', async () => {
    const ana = await join(app);
    await secretsFor(app, ana.email, 1);
    await resend(app, ana.email, {
      'x-forwarded-host': 'evil.test',
      forwarded: 'host=evil.test',
      origin: 'https://evil.test',
    });
    await secretsFor(app, ana.email, 2);
    for (const { raw } of (await mailsIn(app)).filter(({ to }) => to === ana.email))
      expect(raw).not.toContain('evil');
  });

  it('is no way to slip a header or a page into the mail', async () => {
    const ana = await join(app, { firstName: '<script>alert(1)</script> Bcc: eve@evil.test' });
    await secretsFor(app, ana.email, 1);
    const [mail] = (await mailsIn(app)).filter(({ to }) => to === ana.email);
    const [headers] = mail?.raw.split(/\r?\n\r?\n/) ?? [];
    expect(headers).not.toMatch(/bcc/i);
    expect(mail?.raw.replace(/=\r?\n/g, '')).not.toMatch(/script|evil/);
  });

  it.each(['', 'x', 'A'.repeat(43), '\u0000', '\ud800', "' or true --", 'A'.repeat(90_000)])(
    'is not confirmed by %j',
    async (token) => {
      expect(codeOf(await verifyEmail(app, token))).toBe('ONE_TIME_TOKEN_INVALID');
    },
  );

  it.each([5, null, undefined, [], {}, { $ne: '' }])(
    'bad input such as %j is refused by name',
    async (value) => {
      expect([codeOf(await verifyEmail(app, value)), faultsOf(await verifyEmail(app, value))]).toEqual([
        'BAD_USER_INPUT',
        ['token'],
      ]);
      expect([codeOf(await resend(app, value)), faultsOf(await resend(app, value))]).toEqual([
        'BAD_USER_INPUT',
        ['email'],
      ]);
    },
  );

  it('is not asked about any more once it is confirmed', async () => {
    const ana = await join(app);
    const [secret] = await secretsFor(app, ana.email, 1);
    await verifyEmail(app, secret);
    expect((await resend(app, ana.email)).data).toEqual({ resendVerificationEmail: true });
    expect(
      await look('select 1 from one_time_tokens where user_id = $1 and used_at is null', [ana.id]),
    ).toEqual([]);
  });
});

describe('where it must be confirmed first', () => {
  let careful: TestApp;
  beforeAll(async () => {
    careful = await startApp({ LIMITS_SCALE: '100', REQUIRE_EMAIL_VERIFICATION: 'on' });
  });
  afterAll(() => careful.close());

  it('there are no tokens before, neither at sign-up nor at sign-in, and there are afterwards', async () => {
    const input = newcomer();
    const pending = { __typename: 'EmailVerificationPending', email: input.email };
    expect((await signUp(careful, input)).data['signUp']).toEqual(pending);
    expect((await signIn(careful, input.username, input.password)).data['signIn']).toEqual(pending);
    expect(codeOf(await signIn(careful, input.username, 'wrong'))).toBe('INVALID_CREDENTIALS');
    const inside = await lookInto(careful.databaseUrl);
    expect(await inside('select 1 from sessions')).toEqual([]);
    await inside.close();

    const [first, second] = await secretsFor(careful, input.email, 2);
    expect(codeOf(await verifyEmail(careful, first))).toBe('ONE_TIME_TOKEN_INVALID');
    expect(codeOf(await verifyEmail(careful, second))).toBeUndefined();
    await enter(careful, input);
  });

  it('the first owner comes in all the same', async () => {
    await expect(ownerOf(careful)).resolves.toMatchObject({ username: careful.owner.username });
  });
});
