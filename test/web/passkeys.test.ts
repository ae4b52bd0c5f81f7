import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { openChromium, plugIn, type Chromium, type Fingers } from '../harness/browser.js';
import { setUpFactor } from '../harness/factors.js';
import type { Person } from '../harness/people.js';
import { openScene, type Scene } from '../harness/scene.js';
import { startPublicApp, startSite, type Site } from '../harness/site.js';

/** An application as others write it: it passes on what the service and the browser say to each other. */
const APPLICATION = `<!doctype html><html lang="en"><title>An application</title><script>
const API = new URLSearchParams(location.search).get('api');
async function ask(query, variables, bearer) {
  const headers = { 'content-type': 'application/json', ...(bearer && { authorization: 'Bearer ' + bearer }) };
  const response = await fetch(API + '/graphql', { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
  const { data, errors } = await response.json();
  if (errors) throw new Error(errors[0].extensions.code);
  return Object.values(data)[0];
}
async function create(options) {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  return (await navigator.credentials.create({ publicKey })).toJSON();
}
async function get(options) {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return (await navigator.credentials.get({ publicKey })).toJSON();
}
const ENTERED = '{ accessToken session { aal amr } user { id } }';
async function register({ bearer, password }) {
  const options = await ask('mutation ($p: String!) { passkeyRegistrationOptions(password: $p) }', { p: password }, bearer);
  return ask('mutation ($r: JSON!) { registerPasskey(response: $r, name: "My finger") { id name } }', { r: await create(options) }, bearer);
}
async function signIn({ login }) {
  const options = await ask('mutation ($l: String) { passkeySignInOptions(login: $l) }', { l: login });
  return ask('mutation ($r: JSON!) { signInWithPasskey(response: $r) ' + ENTERED + ' }', { r: await get(options) });
}
async function finish({ login, password }) {
  const SIGN_IN = 'mutation ($i: SignInInput!) { signIn(input: $i) { ... on MfaChallenge { challengeToken } } }';
  const { challengeToken: c } = await ask(SIGN_IN, { i: { login, password } });
  const options = await ask('mutation ($c: String!) { passkeyChallengeOptions(challengeToken: $c) }', { c });
  return ask('mutation ($c: String!, $r: JSON!) { verifyMfaWithPasskey(challengeToken: $c, response: $r) ' + ENTERED + ' }', { c, r: await get(options) });
}
const tried = (work) => work.catch((error) => ({ refused: error.name === 'Error' ? error.message : error.name }));
</script>`;

let application: Site;
let stranger: Site;
let app: Awaited<ReturnType<typeof startPublicApp>>;
let scene: Scene;
let chromium: Chromium;
beforeAll(async () => {
  chromium = await openChromium();
  [application, stranger] = await Promise.all([startSite(APPLICATION), startSite(APPLICATION)]);
  app = await startPublicApp({ LIMITS_SCALE: '100', FRONTEND_URL: application.url });
  scene = await openScene(app);
});
afterAll(async () => {
  await chromium.close();
  await scene.close();
  await app.close();
  await Promise.all([application.close(), stranger.close()]);
});

interface Visitor {
  page: Page;
  fingers: Fingers;
  ana: Person;
  /** Goes to a site, and does there what its page can do. */
  goTo: (site: string) => Promise<unknown>;
  act: (
    what: 'register' | 'signIn' | 'finish',
    how?: Record<string, string>,
  ) => Promise<Record<string, unknown>>;
}

/** Ana, signed in, in a browser on a machine that knows her finger, at the application. */
async function asAna(work: (visitor: Visitor) => Promise<void>): Promise<void> {
  const ana = await scene.enter(await scene.seat(['USER']));
  const elsewhere = stranger.url.replace('localhost', '127.0.0.1');
  const sites = [app.publicUrl, application.url, stranger.url, elsewhere];
  await chromium.visit({ sites }, async ({ context }) => {
    const page = await context.newPage();
    const fingers = await plugIn(page);
    const goTo = (site: string) => page.goto(`${site}/?api=${app.publicUrl}`);
    await goTo(application.url);
    const act: Visitor['act'] = (what, how = {}) =>
      page.evaluate(
        `tried(${what}(${JSON.stringify({ bearer: ana.access, password: ana.password, ...how })}))`,
      );
    await work({ page, fingers, ana, goTo, act });
  });
}

describe('a passkey in a browser', () => {
  it('is made, and opens the door alone, with and without a name', async () => {
    await asAna(async ({ ana, fingers, act }) => {
      expect(await act('register')).toMatchObject({ name: 'My finger' });
      expect(await fingers.count()).toBe(1);
      for (const how of [{}, { login: ana.username }])
        expect(await act('signIn', how)).toMatchObject({ user: { id: ana.id }, session: { aal: 2 } });
    });
  });

  it('finishes a sign-in that a password has begun', async () => {
    await asAna(async ({ ana, act }) => {
      await setUpFactor(app, ana);
      await act('register');
      expect(await act('finish', { login: ana.email })).toMatchObject({
        user: { id: ana.id },
        session: { aal: 2, amr: ['pwd', 'hwk', 'user', 'mfa'] },
      });
    });
  });

  it('is made once on one device', async () => {
    await asAna(async ({ fingers, act }) => {
      await act('register');
      expect(await act('register')).toEqual({ refused: 'InvalidStateError' });
      expect(await fingers.count()).toBe(1);
    });
  });

  it('is used by nobody whose finger is not known', async () => {
    await asAna(async ({ fingers, act }) => {
      await act('register');
      await fingers.recognise(false);
      expect(await act('signIn')).toEqual({ refused: 'NotAllowedError' });
      await fingers.recognise(true);
      expect(await act('signIn')).toMatchObject({ session: { aal: 2 } });
    });
  });

  it('is of no use on a page of somebody else, even where the browser would give it', async () => {
    await asAna(async ({ goTo, act }) => {
      await act('register');
      await goTo(stranger.url);
      expect(await act('signIn')).toEqual({ refused: 'INVALID_CREDENTIALS' });
      await goTo(application.url);
      expect(await act('signIn')).toMatchObject({ session: { aal: 2 } });
    });
  });

  it('is not made on a page of somebody else', async () => {
    await asAna(async ({ ana, goTo, act }) => {
      await goTo(stranger.url);
      expect(await act('register')).toEqual({ refused: 'BAD_USER_INPUT' });
      await goTo(stranger.url.replace('localhost', '127.0.0.1'));
      expect(await act('register')).toEqual({ refused: 'SecurityError' });
      const { data } = await app.graphql('{ me { passkeys { id } } }', {}, { bearer: ana.access });
      expect(data['me']).toEqual({ passkeys: [] });
    });
  });
});
