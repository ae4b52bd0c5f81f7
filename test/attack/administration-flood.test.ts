import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actingAs, settle } from '../harness/administration.js';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf, refresh } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { enter, join, joinAs, ownerOf, type Person } from '../harness/people.js';
import { until } from '../harness/until.js';

let app: TestApp;
let look: Look;
let staff: Person;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  look = await lookInto(app.databaseUrl);
  staff = await joinAs(app, await ownerOf(app), 'STAFF');
});
afterAll(async () => {
  await look.close();
  await app.close();
});

/** What serialises administration on all replicas. */
const LOCK = '7203110004';
const waiting = () =>
  look("select from pg_stat_activity where wait_event = 'advisory' and datname = current_database()");

describe('an administrator in a hurry', () => {
  it('keeps nobody else from the service, even while another replica keeps all administration waiting', async () => {
    const [ana, target] = [await join(app), await settle(look, 'edited')];
    const elsewhere = await look.another();
    await elsewhere.query(`select pg_advisory_lock(${LOCK})`);
    const acts = Array.from({ length: 100 }, (_, n) =>
      actingAs(app, staff).updateUser(target, { firstName: `Name ${n}` }),
    );
    await until('administration waits', async () => (await waiting()).length > 0);
    const answers = await Promise.all([
      refresh(app, ana.refresh),
      refresh(app, (await enter(app, ana)).refresh),
    ]);
    expect(answers.map(({ code }) => code)).toEqual([undefined, undefined]);
    expect((await waiting()).length).toBeLessThanOrEqual(2);
    await elsewhere.query(`select pg_advisory_unlock(${LOCK})`);
    // Whoever waited too long was told so, and may try again.
    const codes = new Set((await Promise.all(acts)).map(codeOf));
    for (const code of codes) expect([undefined, 'SERVICE_UNAVAILABLE']).toContain(code);
  });

  it('makes many changes at once, and exactly those that are said to be made are', async () => {
    const target = await settle(look, 'edited-often');
    const acts = Array.from({ length: 20 }, (_, n) =>
      actingAs(app, staff).updateUser(target, { firstName: `Name ${n}` }),
    );
    const made = (await Promise.all(acts)).map(codeOf).filter((code) => code === undefined);
    const events = await look("select from audit_events where type = 'account.updated' and subject = $1", [
      target,
    ]);
    expect(made.length).toBeGreaterThan(0);
    expect(events).toHaveLength(made.length);
  });
});
