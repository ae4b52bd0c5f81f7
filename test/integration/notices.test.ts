import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actingAs } from '../harness/administration.js';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf } from '../harness/calls.js';
import { factorsOf, setUpFactor, steppingClock } from '../harness/factors.js';
import { forgot, passwordLinks, reset } from '../harness/links.js';
import { lookInto, type Look } from '../harness/look.js';
import { mailsIn, type Mail } from '../harness/mail.js';
import { join, newcomer, ownerOf, type Person } from '../harness/people.js';
import { until } from '../harness/until.js';

const clock = steppingClock();
let app: TestApp;
let look: Look;
let owner: Person;
let house: ReturnType<typeof actingAs>;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' }, clock);
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
  house = actingAs(app, owner);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

const CONFIRM = 'Confirm your email address';
/** Every mail to an address but that of signing up, once none waits any more. */
async function told(where: TestApp, address: string): Promise<Mail[]> {
  const inside = where === app ? look : await lookInto(where.databaseUrl);
  await until('every mail has left', async () => (await inside('select 1 from mail_outbox')).length === 0);
  if (inside !== look) await inside.close();
  return (await mailsIn(where)).filter(({ to, subject }) => to === address && subject !== CONFIRM);
}
const subjects = async (where: TestApp, { email }: { email: string }) =>
  (await told(where, email)).map(({ subject }) => subject);
const change = (where: TestApp, { access }: Person, current: string, next: string) =>
  where.graphql(
    'mutation ($c: String!, $n: String!) { changePassword(currentPassword: $c, newPassword: $n) { passwordChangedAt } }',
    { c: current, n: next },
    { bearer: access },
  );
const NEXT = 'nine-purple-Kettles-4';

describe('an account’s owner is told', () => {
  it('that the password was changed', async () => {
    const ana = await join(app);
    expect(codeOf(await change(app, ana, ana.password, NEXT))).toBeUndefined();
    const [mail, ...more] = await told(app, ana.email);
    expect(more).toEqual([]);
    expect(mail?.subject).toBe('Your password was changed');
    expect(mail?.text).toContain('Hello Ana,');
    expect(mail?.text).toContain('your account at auth.example.test');
    expect(mail?.raw).not.toMatch(/https?:|href/);
    for (const secret of [NEXT, ana.password, 'token=']) expect(mail?.raw).not.toContain(secret);
  });

  it('that the password was reset', async () => {
    const ana = await join(app);
    await forgot(app, ana.email);
    const [link] = await passwordLinks(app, ana.email, 1);
    expect(codeOf(await reset(app, link, NEXT))).toBeUndefined();
    expect(await subjects(app, ana)).toContain('Your password was reset');
  });

  it('that the address was changed, at the old one', async () => {
    const ana = await join(app);
    const { email } = newcomer();
    await house.updateUser(ana.id, { email, lastName: 'Ng' });
    expect(await subjects(app, ana)).toEqual(['Your email address was changed']);
    expect(await subjects(app, { email })).toEqual([]);
    expect((await told(app, ana.email))[0]?.raw).not.toContain(email);
  });

  it('of every change to the second factor', async () => {
    const ana = await join(app);
    const { app: device } = await setUpFactor(app, ana, clock.now);
    clock.step();
    await factorsOf(app, ana).regenerate(ana.password);
    await factorsOf(app, ana).disable(ana.password, device.code());
    await setUpFactor(app, ana, clock.now);
    await factorsOf(app, owner).reset(ana.id);
    expect((await subjects(app, ana)).sort()).toEqual(
      [
        'Two-step sign-in was switched on',
        'Your recovery codes were replaced',
        'Two-step sign-in was switched off',
        'Two-step sign-in was switched on',
        'Two-step sign-in was reset',
      ].sort(),
    );
  });
});

describe('nobody is told', () => {
  it('of a change that did not happen', async () => {
    const ana = await join(app);
    await change(app, ana, 'not-the-Password-1', NEXT);
    await change(app, ana, ana.password, 'short');
    await house.updateUser(ana.id, { email: owner.email });
    await factorsOf(app, ana).enroll(ana.password);
    await factorsOf(app, owner).reset(ana.id);
    expect(await subjects(app, ana)).toEqual(['Two-step sign-in was reset']);
  });

  it('of a change of something else', async () => {
    const ana = await join(app);
    await house.updateUser(ana.id, { email: ana.email.toUpperCase(), phone: '+351 900' });
    expect(await subjects(app, ana)).toEqual([]);
  });
});

describe('a change whose notice cannot be written', () => {
  it('does not happen', async () => {
    const ana = await join(app);
    await look(
      `create function no_mail() returns trigger language plpgsql as $$ begin raise exception 'no mail today'; end $$;
       create trigger no_mail before insert on mail_outbox for each row execute function no_mail()`,
    );
    expect(codeOf(await change(app, ana, ana.password, NEXT))).toBe('INTERNAL_SERVER_ERROR');
    await look('drop trigger no_mail on mail_outbox; drop function no_mail');
    expect(codeOf(await change(app, ana, ana.password, NEXT))).toBeUndefined();
  });
});

describe('whoever would keep an owner from being told', () => {
  it('cannot do so by using up the mail that anybody may ask for', async () => {
    const strict = await startApp();
    const ana = await join(strict);
    for (let at = 0; at < 7; at++) await forgot(strict, ana.email);
    expect(codeOf(await forgot(strict, ana.email))).toBe('RATE_LIMITED');
    await change(strict, ana, ana.password, NEXT);
    expect(await subjects(strict, ana)).toContain('Your password was changed');
    await strict.close();
  });

  it('nor can anybody flood one: twenty an hour, and the changes themselves go on', async () => {
    const strict = await startApp();
    const [boss, ana] = [await ownerOf(strict), await join(strict)];
    const there = newcomer().email;
    for (let at = 0; at < 22; at++) {
      for (const email of [there, ana.email])
        expect(codeOf(await actingAs(strict, boss).updateUser(ana.id, { email }))).toBeUndefined();
    }
    expect(await told(strict, ana.email)).toHaveLength(20);
    await strict.close();
  });
});
