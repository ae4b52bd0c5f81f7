import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf, refresh } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { join, ownerOf, type Person } from '../harness/people.js';
import { until } from '../harness/until.js';

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

const report = 'accessReport(from: "2026-01-01", to: "2026-12-31") { rows { day } }';
const reading = () =>
  look(
    "select from pg_stat_activity where query ilike '%with happened as%' and wait_event_type = 'Lock' and datname = current_database()",
  );

describe('whoever asks for twenty reports at once', () => {
  it('gets them one after the other, and keeps nobody else from the database', async () => {
    const ana = await join(app);
    // A report that cannot be finished for a while.
    const slow = await look.another();
    await slow.query('begin; lock table verification_counts in access exclusive mode');
    const twenty = app.graphql(
      `{ ${Array.from({ length: 20 }, (_, n) => `r${n}: ${report}`).join(' ')} }`,
      {},
      { bearer: owner.access },
    );
    await until('a report is under way', async () => (await reading()).length > 0);
    expect((await refresh(app, ana.refresh)).code).toBeUndefined();
    expect(await reading()).toHaveLength(1);
    await slow.query('rollback');
    for (const { extensions } of (await twenty).errors) expect(extensions.code).toBe('SERVICE_UNAVAILABLE');
    expect(codeOf(await app.graphql(`{ ${report} }`, {}, { bearer: owner.access }))).toBeUndefined();
  });
});
