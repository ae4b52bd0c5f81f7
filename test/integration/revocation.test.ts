import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf, faultsOf, refresh, revoke, whoAmI } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { enter, join, joinAs, ownerOf, verify, type Person } from '../harness/people.js';

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

/** One account on two devices. */
async function onTwoDevices(): Promise<[here: Person, there: Person]> {
  const here = await join(app);
  return [here, await enter(app, here)];
}

const call = (person: Person, operation: string, variables: Record<string, unknown> = {}) =>
  app.graphql(operation, variables, { bearer: person.access });

const REVOKED = { valid: false, reason: 'REVOKED' };
const GOOD = { valid: true, reason: null };

async function expectEnded(
  person: Person,
  reason = 'REVOKED',
  code = 'REFRESH_TOKEN_INVALID',
): Promise<void> {
  expect(await verify(app, person.access)).toEqual({ valid: false, reason });
  expect(codeOf(await whoAmI(app, person.access))).toBeDefined();
  expect((await refresh(app, person.refresh)).code).toBe(code);
}

async function expectAlive(person: Person): Promise<void> {
  expect(await verify(app, person.access)).toEqual(GOOD);
  expect(codeOf(await whoAmI(app, person.access))).toBeUndefined();
  expect((await refresh(app, person.refresh)).code).toBeUndefined();
}

describe('whoever holds a token may end it, and its session with it', () => {
  it.each(['access', 'refresh'] as const)('by its %s token', async (kind) => {
    const [here, there] = await onTwoDevices();
    expect((await revoke(app, here[kind])).data).toEqual({ revoke: true });
    await expectEnded(here);
    await expectAlive(there);
  });

  it('by a refresh token that is spent already', async () => {
    const ana = await join(app);
    const next = await refresh(app, ana.refresh);
    expect((await revoke(app, ana.refresh)).data).toEqual({ revoke: true });
    expect(await verify(app, next.access)).toEqual(REVOKED);
    expect((await refresh(app, next.refresh)).code).toBe('REFRESH_TOKEN_INVALID');
  });

  it('by an earlier access token of the session, and the later one dies too', async () => {
    const ana = await join(app);
    const next = await refresh(app, ana.refresh);
    await revoke(app, ana.access);
    expect(await verify(app, next.access)).toEqual(REVOKED);
  });

  it('is recorded with who it was', async () => {
    const ana = await join(app);
    await revoke(app, ana.refresh);
    const events = await look(
      "select * from audit_events where details->>'session' = $1 and type = 'session.ended'",
      [ana.sessionId],
    );
    expect(events).toMatchObject([
      { actor: ana.id, subject: ana.id, outcome: 'SUCCESS', details: { reason: 'revoked' } },
    ]);
  });

  it.each([5, null, undefined, [], {}])('refuses %j by the name of its field', async (value) => {
    const answer = await app.graphql('mutation ($t: String!) { revoke(token: $t) }', { t: value });
    expect([codeOf(answer), faultsOf(answer)]).toEqual(['BAD_USER_INPUT', ['token']]);
  });
});

describe('signing out', () => {
  it('ends this session', async () => {
    const [here, there] = await onTwoDevices();
    expect((await call(here, 'mutation { signOut }')).data).toEqual({ signOut: true });
    await expectEnded(here);
    await expectAlive(there);
  });

  it('everywhere ends every session of the account and nobody else’s', async () => {
    const [here, there] = await onTwoDevices();
    const bo = await join(app);
    await call(here, 'mutation { signOut(everywhere: true) }');
    await expectEnded(here);
    await expectEnded(there);
    await expectAlive(bo);
    await expectAlive(await enter(app, here));
  });

  it('with null means here alone', async () => {
    const [here, there] = await onTwoDevices();
    await call(here, 'mutation ($e: Boolean) { signOut(everywhere: $e) }', { e: null });
    await expectEnded(here);
    await expectAlive(there);
  });

  it('twice is refused the second time, as the token is no good any more', async () => {
    const ana = await join(app);
    await call(ana, 'mutation { signOut }');
    expect(codeOf(await call(ana, 'mutation { signOut }'))).toBe('UNAUTHENTICATED');
  });
});

describe('a session is ended', () => {
  it('by its owner from another device', async () => {
    const [here, there] = await onTwoDevices();
    await call(here, 'mutation ($id: ID!) { revokeSession(id: $id) }', { id: there.sessionId });
    await expectEnded(there);
    await expectAlive(here);
  });

  it('by a change of the password, save where it is made', async () => {
    const [here, there] = await onTwoDevices();
    const change =
      'mutation ($c: String!, $n: String!) { changePassword(currentPassword: $c, newPassword: $n) { requiresReauthentication } }';
    const { data } = await call(here, change, { c: here.password, n: 'another-Set-of-words' });
    expect(data['changePassword']).toEqual({ requiresReauthentication: false });
    await expectEnded(there);
    await expectAlive(here);
  });

  it('by a change of the password that is to end it here as well', async () => {
    const [here, there] = await onTwoDevices();
    const change =
      'mutation ($c: String!, $n: String!) { changePassword(currentPassword: $c, newPassword: $n, keepThisSession: false) { requiresReauthentication } }';
    const { data } = await call(here, change, { c: here.password, n: 'another-Set-of-words' });
    expect(data['changePassword']).toEqual({ requiresReauthentication: true });
    await expectEnded(there);
    await expectEnded(here);
    await expectAlive(await enter(app, { ...here, password: 'another-Set-of-words' }));
  });

  it('with the account, when its owner deletes it', async () => {
    const [here, there] = await onTwoDevices();
    await call(here, 'mutation ($p: String!) { deleteMe(password: $p) }', { p: here.password });
    for (const device of [here, there]) await expectEnded(device, 'SUBJECT_DELETED', 'ACCOUNT_DELETED');
  });

  it.each([
    ['suspendUser', 'SUBJECT_DISABLED', 'ACCOUNT_SUSPENDED'],
    ['deleteUser', 'SUBJECT_DELETED', 'ACCOUNT_DELETED'],
  ])('with the account, by %s', async (mutation, reason, code) => {
    const [here, there] = await onTwoDevices();
    await call(owner, `mutation ($id: ID!) { ${mutation}(id: $id) { id } }`, { id: here.id });
    for (const device of [here, there]) await expectEnded(device, reason, code);
  });

  it.each([
    ['suspendUser', 'reinstateUser'],
    ['deleteUser', 'restoreUser'],
  ])('by %s for good: after %s its tokens are still no good', async (end, undo) => {
    const [here, there] = await onTwoDevices();
    for (const mutation of [end, undo])
      await call(owner, `mutation ($id: ID!) { ${mutation}(id: $id) { id } }`, { id: here.id });
    for (const device of [here, there]) await expectEnded(device);
    await expectAlive(await enter(app, here));
  });

  it('with all others of its account, by staff', async () => {
    const staff = await joinAs(app, owner, 'STAFF');
    const [here, there] = await onTwoDevices();
    const { data } = await call(staff, 'mutation ($id: ID!) { revokeUserSessions(userId: $id) }', {
      id: here.id,
    });
    expect(data).toEqual({ revokeUserSessions: 2 });
    for (const device of [here, there]) await expectEnded(device);
    await expectAlive(staff);
  });

  it('not by a change of roles, nor by a refresh', async () => {
    const ana = await joinAs(app, owner, 'STAFF');
    await call(owner, 'mutation ($u: ID!) { setUserRoles(userId: $u, roleIds: []) { id } }', { u: ana.id });
    expect(await verify(app, ana.access)).toEqual(GOOD);
    await expectAlive(ana);
    expect(await verify(app, ana.access)).toEqual(GOOD);
  });
});

describe('what verifyToken says of a revoked token', () => {
  it('is data: no error, no subject, nothing of whom it spoke of', async () => {
    const ana = await join(app);
    await revoke(app, ana.access);
    const { data, errors } = await app.graphql(
      'query ($t: String!) { verifyToken(token: $t) { valid reason subject { id } user { id } sessionId issuer scopes expiresAt } }',
      { t: ana.access },
    );
    expect(errors).toEqual([]);
    expect(data['verifyToken']).toEqual({
      valid: false,
      reason: 'REVOKED',
      subject: null,
      user: null,
      sessionId: null,
      issuer: null,
      scopes: [],
      expiresAt: null,
    });
  });
});
