import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { composeServices } from '@apollo/composition';
import { Kind, parse, print } from 'graphql';
import { readAuthService } from '../../gateway/compose.js';
import { notesSdl } from '../../gateway/notes/subgraph.js';
import { printForRouters } from '../../src/schema/index.js';
import { startApp, type TestApp } from '../harness/app.js';

let app: TestApp;
let served: string;

beforeAll(async () => {
  app = await startApp();
  served = (await readAuthService(`${app.url}/graphql`, undefined)).sdl;
});
afterAll(() => app.close());

/** Messages of what is wrong, none when the subgraphs fit together. */
function faults(...sdls: string[]): string[] {
  const subgraphs = sdls.map((sdl, i) => ({
    name: `subgraph-${i}`,
    url: 'http://127.0.0.1',
    typeDefs: parse(sdl),
  }));
  return (composeServices(subgraphs).errors ?? []).map((error) => error.message);
}

describe('the schema that _service answers', () => {
  it('links Federation 2', () => {
    expect(served).toMatch(/@link\(url: "https:\/\/specs\.apollo\.dev\/federation\/v2/);
  });

  it('composes alone', () => {
    expect(faults(served)).toEqual([]);
  });

  it('composes with a neighbour that extends User', () => {
    expect(faults(served, notesSdl)).toEqual([]);
  });

  it('composes with a neighbour that refers to each of its entities by id', () => {
    const shop = `
      extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key"])
      type Order @key(fields: "id") { id: ID! buyer: User! soldBy: Service! openedIn: Session grants: [Role!]! }
      type User @key(fields: "id") { id: ID! orders: [Order!]! }
      type Session @key(fields: "id") { id: ID! orders: [Order!]! }
      type Role @key(fields: "id") { id: ID! discounts: [Int!]! }
      type Service @key(fields: "id") { id: ID! orders: [Order!]! }
      type Query { orders: [Order!]! }`;
    expect(faults(served, shop)).toEqual([]);
  });

  it('is the one in schema.graphql, which supergraph.yaml composes', () => {
    const file = readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8');
    expect(faults(file, notesSdl)).toEqual([]);
  });

  it('composes as well with the directives that some gateways enforce', () => {
    const { supergraphSdl, errors } = composeServices(
      [printForRouters(), notesSdl].map((sdl, i) => ({
        name: `subgraph-${i}`,
        url: 'http://127.0.0.1',
        typeDefs: parse(sdl),
      })),
    );
    expect(errors).toBeUndefined();
    expect(supergraphSdl).toMatch(/\bme: User .*@authenticated/);
    expect(supergraphSdl).toMatch(/\bpermissions: .*@requiresScopes\(scopes: \[\["roles:read"\]\]\)/);
  });

  it('marks what only gateways and services may ask as internal', () => {
    const queries = parse(served).definitions.flatMap((definition) =>
      definition.kind === Kind.OBJECT_TYPE_DEFINITION && definition.name.value === 'Query'
        ? definition.fields!
        : [],
    );
    const tagged = queries.filter(({ directives }) =>
      directives!.map(print).includes('@tag(name: "internal")'),
    );
    const internal = ['verifyToken', 'verifyTokens', 'verifyServiceToken'];
    const present = queries.map(({ name }) => name.value).filter((name) => internal.includes(name));
    expect(present).toContain('verifyToken');
    expect(tagged.map(({ name }) => name.value)).toEqual(present);
  });
});
