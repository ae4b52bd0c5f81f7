import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Answer, Asking } from '../harness/app.js';
import { as, startSupergraph, type Person, type Supergraph } from './supergraph.js';

const ENTITIES = `query ($representations: [_Any!]!) {
  _entities(representations: $representations) {
    __typename
    ... on User { id username firstName lastName }
    ... on Role { id name }
  }
}`;
const UNKNOWN = '01890000-0000-7000-8000-000000000000';

let graph: Supergraph;
let people: Person[];

beforeAll(async () => {
  graph = await startSupergraph();
  people = [];
  for (const name of ['Ana', 'Bo', 'Cleo']) people.push(await graph.signUp(name));
});
afterAll(() => graph.close());

/** Asks the subgraph itself, as the gateway does. */
function entities(representations: object[], asking?: Asking): Promise<Answer> {
  return graph.app.graphql(ENTITIES, { representations }, asking);
}

const user = (id: string) => ({ __typename: 'User', id });

describe('_entities', () => {
  it('answers in the order asked, each as often as asked', async () => {
    const [ana, bo, cleo] = people.map((person) => person.id) as [string, string, string];
    const order = [cleo, ana, bo, ana, cleo];
    const { data, errors } = await entities(order.map(user));
    expect(errors).toEqual([]);
    expect(data._entities.map((entity: { id: string }) => entity.id)).toEqual(order);
  });

  it('answers a tombstone for an unknown or malformed id, and the others all the same', async () => {
    const [ana] = people as [Person];
    const { data, errors } = await entities([user(UNKNOWN), user(ana.id), user("' OR 1=1 --"), user('')]);
    expect(errors).toEqual([]);
    const tombstone = (id: string) => ({
      __typename: 'User',
      id,
      username: 'deleted',
      firstName: '',
      lastName: null,
    });
    expect(data._entities).toEqual([
      tombstone(UNKNOWN),
      expect.objectContaining({ id: ana.id, username: ana.username }),
      tombstone("' OR 1=1 --"),
      tombstone(''),
    ]);
  });

  it('tells nothing private to a person about another, and refuses no one the rest', async () => {
    const [ana, bo] = people as [Person, Person];
    const query = `query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { username email status } } }`;
    const answer = await graph.app.graphql(query, { r: [user(ana.id), user(bo.id)] }, as(ana));
    expect(answer.data._entities).toEqual([
      { username: ana.username, email: ana.email, status: 'ACTIVE' },
      { username: bo.username, email: null, status: null },
    ]);
    expect(answer.errors.map((error) => [error.path?.[1], error.extensions.code])).toEqual([
      [1, 'FORBIDDEN'],
      [1, 'FORBIDDEN'],
    ]);
  });

  it('refuses types that are no entities, and representations that name none', async () => {
    for (const representation of [
      { __typename: 'NoSuchType', id: '1' },
      { __typename: 'AuthPayload', id: '1' },
      { id: '1' },
    ]) {
      const { status, errors } = await entities([representation]);
      expect(status).toBeLessThan(500);
      expect(errors.length).toBeGreaterThan(0);
    }
  });

  it('bounds how many may be asked for at once', async () => {
    const started = performance.now();
    const { status, errors } = await entities(Array.from({ length: 10_000 }, () => user(UNKNOWN)));
    expect(status).toBeLessThan(500);
    expect(errors.length).toBeGreaterThan(0);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
