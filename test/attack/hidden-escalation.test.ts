import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actingAs } from '../harness/administration.js';
import { watched } from '../harness/alerts.js';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { join, newcomer, ownerOf, roleId, type Person } from '../harness/people.js';

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

let made = 0;
/** A role that sees more than anybody should unnoticed. */
async function spyglass(): Promise<string> {
  const role = { name: `spyglass-${++made}`, rank: 5, permissions: ['users:read', 'audit:read'] };
  return (await house.createRole(role)).data['createRole'].id as string;
}

async function alertsAbout(subject: string): Promise<unknown[]> {
  await watched(look);
  return look("select details from security_alerts where type = 'role_escalation' and subject = $1", [
    subject,
  ]);
}

describe('power that was given is noticed', () => {
  it.each([
    ['renamed', (id: string) => house.updateRole(id, { name: `harmless-${made}` })],
    ['deleted', (id: string) => house.deleteRole(id)],
    ['emptied', (id: string) => house.updateRole(id, { permissions: [] })],
  ])('though its role is %s before anybody has looked', async (_what, hide) => {
    const [ana, role] = [await join(app), await spyglass()];
    // No turn of the watcher comes in between.
    const other = await look.another();
    await other.query('select pg_advisory_lock(7203110007)');
    expect(codeOf(await house.setUserRoles(ana.id, [role]))).toBeUndefined();
    expect(codeOf(await hide(role))).toBeUndefined();
    await other.query('select pg_advisory_unlock(7203110007)');
    expect(await alertsAbout(ana.id)).toMatchObject([
      { details: { actor: owner.id, gained: ['audit:read', 'users:read'] } },
    ]);
  });

  it('in an account that was opened with it, but not in one with what everybody has', async () => {
    const user = await roleId(app, owner, 'USER');
    await house.updateRole(user, { permissions: ['roles:read'] });
    const invited: string[] = [];
    for (const roleIds of [[await spyglass()], []]) {
      const { email, username, firstName } = newcomer();
      const answer = await house.createUser({ email, username, firstName, roleIds });
      invited.push(answer.data['createUser'].id as string);
    }
    await house.updateRole(user, { permissions: [] });
    const [strong = '', usual = ''] = invited;
    expect(await alertsAbout(strong)).toHaveLength(1);
    expect(await alertsAbout(usual)).toEqual([]);
  });
});
