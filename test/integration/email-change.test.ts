import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf } from '../harness/calls.js';
import { changing, mailedLink } from '../harness/email-change.js';
import { newcomer } from '../harness/people.js';
import { openScene, type Scene } from '../harness/scene.js';

let app: TestApp;
let scene: Scene;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  scene = await openScene(app);
});
afterAll(async () => {
  await scene.close();
  await app.close();
});

const seated = async () => scene.enter(await scene.seat(['USER']));

describe('an account', () => {
  it('moves to a new address once that is confirmed, and its old one is told', async () => {
    const ana = await seated();
    const { email } = newcomer();
    const { change, confirm, addressOf } = changing(app);
    expect((await change(ana, email)).data).toEqual({ changeEmail: true });
    expect(await addressOf(ana)).toEqual({ email: ana.email, isEmailVerified: false });
    const link = await mailedLink(app, email, 'confirm-email-change');
    await mailedLink(app, ana.email, 'undo-email-change');
    expect((await confirm(link)).data).toEqual({ confirmEmailChange: true });
    expect(await addressOf(ana)).toEqual({ email, isEmailVerified: true });
    expect(codeOf(await confirm(link))).toBe('ONE_TIME_TOKEN_INVALID');
    await mailedLink(app, ana.email, 'undo-email-change', 2);
  });
});
