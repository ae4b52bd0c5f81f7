import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startGateway } from '../../gateway/serve.js';
import { codeOf, revoke, whoAmI } from '../harness/calls.js';
import { join } from '../harness/people.js';
import { startGraph, startSupergraph, type Supergraph } from './supergraph.js';

const key = () => randomBytes(32).toString('base64');

const [secret, nextSecret] = [key(), key()];
const production = {
  NODE_ENV: 'production',
  PUBLIC_URL: 'https://auth.example.test',
  ENCRYPTION_KEYS: key(),
  PASSWORD_PEPPERS: key(),
  GATEWAY_SECRETS: `${nextSecret},${secret}`,
};

let graph: Supergraph;
beforeAll(async () => {
  graph = await startSupergraph(production, secret);
});
afterAll(() => graph.close());

describe('in production, a gateway', () => {
  it('that proves itself is let in, and its callers are who their bearers say, or nobody', async () => {
    const ana = await join(graph);
    expect((await whoAmI(graph, ana.access)).data).toEqual({ me: { id: ana.id } });
    expect(codeOf(await graph.graphql('{ me { id } }'))).toBe('UNAUTHENTICATED');
  });

  it('may be Hive as well; and a second subgraph without a service token of its own asks whom to believe', async () => {
    const hive = await startGraph(graph.app, { engine: 'hive', secret });
    const bo = await join(hive);
    const addNote = 'mutation { addNote(text: "Hello") { author { username } } }';
    const written = await hive.graphql(addNote, {}, { bearer: bo.access });
    expect(written.data).toEqual({ addNote: { author: { username: bo.username } } });
    await revoke(hive, bo.access);
    expect(codeOf(await hive.graphql(addNote, {}, { bearer: bo.access }))).toBe('UNAUTHENTICATED');
    await hive.close();
  });

  it('may use either of two secrets, so that they can be changed without a gap', async () => {
    const authUrl = `${graph.app.url}/graphql`;
    const next = await startGateway({ authUrl, port: 0, secret: nextSecret });
    await next.close();
  });

  it('is told what to set when its secret is wrong or missing', async () => {
    const authUrl = `${graph.app.url}/graphql`;
    await expect(startGateway({ authUrl, port: 0 })).rejects.toThrow(/GATEWAY_SECRET/);
    await expect(startGateway({ authUrl, port: 0, secret: key() })).rejects.toThrow(/GATEWAY_SECRET/);
  });

  it('alone reaches the service: without proof _entities, _service and all else answer one and the same 401', async () => {
    const entities = '{ _entities(representations: [{ __typename: "User", id: "1" }]) { __typename } }';
    for (const query of ['{ _service { sdl } }', entities, '{ __typename }']) {
      const { status, data, errors } = await graph.app.graphql(query);
      expect({ status, data, errors }).toEqual({
        status: 401,
        data: {},
        errors: [
          {
            message: 'Direct access to internal service is not allowed',
            extensions: { code: 'UNAUTHENTICATED' },
          },
        ],
      });
    }
  });
});

describe('a gateway without a service behind it', () => {
  it('is told how to start one', async () => {
    const nowhere = startGateway({ authUrl: 'http://127.0.0.1:9/graphql', port: 0 });
    await expect(nowhere).rejects.toThrow(/npm start/);
  });
});
