import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { actingAs, fieldsOf, settle, UNKNOWN } from '../harness/administration.js';
import { startApp, type Answer, type TestApp } from '../harness/app.js';
import { codeOf } from '../harness/calls.js';
import { lookInto, type Look } from '../harness/look.js';
import { enter, join, ownerOf, type Person } from '../harness/people.js';
import { statementsOf } from '../harness/statements.js';

let app: TestApp;
let owner: Person;
let house: ReturnType<typeof actingAs>;
let look: Look;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  owner = await ownerOf(app);
  house = actingAs(app, owner);
  look = await lookInto(app.databaseUrl);
});
afterAll(async () => {
  await look.close();
  await app.close();
});

const PAGE =
  'nodes { username } edges { cursor node { username } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }';
interface UserPage {
  nodes: { username: string }[];
  edges: { cursor: string; node: { username: string } }[];
  pageInfo: {
    hasNextPage: boolean;
    hasPreviousPage: boolean;
    startCursor: string | null;
    endCursor: string | null;
  };
}

async function page(variables: Record<string, unknown>): Promise<UserPage> {
  const answer = await house.users(variables, PAGE);
  expect(answer.errors).toEqual([]);
  const read = answer.data['users'] as UserPage;
  expect(read.edges.map(({ node }) => node)).toEqual(read.nodes);
  expect([read.pageInfo.startCursor, read.pageInfo.endCursor]).toEqual([
    read.edges[0]?.cursor ?? null,
    read.edges.at(-1)?.cursor ?? null,
  ]);
  return read;
}

const namesOf = ({ nodes }: UserPage) => nodes.map(({ username }) => username);

/** Reads a whole list page by page, forward; `between` happens between two pages. */
async function forward(
  variables: object,
  first: number,
  between: () => Promise<unknown> = async () => undefined,
) {
  const names: string[] = [];
  for (let after: string | null = null, more = true; more; await between()) {
    const read: UserPage = await page({ ...variables, first, after });
    names.push(...namesOf(read));
    expect(read.pageInfo.hasPreviousPage).toBe(after !== null);
    [after, more] = [read.pageInfo.endCursor, read.pageInfo.hasNextPage];
  }
  return names;
}

/** Reads a whole list page by page from its end. */
async function backward(variables: object, last: number) {
  const names: string[] = [];
  for (let before: string | null = null, more = true; more;) {
    const read: UserPage = await page({ ...variables, last, before });
    names.unshift(...namesOf(read));
    expect(read.pageInfo.hasNextPage).toBe(before !== null);
    [before, more] = [read.pageInfo.startCursor, read.pageInfo.hasPreviousPage];
  }
  return names;
}

describe('paging through accounts', () => {
  const filter = { search: 'tie-' };
  interface Row {
    id: string;
    username: string;
    values: Record<string, string>;
  }
  const rows: Row[] = [];
  beforeAll(async () => {
    for (let at = 0; at < 25; at++) {
      // Groups of five were created at once, and all were changed at one of two moments.
      const created_at = `2020-01-0${1 + (at % 5)}T00:00:00.00${at % 5}Z`;
      const updated_at = `2021-01-0${1 + (at % 2)}T00:00:00.000Z`;
      const username = `Tie-${String.fromCharCode(97 + ((at * 7) % 25))}`;
      const email = `${String.fromCharCode(122 - ((at * 11) % 25))}.tie-@example.test`;
      const id = await settle(look, username, { created_at, updated_at, email, email_key: email });
      const values = {
        CREATED_AT: created_at,
        UPDATED_AT: updated_at,
        USERNAME: username.toLowerCase(),
        EMAIL: email,
      };
      rows.push({ id, username, values });
    }
  });

  const sorted = (field: string, direction: string) => {
    const key = (row: Row) => `${row.values[field]} ${row.id}`;
    const ascending = [...rows].sort((a, b) => (key(a) < key(b) ? -1 : 1)).map(({ username }) => username);
    return direction === 'ASC' ? ascending : ascending.reverse();
  };
  const orders = ['CREATED_AT', 'UPDATED_AT', 'USERNAME', 'EMAIL'].flatMap((field) => [
    [field, 'ASC'],
    [field, 'DESC'],
  ]);

  it.each(orders)(
    'by %s %s, forward and backward, each is met once and in order, ties and all',
    async (field, direction) => {
      const variables = { filter, orderBy: { field, direction } };
      const expected = sorted(field, direction);
      expect(namesOf(await page({ ...variables, first: 100 }))).toEqual(expected);
      expect(await forward(variables, 7)).toEqual(expected);
      expect(await backward(variables, 7)).toEqual(expected);
      expect(await forward(variables, 5)).toEqual(expected);
    },
  );

  it('newest come first where nothing is said, oldest where only the field is', async () => {
    expect(namesOf(await page({ filter, first: 25 }))).toEqual(sorted('CREATED_AT', 'DESC'));
    expect(namesOf(await page({ filter, first: 25, orderBy: { field: 'CREATED_AT' } }))).toEqual(
      sorted('CREATED_AT', 'ASC'),
    );
    expect(namesOf(await page({ filter }))).toHaveLength(20);
    expect(
      namesOf(await page({ filter, first: null, after: null, last: null, before: null, orderBy: null })),
    ).toHaveLength(20);
  });

  it('a page lies between two cursors where both are given', async () => {
    const orderBy = { field: 'USERNAME', direction: 'ASC' };
    const { edges } = await page({ filter, orderBy, first: 25 });
    const [after, before] = [edges[4]?.cursor, edges[10]?.cursor];
    const between = edges.slice(5, 10).map(({ node }) => node.username);
    expect(namesOf(await page({ filter, orderBy, after, before, first: 25 }))).toEqual(between);
    expect(namesOf(await page({ filter, orderBy, after, before, last: 2 }))).toEqual(between.slice(-2));
  });

  it('nobody is lost or met twice while others come and go', async () => {
    const variables = { filter: { search: 'crowd-' }, orderBy: { field: 'CREATED_AT', direction: 'DESC' } };
    const created_at = '2022-02-02T00:00:00.000Z';
    const staying = Array.from({ length: 12 }, (_, at) => `crowd-${at}`);
    for (const username of staying) await settle(look, username, { created_at });
    let count = 0;
    const crowd = async () => {
      await settle(look, `crowd-early-${++count}`, { created_at: '2022-02-01T00:00:00.000Z' });
      await settle(look, `crowd-late-${count}`, { created_at: '2022-02-03T00:00:00.000Z' });
      await settle(look, `crowd-same-${count}`, { created_at });
      await look('delete from users where username = $1', [`crowd-late-${count - 1}`]);
    };
    const met = await forward(variables, 5, () => (count < 4 ? crowd() : Promise.resolve()));
    expect(new Set(met).size).toBe(met.length);
    expect(met.filter((name) => staying.includes(name)).sort()).toEqual([...staying].sort());
  });

  it('the total is counted only when somebody asks', async () => {
    const counts = (statements: string[]) =>
      statements.filter((text) => /count\(/i.test(text) && text.includes('users')).length;
    expect(counts(await statementsOf(() => house.users({ filter, first: 5 }, PAGE)))).toBe(0);
    let answer: Answer | undefined;
    const asked = await statementsOf(
      async () => (answer = await house.users({ filter, first: 5 }, `totalCount ${PAGE}`)),
    );
    expect(counts(asked)).toBe(1);
    expect(answer?.data['users'].totalCount).toBe(25);
    const { edges } = await page({ filter, first: 10 });
    const later = await house.users({ filter, first: 5, after: edges[9]?.cursor }, 'totalCount');
    expect(later.data['users'].totalCount).toBe(25);
  });

  it('a page may be empty and at most a hundred long', async () => {
    const none = await page({ filter, first: 0 });
    expect(none).toMatchObject({
      nodes: [],
      pageInfo: { hasNextPage: true, startCursor: null, endCursor: null },
    });
    expect(namesOf(await page({ filter, first: 100 }))).toHaveLength(25);
    const both = await house.users({ first: 101, last: 5 });
    expect([codeOf(both), fieldsOf(both)]).toEqual(['BAD_USER_INPUT', ['first']]);
    for (const size of [101, -1, 1_000_000, 2_147_483_647])
      for (const name of ['first', 'last']) {
        const answer = await house.users({ [name]: size });
        expect([size, codeOf(answer), fieldsOf(answer)]).toEqual([size, 'BAD_USER_INPUT', [name]]);
      }
  });
});

describe('a cursor that is not from this list', () => {
  const written = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const at = '2020-01-01T00:00:00.000Z';
  const forged: [what: string, cursor: string][] = [
    ['nothing', ''],
    ['garbage', 'garbage'],
    ['bytes', '\u0000\ud800'],
    ['no JSON', Buffer.from('[').toString('base64url')],
    ['null', written(null)],
    ['an object', written({ name: 'CREATED_AT' })],
    ['too few parts', written(['CREATED_AT', at])],
    ['too many parts', written(['CREATED_AT', at, UNKNOWN, 1])],
    ['another order', written(['USERNAME', 'ana', UNKNOWN])],
    ['another list', written(['rank', '10', UNKNOWN])],
    ['no id', written(['CREATED_AT', at, 'x'])],
    ['an SQL id', written(['CREATED_AT', at, "' or 1=1 --"])],
    ['numbers', written(['CREATED_AT', 1, UNKNOWN])],
    ['no moment', written(['CREATED_AT', 'yesterday', UNKNOWN])],
    ['SQL', written(['CREATED_AT', "2020-01-01T00:00:00Z'; drop table users", UNKNOWN])],
    ['a day that is not', written(['CREATED_AT', '2020-02-30T00:00:00.000Z', UNKNOWN])],
    ['an hour that is not', written(['CREATED_AT', '2020-01-01T24:00:00.000Z', UNKNOWN])],
    ['a year that is not', written(['CREATED_AT', '0000-01-01T00:00:00.000Z', UNKNOWN])],
    ['too many digits', written(['CREATED_AT', '2020-01-01T00:00:00.000000000000Z', UNKNOWN])],
    ['a name with NUL', written(['USERNAME', 'a\u0000', UNKNOWN])],
  ];

  it.each(forged)('%s: refused by name, and nothing breaks', async (_, cursor) => {
    for (const name of ['after', 'before']) {
      const answer = await house.users({ [name]: cursor });
      expect([codeOf(answer), fieldsOf(answer)]).toEqual(['BAD_USER_INPUT', [name]]);
    }
  });

  it('half a character and NUL are no username either', async () => {
    for (const value of ['a\u0000b', '\ud800'])
      expect(
        codeOf(
          await house.users({ after: written(['USERNAME', value, UNKNOWN]), orderBy: { field: 'USERNAME' } }),
        ),
      ).toBe('BAD_USER_INPUT');
  });

  it('a cursor of one order is refused in another', async () => {
    const byName = await page({ first: 1, orderBy: { field: 'USERNAME' } });
    const answer = await house.users({ after: byName.pageInfo.endCursor, orderBy: { field: 'EMAIL' } });
    expect([codeOf(answer), fieldsOf(answer)]).toEqual(['BAD_USER_INPUT', ['after']]);
  });
});

describe('the other lists', () => {
  it('roles, highest rank first, each once, ties and all', async () => {
    for (let at = 0; at < 6; at++) await house.createRole({ name: `tied-${at}`, rank: 7, permissions: [] });
    const read = async (after: string | null) =>
      app.graphql(
        'query ($a: String) { roles(first: 4, after: $a) { totalCount nodes { name rank } pageInfo { hasNextPage endCursor } } }',
        { a: after },
        { bearer: owner.access },
      );
    const seen: { name: string; rank: number }[] = [];
    for (let after: string | null = null, more = true; more;) {
      const { data } = await read(after);
      seen.push(...data['roles'].nodes);
      expect(data['roles'].totalCount).toBe(10);
      [after, more] = [data['roles'].pageInfo.endCursor, data['roles'].pageInfo.hasNextPage];
    }
    expect(seen.map(({ rank }) => rank)).toEqual([100, 30, 20, 10, 7, 7, 7, 7, 7, 7]);
    expect(new Set(seen.map(({ name }) => name)).size).toBe(10);
    const forged = Buffer.from(JSON.stringify(['rank', '99999999999', UNKNOWN])).toString('base64url');
    expect(codeOf(await read(forged))).toBe('BAD_USER_INPUT');
  });

  it('one’s own sessions, newest first, only those that live', async () => {
    const ana = await join(app);
    const sessions = [ana, ...(await Promise.all([1, 2, 3, 4].map(() => enter(app, ana))))];
    const ended = sessions[2]?.sessionId ?? '';
    await actingAs(app, ana).revokeSession(ended);
    const seen: string[] = [];
    for (let after: string | null = null, more = true; more;) {
      const { data } = await app.graphql(
        'query ($a: String) { me { sessions(first: 3, after: $a) { totalCount nodes { id current } pageInfo { hasNextPage endCursor } } } }',
        { a: after },
        { bearer: ana.access },
      );
      const read = data['me'].sessions;
      seen.push(...read.nodes.map((session: { id: string }) => session.id));
      expect(read.totalCount).toBe(4);
      [after, more] = [read.pageInfo.endCursor, read.pageInfo.hasNextPage];
    }
    expect([...seen].sort()).toEqual(
      sessions
        .map(({ sessionId }) => sessionId)
        .filter((id) => id !== ended)
        .sort(),
    );
    expect(seen.at(-1)).toBe(ana.sessionId);
  });

  it.each(['{ roles(first: 101) { nodes { id } } }', '{ me { sessions(first: -1) { nodes { id } } } }'])(
    '%s is refused',
    async (query) => {
      const answer = await app.graphql(query, {}, { bearer: owner.access });
      expect([codeOf(answer), fieldsOf(answer)]).toEqual(['BAD_USER_INPUT', ['first']]);
    },
  );
});
