import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf, refresh, signIn, whoAmI } from '../harness/calls.js';
import { factorsOf, setUpFactor } from '../harness/factors.js';
import { addPasskey, enterByPasskey, optionsIn, passkeysOf } from '../harness/passkeys.js';
import { enter, ownerOf, verify, type Person } from '../harness/people.js';
import { openScene, type Scene } from '../harness/scene.js';

/** One house: `free` before the policy was switched on, `app` since. */
let free: TestApp;
let app: TestApp;
let scene: Scene;
beforeAll(async () => {
  free = await startApp({ LIMITS_SCALE: '1000' });
  app = await free.replica({ MFA_REQUIRED_FROM: 'STAFF' });
  scene = await openScene(free);
});
afterAll(async () => {
  await scene.close();
  await free.close();
});

const as = ({ access }: Person, query: string, variables: Record<string, unknown> = {}, at = app) =>
  at.graphql(query, variables, { bearer: access });
const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>;
const staff = async (...more: string[]): Promise<Person> =>
  enter(app, await scene.seat(['USER', 'STAFF', ...more]));

/** What only staff may ask. */
const LIST = '{ users(first: 1) { nodes { id } } }';
const VERIFY = `query ($t: String!, $s: ID, $r: [String!]) { verifyToken(token: $t, serviceId: $s, requires: $r) {
  valid reason scopes subject { id role roles permissions } service { valid } } }`;

/** Holds of whoever must set a second factor up first. */
async function expectWithheld(person: Person, code = 'INSUFFICIENT_AAL'): Promise<void> {
  for (const query of [
    LIST,
    'mutation { updateMe(input: { firstName: "New" }) { id } }',
    'mutation { signOutOthers }',
  ])
    expect(codeOf(await as(person, query))).toBe(code);
  const { data } = await app.graphql(VERIFY, { t: person.access });
  expect(data['verifyToken']).toMatchObject({
    valid: true,
    scopes: [],
    subject: { id: person.id, role: null, roles: [], permissions: [] },
  });
}

async function expectFree(person: Person): Promise<void> {
  expect((await as(person, LIST)).errors).toEqual([]);
  const { data } = await app.graphql(VERIFY, { t: person.access, r: ['users:read'] });
  expect(data['verifyToken']).toMatchObject({ valid: true, subject: { role: 'STAFF' } });
}

describe('an account that must have a second factor and has none', () => {
  it('signs in, is told so, and may see who it is and leave', async () => {
    const bo = await scene.seat(['STAFF']);
    const answer = await app.graphql(
      `mutation ($input: SignInInput!) { signIn(input: $input) { ... on AuthPayload {
        accessToken mfaEnrollmentRequired session { aal } user { id email role { name } permissions } } } }`,
      { input: { login: bo.username, password: bo.password } },
    );
    const { accessToken: access, user, ...payload } = answer.data['signIn'];
    expect(payload).toEqual({ mfaEnrollmentRequired: true, session: { aal: 1 } });
    expect(user).toEqual({ id: bo.id, email: bo.email, role: { name: 'STAFF' }, permissions: null });
    expect(answer.errors.map(({ message, extensions }) => [message, extensions.code])).toEqual([
      ['Set up a second factor first: your role must have one.', 'INSUFFICIENT_AAL'],
    ]);
    expect(claimsOf(access)).toMatchObject({ roles: [], scope: '', aal: 1 });
    const inside = { access } as Person;
    expect((await as(inside, '{ me { id email mfaEnabled passkeys { id } } }')).errors).toEqual([]);
    expect((await as(inside, 'mutation { signOut }')).data).toEqual({ signOut: true });
  });

  it('can do nothing else, at no door, and is let in nowhere', async () => {
    const bo = await staff();
    await expectWithheld(bo);
    const service = await scene.service();
    await scene.look('insert into service_access (user_id, service_id) values ($1, $2)', [bo.id, service.id]);
    const asked = async (variables: Record<string, unknown>) =>
      (await app.graphql(VERIFY, { t: bo.access, ...variables })).data['verifyToken'];
    expect(await asked({ s: service.id })).toMatchObject({ valid: false, reason: 'NO_SERVICE_ACCESS' });
    expect(await asked({ r: ['users:read'] })).toMatchObject({ valid: false, reason: 'MISSING_PERMISSION' });
    const entity = 'query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { id } } }';
    const answer = await as(bo, entity, { r: [{ __typename: 'User', id: bo.id }] });
    expect(codeOf(answer)).toBe('INSUFFICIENT_AAL');
  });

  it('goes on in the same session once an app is confirmed', async () => {
    const bo = await staff();
    await setUpFactor(app, bo);
    await expectFree(bo);
    const next = await refresh(app, bo.refresh);
    expect(claimsOf(next.access)).toMatchObject({ aal: 2, roles: ['STAFF', 'USER'] });
  });

  it('goes on in the same session once a passkey is registered', async () => {
    const bo = await staff();
    const own = await addPasskey(app, bo);
    await expectFree(bo);
    const answer = await enterByPasskey(app, own);
    await expectFree({ ...bo, access: answer.data['signInWithPasskey'].accessToken });
  });

  it('is in the same state after a refresh', async () => {
    const bo = await staff();
    const next = await refresh(app, bo.refresh);
    expect(claimsOf(next.access)).toMatchObject({ roles: [], scope: '' });
    await expectWithheld({ ...bo, access: next.access });
  });

  it('is nobody of lower rank', async () => {
    const ana = await enter(app, await scene.seat(['USER']));
    expect((await as(ana, 'mutation { updateMe(input: { firstName: "New" }) { id } }')).errors).toEqual([]);
  });
});

describe('the rule holds from the next request on', () => {
  it('after the policy was switched on', async () => {
    const bo = await enter(free, await scene.seat(['STAFF']));
    expect((await as(bo, LIST, {}, free)).errors).toEqual([]);
    await expectWithheld(bo);
  });

  it('after a role was granted', async () => {
    const ana = await enter(app, await scene.seat(['USER']));
    expect((await as(ana, '{ me { permissions } }')).errors).toEqual([]);
    const { roles } = await scene.asOwner('{ roles(first: 100) { nodes { id name } } }');
    const { id } = roles.nodes.find(({ name }: { name: string }) => name === 'STAFF');
    await scene.asOwner('mutation ($u: ID!, $r: [ID!]!) { setUserRoles(userId: $u, roleIds: $r) { id } }', {
      u: ana.id,
      r: [id],
    });
    await verify(app, ana.access);
    await expectWithheld(ana);
    await setUpFactor(app, ana);
    await expectFree(ana);
  });

  it('after the factor was given up, with a token that says it was proved', async () => {
    const bo = await staff();
    const { codes } = await setUpFactor(app, bo);
    const next = await refresh(app, bo.refresh);
    const inside = { ...bo, access: next.access };
    await expectFree(inside);
    expect((await factorsOf(app, inside).disable(bo.password, codes[0]!)).errors).toEqual([]);
    await expectWithheld(inside);
    await setUpFactor(app, inside);
    await expectFree(inside);
  });

  it('after the last passkey was removed', async () => {
    const bo = await staff();
    const own = await addPasskey(app, bo);
    await passkeysOf(app, bo).remove(own.passkeyId, bo.password);
    await expectWithheld(bo);
  });

  it('after an administrator took the factor off', async () => {
    const bo = await staff();
    await setUpFactor(app, bo);
    await scene.asOwner('mutation ($u: ID!) { resetUserMfa(userId: $u) { id } }', { u: bo.id });
    expect(codeOf(await whoAmI(app, bo.access))).toBe('UNAUTHENTICATED');
    await expectWithheld(await enter(app, bo));
  });
});

describe('a password alone, where the account has a passkey', () => {
  it('opens nothing until the passkey is proved: not even another factor', async () => {
    const bo = await staff();
    const own = await addPasskey(app, bo);
    const answer = await signIn(app, bo.username, bo.password);
    const thief = { ...bo, access: answer.data['signIn'].accessToken as string };
    await expectWithheld(thief);
    const door = passkeysOf(app, thief);
    const tries = [await door.options(bo.password), await factorsOf(app, thief).enroll(bo.password)];
    expect(tries.map(codeOf)).toEqual(['INSUFFICIENT_AAL', 'INSUFFICIENT_AAL']);
    const risen = await door.stepUp(own.get(optionsIn(await door.stepUpOptions())));
    await expectFree({ ...bo, access: risen.data['stepUpWithPasskey'].accessToken });
    await expectFree(thief);
  });
});

describe('the first owner of a house', () => {
  it('gets in, and sets a factor up like anybody else', async () => {
    const owner = await ownerOf(app);
    await expectWithheld(owner);
    await setUpFactor(app, owner);
    expect((await as(owner, LIST)).errors).toEqual([]);
  });
});
