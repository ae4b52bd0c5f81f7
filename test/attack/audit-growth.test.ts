import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../harness/app.js';
import { lookInto, type Look } from '../harness/look.js';
import { join, ownerOf } from '../harness/people.js';
import { serviceOf, servicesDesk } from '../harness/services.js';
import { until } from '../harness/until.js';

let app: TestApp;
let look: Look;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  look = await lookInto(app.databaseUrl);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

interface Refused {
  service: string | null;
  count: number;
}

describe('nobody swells the audit record with words of their own', () => {
  it('a thousand made-up services, asked about with one’s own token, are counted together; a real one by itself', async () => {
    const ana = await join(app);
    const clinic = await serviceOf(servicesDesk(app, await ownerOf(app)));
    const ask = (services: string[]) => {
      const list = services.map((id) => `{ token: $t, serviceId: "${id}" }`).join(' ');
      const query = `query ($t: String!) { verifyTokens(requests: [${list}]) { reason } }`;
      return app.graphql(query, { t: ana.access }, { bearer: ana.access });
    };
    const reasons = new Set<string>();
    for (let asked = 0; asked < 1000; asked += 50) {
      const { data, body } = await ask([clinic, ...Array.from({ length: 50 }, () => randomUUID())]);
      if (!data['verifyTokens']) throw new Error(body);
      for (const { reason } of data['verifyTokens'] as { reason: string }[]) reasons.add(reason);
    }
    expect([...reasons]).toEqual(['NO_SERVICE_ACCESS']);
    const rows = await until('every refusal is counted', async () => {
      const found = await look<Refused>(
        "select details->>'service' as service, (details->>'count')::int as count from audit_events where type = 'token.refused' and subject = $1",
        [ana.id],
      );
      return found.reduce((sum, { count }) => sum + count, 0) >= 1020 ? found : undefined;
    });
    const times = (service: string | null) =>
      rows.filter((row) => row.service === service).reduce((sum, { count }) => sum + count, 0);
    expect([times(clinic), times(null)]).toEqual([20, 1000]);
    // One each for every second that it took.
    expect(rows.length).toBeLessThan(40);
  });
});
