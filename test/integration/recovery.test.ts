import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actingAs } from '../harness/administration.js';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf, faultsOf, refresh, signIn, whoAmI } from '../harness/calls.js';
import { forgot, passwordLinks, reset } from '../harness/links.js';
import { lookInto, type Look } from '../harness/look.js';
import { mailsIn } from '../harness/mail.js';
import { enter, join, newcomer, ownerOf, type Person } from '../harness/people.js';
import { until } from '../harness/until.js';

let app: TestApp;
let look: Look;
let owner: Person;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

const GOOD = 'eleven-quiet-Rivers-7';
const openLinks = async ({ id }: Person) =>
  (
    await look('select purpose from one_time_tokens where user_id = $1 and used_at is null order by 1', [id])
  ).map(({ purpose }) => purpose as string);

/** Somebody who has asked for a link and read the mail. */
async function forgetful(): Promise<Person & { secret: string }> {
  const ana = await join(app);
  await forgot(app, ana.email);
  const [secret = ''] = await passwordLinks(app, ana.email, 1);
  return { ...ana, secret };
}

describe('a forgotten password', () => {
  it('is set anew by the link in the mail, once', async () => {
    const ana = await forgetful();
    const [mail] = (await mailsIn(app)).filter(
      ({ subject, to }) => to === ana.email && subject.includes('new password'),
    );
    expect(mail?.text).toContain(`https://auth.example.test/reset-password?token=${ana.secret}`);
    expect((await reset(app, ana.secret, GOOD)).data).toEqual({ resetPassword: true });
    expect(codeOf(await signIn(app, ana.username, ana.password))).toBe('INVALID_CREDENTIALS');
    await enter(app, { ...ana, password: GOOD });
    expect(codeOf(await reset(app, ana.secret, 'another-quiet-River-8'))).toBe('ONE_TIME_TOKEN_INVALID');
  });

  it('once reset ends every session with its tokens, also the one that asked', async () => {
    const ana = await forgetful();
    const other = await enter(app, ana);
    await reset(app, ana.secret, GOOD);
    for (const { access, refresh: token } of [ana, other]) {
      expect(codeOf(await whoAmI(app, access))).toBe('UNAUTHENTICATED');
      expect((await refresh(app, token)).code).toBe('REFRESH_TOKEN_INVALID');
    }
    const reasons = await look('select distinct end_reason from sessions where user_id = $1', [ana.id]);
    expect(reasons).toEqual([{ end_reason: 'password_reset' }]);
  });

  it('confirms the address that the link came to, and voids every other link', async () => {
    const ana = await forgetful();
    expect(await openLinks(ana)).toEqual(['reset-password', 'verify-email']);
    await reset(app, ana.secret, GOOD);
    expect(await openLinks(ana)).toEqual([]);
    const { access } = await enter(app, { ...ana, password: GOOD });
    const { data } = await app.graphql(
      '{ me { isEmailVerified passwordChangedAt } }',
      {},
      { bearer: access },
    );
    expect(data['me'].isEmailVerified).toBe(true);
    expect(Date.now() - Date.parse(data['me'].passwordChangedAt as string)).toBeLessThan(60_000);
  });

  it('is on record as asked for and as reset, and its owner is told', async () => {
    const ana = await forgetful();
    await reset(app, ana.secret, GOOD);
    const events = await look(
      "select type, actor, details from audit_events where subject = $1 and type like 'password.%' order by position, id",
      [ana.id],
    );
    expect(events).toEqual([
      { type: 'password.reset_asked', actor: null, details: null },
      { type: 'password.reset', actor: ana.id, details: { by: 'reset-password' } },
    ]);
    await until('the notice has come', async () =>
      (await mailsIn(app)).some(
        ({ to, subject }) => to === ana.email && subject === 'Your password was reset',
      ),
    );
  });

  it('is asked for by the address in any spelling, and by nothing but an address', async () => {
    const ana = await join(app);
    expect((await forgot(app, ana.email.toUpperCase())).data).toEqual({ forgotPassword: true });
    await passwordLinks(app, ana.email, 1);
    for (const value of [ana.username, '', 5, null, [], {}])
      expect([codeOf(await forgot(app, value)), faultsOf(await forgot(app, value))]).toEqual([
        'BAD_USER_INPUT',
        ['email'],
      ]);
  });

  it('is not reset by a link that is an hour old', async () => {
    const ana = await forgetful();
    const lives = await look(
      "select extract(epoch from expires_at - created_at)::int as seconds from one_time_tokens where user_id = $1 and purpose = 'reset-password'",
      [ana.id],
    );
    expect(lives).toEqual([{ seconds: 3600 }]);
    await look('update one_time_tokens set expires_at = now() where user_id = $1', [ana.id]);
    expect(codeOf(await reset(app, ana.secret, GOOD))).toBe('ONE_TIME_TOKEN_INVALID');
  });

  it('is not reset to a weak one, and the link stays good', async () => {
    const ana = await forgetful();
    for (const weak of ['short', 'password1', ana.username, ana.email.toUpperCase()])
      expect([weak, codeOf(await reset(app, ana.secret, weak))]).toEqual([weak, 'WEAK_PASSWORD']);
    for (const unsound of ['', '\ud800-eleven-quiet', 'x'.repeat(257)]) {
      const answer = await reset(app, ana.secret, unsound);
      expect([codeOf(answer), faultsOf(answer)]).toEqual(['BAD_USER_INPUT', ['newPassword']]);
    }
    expect(codeOf(await reset(app, ana.secret, GOOD))).toBeUndefined();
  });

  it('is changed with the old one after all: what was mailed to reset it is void', async () => {
    const ana = await forgetful();
    const changed = await app.graphql(
      'mutation ($c: String!, $n: String!) { changePassword(currentPassword: $c, newPassword: $n) { passwordChangedAt } }',
      { c: ana.password, n: GOOD },
      { bearer: ana.access },
    );
    expect(changed.errors).toEqual([]);
    expect(codeOf(await reset(app, ana.secret, 'another-quiet-River-8'))).toBe('ONE_TIME_TOKEN_INVALID');
    expect(await openLinks(ana)).toEqual(['verify-email']);
  });

  it('of an account that is suspended or deleted is reset by nobody, also not once it is back', async () => {
    const house = actingAs(app, owner);
    const acts = [
      [house.suspendUser, house.reinstateUser],
      [house.deleteUser, house.restoreUser],
    ] as const;
    for (const [close, open] of acts) {
      const ana = await forgetful();
      await close(ana.id);
      expect(codeOf(await reset(app, ana.secret, GOOD))).toBe('ONE_TIME_TOKEN_INVALID');
      expect((await forgot(app, ana.email)).data).toEqual({ forgotPassword: true });
      expect(await openLinks(ana)).toEqual([]);
      await open(ana.id);
      expect(codeOf(await reset(app, ana.secret, GOOD))).toBe('ONE_TIME_TOKEN_INVALID');
      await enter(app, ana);
    }
  });

  it('of an account that has never had one is set in the same way', async () => {
    const { email, username } = newcomer();
    await actingAs(app, owner).createUser({ email, username, firstName: 'Gil' });
    await passwordLinks(app, email, 1);
    await forgot(app, email);
    const [invitation, link] = await passwordLinks(app, email, 2);
    expect(codeOf(await reset(app, link, GOOD))).toBeUndefined();
    expect(codeOf(await reset(app, invitation, GOOD))).toBe('ONE_TIME_TOKEN_INVALID');
    await enter(app, { email, username, password: GOOD });
  });
});

describe('the page that a link opens', () => {
  const PAGE = { 'content-type': 'application/x-www-form-urlencoded' };
  const open = (query = '') => fetch(`${app.url}/reset-password${query}`);
  const send = (fields: Record<string, string>) =>
    fetch(`${app.url}/reset-password`, { method: 'POST', headers: PAGE, body: new URLSearchParams(fields) });

  it('asks for a password, spends nothing, and forgets the token at once', async () => {
    const ana = await forgetful();
    for (let time = 0; time < 3; time++) {
      const page = await open(`?token=${ana.secret}`);
      const html = await page.text();
      expect(page.status).toBe(200);
      expect(html).toContain(`name="token" value="${ana.secret}"`);
      expect(html).toContain('<label for="new-password">');
      expect(html).toContain("<script>history.replaceState(null,'',location.pathname);");
    }
    expect(codeOf(await reset(app, ana.secret, GOOD))).toBeUndefined();
  });

  it('answers as well without a token, and says how to come by one', async () => {
    const page = await open();
    expect(page.status).toBe(200);
    const html = await page.text();
    expect(html).toContain('link in your mail');
    expect(html).not.toContain('<form');
  });

  it('sets the password without JavaScript', async () => {
    const ana = await forgetful();
    const page = await send({ token: ana.secret, newPassword: GOOD });
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('Your password is set')]);
    await enter(app, { ...ana, password: GOOD });
  });

  it('says what is wrong with a password where a screen reader finds it, and keeps the link', async () => {
    const ana = await forgetful();
    const page = await send({ token: ana.secret, newPassword: 'short' });
    const html = await page.text();
    expect(page.status).toBe(400);
    expect(html).toContain('<title>Error: choose another password</title>');
    expect(html).toContain('<p id="fault" role="alert">Must have at least 8 characters.</p>');
    expect(html).toMatch(/<input id="new-password"[^>]* aria-invalid="true" aria-describedby="fault policy"/);
    expect(html).toContain(`value="${ana.secret}"`);
    expect((await send({ token: ana.secret, newPassword: GOOD })).status).toBe(200);
  });

  it.each([
    ['nothing', {}],
    ['no token', { newPassword: GOOD }],
    ['a token of nothing', { token: 'A'.repeat(43), newPassword: GOOD }],
  ] as Record<string, never>[][])('refuses %s', async (_name, fields = {}) => {
    const page = await send(fields);
    expect([page.status, await page.text()]).toEqual([400, expect.stringMatching(/role="alert"/)]);
  });

  it('can be neither framed nor made to run anything, and nobody else hears of it', async () => {
    const evil = '"><script>alert(1)</script>';
    const pages = [
      await open(`?token=${encodeURIComponent(evil)}`),
      await send({ token: evil, newPassword: 'x' }),
    ];
    for (const page of pages) {
      const html = await page.text();
      expect(html).not.toContain('<script>alert');
      expect(html).not.toMatch(/(src|href)=/);
      expect(page.headers.get('referrer-policy')).toBe('no-referrer');
      expect(page.headers.get('cache-control')).toBe('no-store');
      const policy = page.headers.get('content-security-policy') ?? '';
      for (const rule of [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
        "base-uri 'none'",
      ])
        expect(policy).toContain(rule);
      expect(policy).not.toContain('unsafe');
    }
  });

  it('takes no more than its body may hold, nor more calls than links may make', async () => {
    expect((await send({ token: 'x'.repeat(200_000) })).status).toBe(413);
    const strict = await app.replica({ LIMITS_SCALE: '0.02', TRUSTED_PROXIES: '127.0.0.1' });
    const statuses = [];
    for (let time = 0; time < 3; time++) {
      const page = await fetch(`${strict.url}/reset-password`, {
        method: 'POST',
        headers: { ...PAGE, 'x-forwarded-for': '203.0.113.9' },
        body: new URLSearchParams({ token: 'A'.repeat(43), newPassword: GOOD }),
      });
      statuses.push(page.status);
    }
    expect(statuses).toEqual([400, 400, 429]);
  });
});
