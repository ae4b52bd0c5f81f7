import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actingAs, fieldsOf, MALFORMED, UNKNOWN } from '../harness/administration.js';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf, signIn } from '../harness/calls.js';
import { passwordLinks, reset } from '../harness/links.js';
import { lookInto, type Look } from '../harness/look.js';
import { mailsIn } from '../harness/mail.js';
import { enter, join, joinAs, newcomer, ownerOf, roleId, type Person } from '../harness/people.js';

let app: TestApp;
let look: Look;
let owner: Person;
let house: ReturnType<typeof actingAs>;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  look = await lookInto(app.databaseUrl);
  owner = await ownerOf(app);
  house = actingAs(app, owner);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

const GOOD = 'eleven-quiet-Rivers-7';

/** Whom an administrator knows by address, username and first name alone. */
function guest(overrides: Record<string, unknown> = {}) {
  const { email, username } = newcomer();
  return { email, username, firstName: 'Gil', ...overrides };
}

async function invite(input = guest()): Promise<string> {
  const answer = await house.createUser(input);
  expect(answer.errors).toEqual([]);
  return answer.data['createUser'].id as string;
}

describe('an account that an administrator opens', () => {
  it('needs no more than an address, a username and a first name, and has the default role', async () => {
    const input = guest();
    const { data } = await house.createUser(input);
    expect(data['createUser']).toMatchObject({
      ...input,
      lastName: null,
      country: null,
      birthDate: null,
      status: 'ACTIVE',
      isEmailVerified: false,
      roles: [{ name: 'USER' }],
    });
  });

  it('has whatever else is told, and the roles that are given', async () => {
    const roleIds = [await roleId(app, owner, 'STAFF'), await roleId(app, owner, 'USER')];
    const profile = { middleName: 'Maria', lastName: 'Sá', country: 'PT', birthDate: '1980-02-29' };
    const input = guest({ ...profile, phone: '+351 210 000 000', telegram: '@gil_sa' });
    const { data } = await house.createUser({ ...input, roleIds });
    expect(data['createUser']).toMatchObject({ ...input, roles: [{ name: 'STAFF' }, { name: 'USER' }] });
  });

  it('is entered with the password that is set through the mailed link, and with none before', async () => {
    const input = guest();
    const id = await invite(input);
    for (const password of ['', 'none', 'null', 'undefined', GOOD])
      expect(codeOf(await signIn(app, input.username, password))).toMatch(
        /^(INVALID_CREDENTIALS|BAD_USER_INPUT)$/,
      );
    const [secret = ''] = await passwordLinks(app, input.email, 1);
    const [mail] = (await mailsIn(app)).filter(({ to }) => to === input.email);
    expect(mail?.subject).toBe('Set the password of your new account');
    expect(mail?.text).toContain(`https://auth.example.test/reset-password?token=${secret}`);

    expect((await reset(app, secret, GOOD)).data).toEqual({ resetPassword: true });
    const gil = await enter(app, { ...input, password: GOOD });
    expect(gil.id).toBe(id);
    const { data } = await app.graphql(
      '{ me { isEmailVerified passwordChangedAt } }',
      {},
      { bearer: gil.access },
    );
    expect(data['me']).toEqual({ isEmailVerified: true, passwordChangedAt: expect.any(String) });
    expect(codeOf(await reset(app, secret, GOOD))).toBe('ONE_TIME_TOKEN_INVALID');
  });

  it('has no password yet that could have changed, and no notice is sent of its first one', async () => {
    const input = guest();
    const id = await invite(input);
    const seen = await app.graphql(
      'query ($id: ID!) { user(id: $id) { passwordChangedAt } }',
      { id },
      { bearer: owner.access },
    );
    expect(seen.data['user'].passwordChangedAt).toBeNull();
    const [secret] = await passwordLinks(app, input.email, 1);
    await reset(app, secret, GOOD);
    const further =
      "select 1 from mail_outbox where account_id = $1 and subject <> 'Set the password of your new account'";
    expect(await look(further, [id])).toEqual([]);
    expect((await mailsIn(app)).filter(({ to }) => to === input.email)).toHaveLength(1);
  });

  it('is invited for seven days', async () => {
    const input = guest();
    const id = await invite(input);
    expect(
      await look(
        'select purpose, extract(epoch from expires_at - created_at)::int as seconds from one_time_tokens where user_id = $1',
        [id],
      ),
    ).toEqual([{ purpose: 'invitation', seconds: 7 * 24 * 60 * 60 }]);
    const [secret] = await passwordLinks(app, input.email, 1);
    await look('update one_time_tokens set expires_at = now() where user_id = $1', [id]);
    expect(codeOf(await reset(app, secret, GOOD))).toBe('ONE_TIME_TOKEN_INVALID');
  });

  it('is on record as made, given roles and invited by who did it', async () => {
    const id = await invite();
    const events = await look(
      'select type, actor, details from audit_events where subject = $1 order by position, id',
      [id],
    );
    expect(events).toEqual([
      { type: 'account.created', actor: owner.id, details: { by: 'administrator' } },
      {
        type: 'roles.set',
        actor: owner.id,
        details: { before: [], after: ['USER'], ranks: [10, 10], gained: [] },
      },
      { type: 'account.invited', actor: owner.id, details: null },
    ]);
  });
});

describe('opening an account is refused', () => {
  it('for names that are taken, all of them at once, with nothing half done', async () => {
    const ana = await join(app);
    const count = async () =>
      look(
        'select (select count(*) from users) as users, (select count(*) from user_roles) as roles, (select count(*) from one_time_tokens) as links',
      );
    const before = await count();
    const taken = await house.createUser(
      guest({ email: ana.email.toUpperCase(), username: ana.username.toUpperCase() }),
    );
    expect([codeOf(taken), fieldsOf(taken)]).toEqual(['CONFLICT', ['email', 'username']]);
    expect(taken.errors[0]?.message).toBe('Email already exists');
    const input = guest({ username: ana.username });
    const oneTaken = await house.createUser(input);
    expect([codeOf(oneTaken), fieldsOf(oneTaken)]).toEqual(['CONFLICT', ['username']]);
    expect(await count()).toEqual(before);
    expect(await look('select 1 from mail_outbox where recipient = $1', [input.email])).toEqual([]);
  });

  it('for all but one of those who want the same name at once', async () => {
    const { username } = guest();
    const answers = await Promise.all(Array.from({ length: 8 }, () => house.createUser(guest({ username }))));
    expect(answers.map(codeOf).sort()).toEqual([...Array(7).fill('CONFLICT'), undefined]);
  });

  it('for input that breaks a rule, field by field; the age counts where a birth date is told', async () => {
    const wrong = await house.createUser({
      email: 'a@b.example',
      username: 'x',
      firstName: ' ',
      phone: 'call me',
    });
    expect([codeOf(wrong), fieldsOf(wrong)]).toEqual(['BAD_USER_INPUT', ['firstName', 'phone', 'username']]);
    const child = await house.createUser(guest({ birthDate: '2024-01-01' }));
    expect([codeOf(child), fieldsOf(child)]).toEqual(['UNDERAGE', ['birthDate']]);
    for (const extra of [
      { password: GOOD },
      { status: 'ACTIVE' },
      { roles: ['OWNER'] },
      { isEmailVerified: true },
    ]) {
      const answer = await house.createUser({ ...guest(), ...extra });
      expect([codeOf(answer), fieldsOf(answer)]).toEqual(['BAD_USER_INPUT', Object.keys(extra)]);
    }
  });

  it('for roles that are unknown, or beyond whoever gives them', async () => {
    for (const id of [UNKNOWN, ...MALFORMED.filter((text) => text !== '')])
      expect(codeOf(await house.createUser(guest({ roleIds: [id] })))).toBe('NOT_FOUND');
    const staff = actingAs(app, await joinAs(app, owner, 'STAFF'));
    for (const role of ['STAFF', 'HIGHER_STAFF', 'OWNER']) {
      const input = guest({ roleIds: [await roleId(app, owner, role)] });
      expect(codeOf(await staff.createUser(input))).toBe('FORBIDDEN');
      expect(await look('select 1 from users where username = $1', [input.username])).toEqual([]);
    }
    const { data } = await house.createRole({ name: 'keeper', rank: 5, permissions: ['keys:manage'] });
    expect(codeOf(await staff.createUser(guest({ roleIds: [data['createRole'].id] })))).toBe('FORBIDDEN');
    expect(codeOf(await staff.createUser(guest({ roleIds: null })))).toBeUndefined();
  });

  it('to whoever may not manage accounts', async () => {
    expect(codeOf(await actingAs(app, await join(app)).createUser(guest()))).toBe('FORBIDDEN');
    expect(codeOf(await actingAs(app, { access: 'x' }).createUser(guest()))).toBe('UNAUTHENTICATED');
  });
});

describe('an invitation', () => {
  it('is sent anew with a new link; the older one is void', async () => {
    const input = guest();
    const id = await invite(input);
    await passwordLinks(app, input.email, 1);
    expect((await house.resendInvitation(id)).data).toEqual({ resendInvitation: true });
    const [first, second] = await passwordLinks(app, input.email, 2);
    expect(codeOf(await reset(app, first, GOOD))).toBe('ONE_TIME_TOKEN_INVALID');
    expect(codeOf(await reset(app, second, GOOD))).toBeUndefined();
  });

  it('is not sent to who has a password, is deleted or suspended, or does not exist', async () => {
    const ana = await join(app);
    expect(codeOf(await house.resendInvitation(ana.id))).toBe('CONFLICT');
    const id = await invite();
    await house.suspendUser(id);
    expect(codeOf(await house.resendInvitation(id))).toBe('CONFLICT');
    await house.deleteUser(id);
    expect(codeOf(await house.resendInvitation(id))).toBe('CONFLICT');
    for (const wrong of [UNKNOWN, ...MALFORMED])
      expect(codeOf(await house.resendInvitation(wrong))).toBe('NOT_FOUND');
  });

  it('is not sent by who does not rank above the account', async () => {
    const { data } = await house.createUser(guest({ roleIds: [await roleId(app, owner, 'STAFF')] }));
    const staff = actingAs(app, await joinAs(app, owner, 'STAFF'));
    expect(codeOf(await staff.resendInvitation(data['createUser'].id))).toBe('FORBIDDEN');
  });

  it('goes to the new address when that is changed before it was used', async () => {
    const input = guest();
    const id = await invite(input);
    const [old] = await passwordLinks(app, input.email, 1);
    const { email } = newcomer();
    await house.updateUser(id, { email });
    expect(codeOf(await reset(app, old, GOOD))).toBe('ONE_TIME_TOKEN_INVALID');
    await house.resendInvitation(id);
    const [fresh] = await passwordLinks(app, email, 1);
    expect(codeOf(await reset(app, fresh, GOOD))).toBeUndefined();
  });

  it('is sent so often to one address and no more', async () => {
    const strict = await app.replica({ LIMITS_SCALE: '1' });
    const desk = actingAs(strict, owner);
    const id = await invite();
    const answers = [];
    for (let time = 0; time < 6; time++) answers.push(await desk.resendInvitation(id));
    expect(answers.map(codeOf)).toEqual([...Array(5).fill(undefined), 'RATE_LIMITED']);
  });
});
