import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../harness/app.js';
import { join, verify } from '../harness/people.js';

describe('the main job', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.close());

  it('somebody signs up, refreshes, is verified, revokes, and is not trusted any more', async () => {
    const ana = await join(app);
    expect(await verify(app, ana.access)).toEqual({ valid: true, reason: null });

    const { data } = await app.graphql(
      'mutation ($t: String!) { refresh(refreshToken: $t) { accessToken refreshToken } }',
      { t: ana.refresh },
    );
    expect(await verify(app, data['refresh'].accessToken)).toEqual({ valid: true, reason: null });

    await app.graphql('mutation ($t: String!) { revoke(token: $t) }', { t: ana.access });
    expect(await verify(app, ana.access)).toEqual({ valid: false, reason: 'REVOKED' });
    expect(await verify(app, data['refresh'].accessToken)).toEqual({ valid: false, reason: 'REVOKED' });
  });
});
