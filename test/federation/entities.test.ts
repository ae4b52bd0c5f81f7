import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type Answer, type Asking, type TestApp } from '../harness/app.js';
import { join, type Person } from '../harness/people.js';
import { statementsOf } from '../harness/statements.js';

const ENTITIES = `query ($representations: [_Any!]!) {
  _entities(representations: $representations) {
    __typename
    ... on User { id username firstName lastName }
    ... on Session { id device }
  }
}`;
const UNKNOWN = '01890000-0000-7000-8000-000000000000';
const MALFORMED = ["' OR 1=1 --", '', UNKNOWN.toUpperCase(), `${UNKNOWN} `];

let app: TestApp;
let people: [Person, Person, Person];

beforeAll(async () => {
  app = await startApp();
  people = [await join(app), await join(app), await join(app)];
});
afterAll(() => app.close());

const as = ({ access }: Person): Asking => ({ bearer: access });
const user = (id: string) => ({ __typename: 'User', id });
const unknownUser = (i: number) => user(UNKNOWN.slice(0, -4) + String(i).padStart(4, '0'));

/** Asks as a gateway does. */
const entities = (representations: object[], asking?: Asking): Promise<Answer> =>
  app.graphql(ENTITIES, { representations }, asking);

describe('_entities', () => {
  it('answers in the order asked, each as often as asked', async () => {
    const [ana, bo, cleo] = people.map(({ id }) => id) as [string, string, string];
    const order = [cleo, ana, bo, ana, cleo];
    const { data, errors } = await entities(order.map(user));
    expect(errors).toEqual([]);
    expect(data['_entities'].map(({ id }: { id: string }) => id)).toEqual(order);
  });

  it('asks the database once for all accounts, and once for all sessions, however many are wanted', async () => {
    const [ana] = people;
    const sessions = people.map(({ sessionId }) => ({ __typename: 'Session', id: sessionId }));
    const many = [
      ...people.map(({ id }) => user(id)),
      ...Array.from({ length: 40 }, (_, i) => unknownUser(i)),
    ];

    const statements = await statementsOf(() => entities([...many, ...sessions, ...many], as(ana)));
    const reads = (table: string) => statements.filter((text) => text.includes(`from "${table}"`));
    expect(reads('users')).toHaveLength(1);
    expect(reads('sessions')).toHaveLength(1);
  });

  it('answers a tombstone for an unknown or malformed id, and the others all the same', async () => {
    const [ana] = people;
    const strange = [UNKNOWN, ...MALFORMED];
    const { data, errors } = await entities([...strange.map(user), user(ana.id)]);
    expect(errors).toEqual([]);
    const tombstones = strange.map((id) => ({
      ...user(id),
      username: 'deleted',
      firstName: '',
      lastName: null,
    }));
    expect(data['_entities'].slice(0, -1)).toEqual(tombstones);
    expect(data['_entities'].at(-1)).toMatchObject({ id: ana.id, username: ana.username });
  });

  it('gives a session to its owner and null to anybody else, as for one that does not exist', async () => {
    const [ana, bo] = people;
    const session = (id: string) => ({ __typename: 'Session', id });
    const wanted = [session(ana.sessionId), session(UNKNOWN), session('')];

    expect((await entities(wanted, as(ana))).data['_entities']).toMatchObject([
      { id: ana.sessionId },
      null,
      null,
    ]);
    expect((await entities(wanted, as(bo))).data['_entities']).toEqual([null, null, null]);
    expect((await entities(wanted)).data['_entities']).toEqual([null, null, null]);
  });

  it('tells nothing private to a person about another, and refuses no one the rest', async () => {
    const [ana, bo] = people;
    const query =
      'query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { username email status } } }';
    const answer = await app.graphql(query, { r: [user(ana.id), user(bo.id)] }, as(ana));
    expect(answer.data['_entities']).toEqual([
      { username: ana.username, email: ana.email, status: 'ACTIVE' },
      { username: bo.username, email: null, status: null },
    ]);
    expect(answer.errors.map(({ path, extensions }) => [path?.[1], extensions.code])).toEqual([
      [1, 'FORBIDDEN'],
      [1, 'FORBIDDEN'],
    ]);
  });

  it('refuses types that are no entities, and representations that name none', async () => {
    const odd = [
      { __typename: 'NoSuchType', id: '1' },
      { __typename: 'AuthPayload', id: '1' },
      { id: '1' },
      {},
    ];
    for (const representation of [...odd, { __typename: 'User' }, { __typename: 'User', id: { $ne: 1 } }]) {
      const { status, errors } = await entities([representation]);
      expect([status < 500, errors.length > 0, JSON.stringify(representation)]).toEqual([
        true,
        true,
        JSON.stringify(representation),
      ]);
    }
  });

  it('bounds how many may be asked for at once', async () => {
    const { status, errors } = await entities(Array.from({ length: 2_000 }, () => user('1')));
    expect(status).toBeLessThan(500);
    expect(errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
  });
});
