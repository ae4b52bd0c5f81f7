import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf } from '../harness/calls.js';
import { join, joinAs, ownerOf, type Person } from '../harness/people.js';
import { statementsOf } from '../harness/statements.js';

let app: TestApp;
let ana: Person;
let staff: Person;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  staff = await joinAs(app, await ownerOf(app), 'STAFF');
  ana = await join(app);
});
afterAll(async () => {
  await app.close();
});

describe('how many accounts there are', () => {
  const QUERY = '{ me { username roles { name userCount } } }';

  it('is not told to everybody who has a role, nor counted for them', async () => {
    let answer = await app.graphql('{ __typename }');
    const statements = await statementsOf(async () => {
      answer = await app.graphql(QUERY, {}, { bearer: ana.access });
    });
    expect(codeOf(answer)).toBe('FORBIDDEN');
    expect(answer.data).toEqual({ me: { username: ana.username, roles: null } });
    expect(statements.filter((text) => /count\(\*\).*"user_roles"/.test(text))).toEqual([]);
  });

  it('is told to holders of roles:read', async () => {
    const answer = await app.graphql(QUERY, {}, { bearer: staff.access });
    expect(answer.data['me'].roles).toEqual([{ name: 'STAFF', userCount: 1 }]);
  });
});
