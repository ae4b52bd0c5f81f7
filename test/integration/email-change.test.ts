import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actingAs } from '../harness/administration.js';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf, faultsOf, signIn, signUp, whoAmI } from '../harness/calls.js';
import { changing, mailedLink, mailedLinks } from '../harness/email-change.js';
import { setUpFactor } from '../harness/factors.js';
import { forgot, passwordLinks, reset } from '../harness/links.js';
import { mailsIn } from '../harness/mail.js';
import { addPasskey } from '../harness/passkeys.js';
import { newcomer, type Person } from '../harness/people.js';
import { openScene, type Scene } from '../harness/scene.js';
import { quantile, until } from '../harness/until.js';

let app: TestApp;
let scene: Scene;
let doing: ReturnType<typeof changing>;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  scene = await openScene(app);
  doing = changing(app);
});
afterAll(async () => {
  await scene.close();
  await app.close();
});

const NEXT = 'nine-purple-Kettles-4';
const somebody = async (roles = ['USER']) => scene.enter(await scene.seat(roles));
const elsewhere = () => newcomer().email;
const confirmLink = (email: string) => mailedLink(app, email, 'confirm-email-change');
const undoLinks = ({ email }: { email: string }, count: number) =>
  mailedLinks(app, email, 'undo-email-change', count);

/** Somebody moves to another address. @returns that, and the links at the old one */
async function moved(ana: Person, email = elsewhere()) {
  expect(codeOf(await doing.change(ana, email))).toBeUndefined();
  expect(codeOf(await doing.confirm(await confirmLink(email)))).toBeUndefined();
  const undo = await undoLinks(ana, 2);
  return { email, first: undo[0] ?? '', undo: undo.at(-1) ?? '' };
}

const rowOf = async ({ id }: { id: string }) =>
  (
    await scene.look<{ email: string; password_hash: string | null }>('select * from users where id = $1', [
      id,
    ])
  )[0];
const eventsOf = async ({ id }: Person) =>
  (
    await scene.look<{ type: string; details: unknown }>(
      "select type, details from audit_events where subject = $1 and type like 'email.%' order by id",
      [id],
    )
  ).map(({ type, details }) => [type, details]);

describe('an account', () => {
  it('moves to a new address once that is confirmed; other sessions end, and what was mailed before is void', async () => {
    const ana = await somebody();
    const other = await scene.enter(ana);
    const email = elsewhere();
    await forgot(app, ana.email);
    const [resetLink] = await passwordLinks(app, ana.email, 1);
    expect((await doing.change(ana, email)).data).toEqual({ changeEmail: true });
    expect(await doing.addressOf(ana)).toEqual({ email: ana.email, isEmailVerified: false });
    await undoLinks(ana, 1);
    const link = await confirmLink(email);
    expect((await doing.confirm(link)).data).toEqual({ confirmEmailChange: true });
    expect(await doing.addressOf(ana)).toEqual({ email, isEmailVerified: true });
    expect(codeOf(await whoAmI(app, other.access))).toBe('UNAUTHENTICATED');
    expect(codeOf(await doing.confirm(link))).toBe('ONE_TIME_TOKEN_INVALID');
    expect(codeOf(await reset(app, resetLink, NEXT))).toBe('ONE_TIME_TOKEN_INVALID');
    await undoLinks(ana, 2);
    expect(await eventsOf(ana)).toEqual([
      ['email.change_asked', null],
      ['email.changed', { by: 'link' }],
    ]);
    for (const { raw } of (await mailsIn(app)).filter(({ to }) => to === ana.email))
      expect(raw).not.toContain(email);
  });

  it('moves once, whoever uses the link at once', async () => {
    const ana = await somebody();
    const email = elsewhere();
    await doing.change(ana, email);
    const link = await confirmLink(email);
    const codes = (await Promise.all(Array.from({ length: 20 }, () => doing.confirm(link)))).map(codeOf);
    expect(codes.filter((code) => code === undefined)).toHaveLength(1);
    expect(codes.filter((code) => code === 'ONE_TIME_TOKEN_INVALID')).toHaveLength(19);
    expect(await undoLinks(ana, 2)).toHaveLength(2);
  });

  it('moves by the newest link alone, not after a day, and not once its password is another', async () => {
    const ana = await somebody();
    const [one, two, three] = [elsewhere(), elsewhere(), elsewhere()];
    await doing.change(ana, one);
    const first = await confirmLink(one);
    await doing.change(ana, two);
    expect(codeOf(await doing.confirm(first))).toBe('ONE_TIME_TOKEN_INVALID');
    await scene.look('update one_time_tokens set expires_at = now() where user_id = $1', [ana.id]);
    expect(codeOf(await doing.confirm(await confirmLink(two)))).toBe('ONE_TIME_TOKEN_INVALID');
    await doing.change(ana, three);
    await app.graphql(
      'mutation ($c: String!, $n: String!) { changePassword(currentPassword: $c, newPassword: $n) { passwordChangedAt } }',
      { c: ana.password, n: NEXT },
      { bearer: ana.access },
    );
    expect(codeOf(await doing.confirm(await confirmLink(three)))).toBe('ONE_TIME_TOKEN_INVALID');
    expect((await rowOf(ana))?.email).toBe(ana.email);
  });

  it('may spell its address otherwise, and not the same', async () => {
    const ana = await somebody();
    const [name = '', domain = ''] = ana.email.split('@');
    const loud = `${name.toUpperCase()}@${domain}`;
    const same = await doing.change(ana, ana.email);
    expect([codeOf(same), faultsOf(same)]).toEqual(['BAD_USER_INPUT', ['newEmail']]);
    await moved(ana, loud);
    expect((await rowOf(ana))?.email).toBe(loud);
  });

  it('moves for nobody without the password, and counts every try', async () => {
    const ana = await somebody();
    const strict = changing(await app.replica({ LIMITS_SCALE: '0.2' }));
    const wrong = { ...ana, password: 'not-the-Password-1' };
    const codes = [];
    for (let time = 0; time < 3; time++) codes.push(codeOf(await strict.change(wrong, elsewhere())));
    expect(codes).toEqual(['INVALID_CREDENTIALS', 'INVALID_CREDENTIALS', 'RATE_LIMITED']);
    expect(codeOf(await strict.change(ana, elsewhere()))).toBe('RATE_LIMITED');
    expect(await scene.look('select 1 from email_changes where user_id = $1', [ana.id])).toEqual([]);
  });

  it('with a second factor moves only for a session that proved it lately', async () => {
    const ana = await somebody();
    await setUpFactor(app, ana);
    const stale = (seconds: number) =>
      scene.look("update sessions set proved_at = now() - $2 * interval '1 second' where id = $1", [
        ana.sessionId,
        seconds,
      ]);
    await stale(301);
    expect(codeOf(await doing.change(ana, elsewhere()))).toBe('INSUFFICIENT_AAL');
    await stale(200);
    expect(codeOf(await doing.change(ana, elsewhere()))).toBeUndefined();
  });
});

describe('an address that is somebody’s', () => {
  it('is answered like any other, in the same time; its owner is told and gets no link', async () => {
    const [ana, bea] = [await somebody(), await somebody()];
    const took = async (email: string) => {
      const start = performance.now();
      const { status, body } = await doing.change(ana, email);
      return { status, body, ms: performance.now() - start };
    };
    const [taken, free] = [[await took(bea.email)], [await took(elsewhere())]];
    for (let round = 0; round < 4; round++) {
      taken.push(await took(bea.email));
      free.push(await took(elsewhere()));
    }
    const known = ({ status, body }: { status: number; body: string }) => ({ status, body });
    expect(taken.map(known)).toEqual(free.map(known));
    const median = (list: { ms: number }[]) =>
      quantile(
        list.map(({ ms }) => ms),
        0.5,
      );
    expect(Math.abs(median(taken) - median(free)) / median(free)).toBeLessThan(0.25);
    const told = await until('the owner is told', async () => {
      const mails = (await mailsIn(app)).filter(({ to }) => to === bea.email);
      return mails.length >= 5 ? mails : undefined;
    });
    for (const { subject, raw } of told) {
      expect(subject).toBe('This address belongs to an account already');
      expect(raw).not.toMatch(/token=/);
    }
    await undoLinks(ana, 10);
  });

  it('by the time of the confirmation is a conflict, of any number at once but one; nothing has changed', async () => {
    const crowd = await Promise.all([1, 2, 3, 4].map(() => somebody()));
    const email = elsewhere();
    for (const one of crowd) await doing.change(one, email);
    const links = await mailedLinks(app, email, 'confirm-email-change', 4);
    const codes = (await Promise.all(links.map((link) => doing.confirm(link)))).map(codeOf);
    expect(codes.filter((code) => code === undefined)).toHaveLength(1);
    expect(codes.filter((code) => code === 'CONFLICT')).toHaveLength(3);
    const rows = await Promise.all(crowd.map(rowOf));
    expect(rows.filter((row) => row?.email === email)).toHaveLength(1);
  });
});

describe('whoever undoes a change', () => {
  it('before it was confirmed calls it off, and goes on', async () => {
    const ana = await somebody();
    const email = elsewhere();
    await doing.change(ana, email);
    const [undo] = await undoLinks(ana, 1);
    expect((await doing.undo(undo)).data).toEqual({ undoEmailChange: true });
    expect(codeOf(await doing.confirm(await confirmLink(email)))).toBe('ONE_TIME_TOKEN_INVALID');
    expect(await doing.addressOf(ana)).toMatchObject({ email: ana.email });
    const [link] = await passwordLinks(app, ana.email, 1);
    expect(codeOf(await reset(app, link, NEXT))).toBeUndefined();
    expect((await eventsOf(ana)).at(-1)).toEqual(['email.change_undone', { changed: false }]);
  });

  it('has the account back from a thief who has set a password, an app and a passkey', async () => {
    const ana = await somebody();
    const { email, first, undo } = await moved(ana);
    await forgot(app, email);
    const [stolen] = await passwordLinks(app, email, 1);
    expect(codeOf(await reset(app, stolen, NEXT))).toBeUndefined();
    const thief = await scene.enter({ ...ana, email, password: NEXT });
    await addPasskey(app, thief);
    await setUpFactor(app, thief);
    await forgot(app, email);
    const [, another] = await passwordLinks(app, email, 2);
    const pending = elsewhere();
    await doing.change(thief, pending);

    expect((await doing.undo(undo)).data).toEqual({ undoEmailChange: true });
    expect(await rowOf(ana)).toMatchObject({ email: ana.email, password_hash: null });
    expect(codeOf(await whoAmI(app, thief.access))).toBe('UNAUTHENTICATED');
    for (const login of [ana.username, email, ana.email])
      expect(codeOf(await signIn(app, login, NEXT))).toBe('INVALID_CREDENTIALS');
    expect(codeOf(await reset(app, another, NEXT))).toBe('ONE_TIME_TOKEN_INVALID');
    expect(codeOf(await doing.confirm(await confirmLink(pending)))).toBe('ONE_TIME_TOKEN_INVALID');
    for (const dead of [first, undo, ...(await undoLinks({ email }, 1))])
      expect(codeOf(await doing.undo(dead))).toBe('ONE_TIME_TOKEN_INVALID');
    for (const table of ['passkeys', 'totp_factors', 'recovery_codes'])
      expect(await scene.look(`select 1 from ${table} where user_id = $1`, [ana.id])).toEqual([]);
    const [link] = await passwordLinks(app, ana.email, 1);
    expect(codeOf(await reset(app, link, 'ten-yellow-Spoons-8'))).toBeUndefined();
    expect(codeOf(await signIn(app, ana.email, 'ten-yellow-Spoons-8'))).toBeUndefined();
  });

  it('keeps the password, app and passkeys that were there before', async () => {
    const ana = await somebody();
    await addPasskey(app, ana);
    await setUpFactor(app, ana);
    const { first } = await moved(ana);
    expect(codeOf(await doing.undo(first))).toBeUndefined();
    const answer = await signIn(app, ana.email, ana.password);
    expect(answer.data['signIn']).toEqual({ __typename: 'MfaChallenge' });
    const kept = await scene.look('select 1 from passkeys where user_id = $1', [ana.id]);
    expect(kept).toHaveLength(1);
  });

  it('does so once, however many try at once', async () => {
    const ana = await somebody();
    const { first, undo } = await moved(ana);
    const tries = Array.from({ length: 20 }, (_, at) => doing.undo(at % 2 === 0 ? first : undo));
    const codes = (await Promise.all(tries)).map(codeOf);
    expect(codes.filter((code) => code === undefined)).toHaveLength(1);
    expect(codes.filter((code) => code === 'ONE_TIME_TOKEN_INVALID')).toHaveLength(19);
  });

  it('from the first of several addresses gets it back, and later links are void; from a later one, the first may follow', async () => {
    const [ana, bea] = [await somebody(), await somebody()];
    for (const [person, isDirect] of [
      [ana, true],
      [bea, false],
    ] as const) {
      const one = await moved(person);
      const two = await moved({ ...person, email: one.email });
      if (!isDirect) {
        expect(codeOf(await doing.undo(two.undo))).toBeUndefined();
        expect((await rowOf(person))?.email).toBe(one.email);
      }
      expect(codeOf(await doing.undo(one.undo))).toBeUndefined();
      expect((await rowOf(person))?.email).toBe(person.email);
      expect(codeOf(await doing.undo(two.undo))).toBe('ONE_TIME_TOKEN_INVALID');
    }
  });

  it('may do so for seven days', async () => {
    const ana = await somebody();
    const { undo } = await moved(ana);
    const [life] = await scene.look<{ seconds: number }>(
      'select extract(epoch from undo_expires_at - changed_at)::int as seconds from email_changes where user_id = $1',
      [ana.id],
    );
    expect(life).toEqual({ seconds: 7 * 24 * 3600 });
    await scene.look('update email_changes set undo_expires_at = now() where user_id = $1', [ana.id]);
    expect(codeOf(await doing.undo(undo))).toBe('ONE_TIME_TOKEN_INVALID');
  });

  it('finds the address free: nobody else gets it meanwhile, by no way in', async () => {
    const ana = await somebody();
    const { undo } = await moved(ana);
    const taken = await signUp(app, newcomer({ email: ana.email }));
    expect([codeOf(taken), faultsOf(taken)]).toEqual(['CONFLICT', ['email']]);
    const late = scene.seat(['USER'], { email: ana.email, email_key: ana.email });
    await expect(late).rejects.toThrow('taken back');
    const eve = await somebody();
    await doing.change(eve, ana.email);
    await until('the former owner is told', async () =>
      (await mailsIn(app)).some(({ to, subject }) => to === ana.email && subject.startsWith('This address')),
    );
    expect(codeOf(await doing.undo(undo))).toBeUndefined();
    expect((await rowOf(ana))?.email).toBe(ana.email);
  });
});

describe('an administrator who moves an account to have it', () => {
  it('loses it to the link at the old address, with all that was asked for at the new one', async () => {
    const ana = await somebody();
    const house = actingAs(app, await somebody(['OWNER']));
    const email = elsewhere();
    expect(codeOf(await house.updateUser(ana.id, { email }))).toBeUndefined();
    await forgot(app, email);
    const [early] = await passwordLinks(app, email, 1);
    await reset(app, early, NEXT);
    await forgot(app, email);
    const [, late] = await passwordLinks(app, email, 2);
    const [undo] = await undoLinks(ana, 1);
    expect(codeOf(await doing.undo(undo))).toBeUndefined();
    expect(codeOf(await reset(app, late, NEXT))).toBe('ONE_TIME_TOKEN_INVALID');
    expect(codeOf(await signIn(app, ana.username, NEXT))).toBe('INVALID_CREDENTIALS');
    expect(await rowOf(ana)).toMatchObject({ email: ana.email, password_hash: null });
    expect(await eventsOf(ana)).toEqual([
      ['email.changed', { by: 'administrator' }],
      ['email.change_undone', { changed: true }],
    ]);
  });
});

describe('an administrator who corrects the address of somebody invited', () => {
  it('gives nothing to whoever reads the mail of the wrong one', async () => {
    const house = actingAs(app, await somebody(['OWNER']));
    const [wrong, right] = [newcomer(), newcomer()];
    const { email, username } = wrong;
    const { id } = (await house.createUser({ email, username, firstName: 'Gil' })).data['createUser'];
    const [early] = await passwordLinks(app, email, 1);
    expect(codeOf(await house.updateUser(String(id), { email: right.email }))).toBeUndefined();
    expect(codeOf(await house.resendInvitation(String(id)))).toBeUndefined();
    const [link] = await passwordLinks(app, right.email, 1);
    expect((await mailsIn(app)).filter(({ to, text }) => to === email && text.includes('undo'))).toEqual([]);
    expect(codeOf(await reset(app, early, NEXT))).toBe('ONE_TIME_TOKEN_INVALID');
    expect(codeOf(await reset(app, link, NEXT))).toBeUndefined();
  });
});

describe('a link of these', () => {
  it('points to the configured address, whatever a request claims to be sent to', async () => {
    const headers = {
      'x-forwarded-host': 'evil.test',
      'x-forwarded-proto': 'ftp',
      'x-authorizer-url': 'https://evil.test',
      forwarded: 'host=evil.test',
      origin: 'https://evil.test',
    };
    const ana = await somebody();
    const email = elsewhere();
    await doing.change(ana, email, headers);
    await doing.confirm(await confirmLink(email), headers);
    await doing.undo((await undoLinks(ana, 2)).at(-1), headers);
    await passwordLinks(app, ana.email, 1);
    const mails = (await mailsIn(app)).filter(({ to }) => [ana.email, email].includes(to));
    for (const { raw, text } of mails) {
      expect(raw).not.toContain('evil');
      for (const [link] of text.matchAll(/\S*token=/g))
        expect(link).toMatch(/^https:\/\/auth\.example\.test\//);
    }
  });

  it('opens nothing but what it is for', async () => {
    const ana = await somebody();
    const email = elsewhere();
    await doing.change(ana, email);
    const [confirm, [undo]] = [await confirmLink(email), await undoLinks(ana, 1)];
    for (const wrong of [undo, '', 'x', 'A'.repeat(43), '\u0000'])
      expect(codeOf(await doing.confirm(wrong))).toBe('ONE_TIME_TOKEN_INVALID');
    for (const wrong of [confirm, '', 'x', 'A'.repeat(43), '\ud800'])
      expect(codeOf(await doing.undo(wrong))).toBe('ONE_TIME_TOKEN_INVALID');
    for (const link of [confirm, undo])
      expect(codeOf(await reset(app, link, NEXT))).toBe('ONE_TIME_TOKEN_INVALID');
    expect(codeOf(await doing.confirm(confirm))).toBeUndefined();
  });

  it('opens a page that acts on a button alone, forgets it at once and asks nobody else for anything', async () => {
    const ana = await somebody();
    const email = elsewhere();
    await doing.change(ana, email);
    const press = async (page: string, token: string) =>
      fetch(`${app.url}/${page}`, { method: 'POST', body: new URLSearchParams({ token }) });
    const steps = [
      ['confirm-email-change', await confirmLink(email)],
      ['undo-email-change', (await undoLinks(ana, 1))[0]!],
    ] as const;
    for (const [page, token] of steps) {
      const shown = await fetch(`${app.url}/${page}?token=${token}`);
      const html = await shown.text();
      expect(shown.status).toBe(200);
      expect(html).toContain(`<form method="post" action="${page}">`);
      expect(html).toContain('history.replaceState');
      expect(html).not.toMatch(/(src|href)=/);
      expect(shown.headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(shown.headers.get('referrer-policy')).toBe('no-referrer');
      expect((await fetch(`${app.url}/${page}`)).status).toBe(200);
      const statuses = [(await press(page, token)).status, (await press(page, token)).status];
      expect(statuses).toEqual([200, 400]);
    }
    expect((await rowOf(ana))?.email).toBe(ana.email);
  });
});
