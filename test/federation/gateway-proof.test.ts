import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { startGateway } from '../../gateway/serve.js';
import { startApp } from '../harness/app.js';
import { as, startSupergraph } from './supergraph.js';

const key = () => randomBytes(32).toString('base64');

const [secret, nextSecret] = [key(), key()];
const production = {
  NODE_ENV: 'production',
  PUBLIC_URL: 'https://auth.example.test',
  ENCRYPTION_KEYS: key(),
  PASSWORD_PEPPERS: key(),
  GATEWAY_SECRETS: `${nextSecret},${secret}`,
};

describe('a gateway that proves itself', () => {
  it('is let in with either of two secrets, and lets its callers in as nobody', async () => {
    const graph = await startSupergraph(production, secret);
    const ana = await graph.signUp('Ana');
    const me = await graph.ask('{ me { id } }', {}, as(ana));
    expect(me.data).toEqual({ me: { id: ana.id } });
    const nobody = await graph.ask('{ me { id } }');
    expect(nobody.errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
    await graph.close();
  });

  it('is told what to set when its secret is wrong or missing', async () => {
    const app = await startApp(production);
    const authUrl = `${app.url}/graphql`;
    await expect(startGateway({ authUrl, port: 0 })).rejects.toThrow(/GATEWAY_SECRET/);
    await expect(startGateway({ authUrl, port: 0, secret: key() })).rejects.toThrow(/GATEWAY_SECRET/);
    await app.close();
  });

  it('alone reaches _entities and _service: without proof both answer 401, one text, and nothing else', async () => {
    const app = await startApp(production);
    const queries = [
      '{ _service { sdl } }',
      'query { _entities(representations: [{ __typename: "User", id: "1" }]) { __typename } }',
      '{ __typename }',
    ];
    for (const query of queries) {
      const answer = await app.graphql(query);
      expect(answer).toMatchObject({
        status: 401,
        errors: [
          {
            message: 'Direct access to internal service is not allowed',
            extensions: { code: 'UNAUTHENTICATED' },
          },
        ],
      });
      expect(answer.data).toEqual({});
    }
    await app.close();
  });

  it('is told how to start a service where none runs', async () => {
    const nowhere = startGateway({ authUrl: 'http://127.0.0.1:9/graphql', port: 0 });
    await expect(nowhere).rejects.toThrow(/npm start/);
  });
});
