import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { serverAudits } from 'graphql-http';
import { startApp, type TestApp } from '../harness/app.js';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

/**
 * Every MUST and every SHOULD of the specification: all of them apply to this service. What MAY be done is left out; of that,
 * operations by GET are refused on purpose, since tokens would stand in URLs and so in logs.
 *
 * @see https://graphql.github.io/graphql-over-http/draft/
 */
const audits = serverAudits({ url: () => `${app.url}/graphql`, fetchFn: fetch }).filter(
  ({ name }) => !name.startsWith('MAY'),
);

describe('a client that keeps to GraphQL over HTTP finds that the server', () => {
  it.each(audits.map((audit) => [audit.name, audit.id, audit] as const))(
    '%s (%s)',
    async (_name, _id, audit) => {
      const result = await audit.fn();
      if ('response' in result) await result.response.body?.cancel().catch(() => undefined);
      expect(result.status === 'ok' ? 'ok' : result.reason).toBe('ok');
    },
  );

  it('was asked all of the audits', () => {
    expect(audits.length).toBeGreaterThan(30);
  });
});
