import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf, faultsOf, refresh, revoke, signIn, signUp, whoAmI } from '../harness/calls.js';
import { enter, join, newcomer, verify, type Person } from '../harness/people.js';
import { until } from '../harness/until.js';
import { notesToken, startGraph, type Graph } from './supergraph.js';

const GATEWAYS = ['apollo', 'hive'] as const;

let app: TestApp;
let graphs: Record<(typeof GATEWAYS)[number], Graph>;
let graph: Graph;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  const serviceToken = await notesToken(app);
  const [apollo, hive] = await Promise.all(
    GATEWAYS.map((engine) => startGraph(app, { engine, serviceToken })),
  );
  graphs = { apollo: apollo!, hive: hive! };
});
afterAll(async () => {
  await Promise.all(Object.values(graphs).map((each) => each.close()));
  await app.close();
});

const as = ({ access }: Pick<Person, 'access'>) => ({ bearer: access });

/** Writes a note; answers its id. */
async function write(person: Person, text: string): Promise<string> {
  const addNote = 'mutation ($text: String!) { addNote(text: $text) { id } }';
  const { data, body } = await graph.graphql(addNote, { text }, as(person));
  if (!data['addNote']) throw new Error(body);
  return data['addNote'].id;
}

/** Reads these fields of a note's author. */
const author = (id: string, fields: string, asking = {}) =>
  graph.graphql(`query ($id: ID!) { note(id: $id) { text author { ${fields} } } }`, { id }, asking);

/** What the second subgraph holds of whoever it believes the bearer to be. */
const myNotes = ({ access }: Pick<Person, 'access'>) =>
  graph.graphql('{ myNotes { text author { username } } }', {}, { bearer: access });

/** The same before anything is sent by fetch alone: for what the harness would not send. */
const post = (body: unknown, headers: Record<string, string> = {}) =>
  fetch(graph.gateway.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

/** Sends each of these as an Authorization header of its own, which fetch does not. @returns the body of the answer */
async function sendTwice(authorization: string[], query: string): Promise<string> {
  const sent = request(graph.gateway.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  });
  sent.setHeader('authorization', authorization);
  sent.end(JSON.stringify({ query }));
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return text(response);
}

describe.each(GATEWAYS)('through the gateway %s', (engine) => {
  beforeAll(() => {
    graph = graphs[engine];
  });

  it('a person signs up, signs in, refreshes, reads her notes beside her name, and is trusted until she revokes', async () => {
    const ana = await enter(graph, await join(graph));
    const { access } = await refresh(graph, ana.refresh);

    await write({ ...ana, access }, 'Hello');
    const me = await graph.graphql('{ me { id username notes { text } } }', {}, { bearer: access });
    expect(me.errors).toEqual([]);
    expect(me.data).toEqual({ me: { id: ana.id, username: ana.username, notes: [{ text: 'Hello' }] } });

    expect(await verify(graph, access)).toEqual({ valid: true, reason: null });
    expect((await revoke(graph, access)).data).toEqual({ revoke: true });
    expect(await verify(graph, access)).toEqual({ valid: false, reason: 'REVOKED' });
    const nobody = await whoAmI(graph, access);
    expect(nobody.data).toEqual({ me: null });
    expect(codeOf(nobody)).toBe('UNAUTHENTICATED');
  });

  it('the second subgraph knows its people by itself, and refuses a token as soon as it is revoked', async () => {
    const kim = await join(graph);
    await write(kim, 'Mine');
    const { username } = kim;
    expect((await myNotes(kim)).data).toEqual({ myNotes: [{ text: 'Mine', author: { username } }] });

    await revoke(graph, kim.access);
    const refused = await until('the revocation is heard of', async () => {
      const answer = await myNotes(kim);
      return answer.data['myNotes'] === null ? answer : undefined;
    });
    expect(codeOf(refused)).toBe('UNAUTHENTICATED');
    expect(codeOf(await graph.graphql('mutation { addNote(text: "more") { id } }', {}, as(kim)))).toBe(
      'UNAUTHENTICATED',
    );
  });

  it('nobody is anybody by what stands beside an operation, nor sends it elsewhere', async () => {
    const leo = await join(graph);
    const extensions = {
      headers: { authorization: `Bearer ${leo.access}` },
      jwt: { payload: { sub: leo.id }, token: { value: leo.access, prefix: 'Bearer' } },
      endpoint: 'http://127.0.0.1:9/graphql',
    };
    const answer = await post({ query: '{ me { id } }', extensions });
    expect(await answer.json()).toMatchObject({
      data: { me: null },
      errors: [{ extensions: { code: 'UNAUTHENTICATED' } }],
    });
  });

  it('a bearer by a key that nobody knows is nobody’s, and no fault of the server', async () => {
    const header = Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid: 'unknown' }));
    const bearer = `${header.toString('base64url')}.e30.AAAA`;
    const answer = await whoAmI(graph, bearer);
    expect([answer.status, codeOf(answer)]).toEqual([200, 'UNAUTHENTICATED']);
  });

  it('a list of operations is refused whole: it would be many guesses at the price of one', async () => {
    const answer = await post([{ query: '{ __typename }' }, { query: '{ __typename }' }]);
    expect(answer.status).toBe(400);
  });

  it('what the auth service would not take is not taken here', async () => {
    const answer = await post({ query: `{ __typename } # ${'x'.repeat(101 * 1024)}` });
    expect(answer.status).toBe(413);
  });

  it('anybody may read who wrote a note, and nothing private about them', async () => {
    const bo = await join(graph, { firstName: 'Bo' });
    const note = await write(bo, 'Seen by all');

    const open = await author(note, 'id username firstName lastName');
    expect(open.errors).toEqual([]);
    expect(open.data['note'].author).toEqual({
      id: bo.id,
      username: bo.username,
      firstName: 'Bo',
      lastName: 'Li',
    });
    const curious = await author(note, 'id email phone');
    expect(curious.data['note']).toEqual({
      text: 'Seen by all',
      author: { id: bo.id, email: null, phone: null },
    });
    expect(curious.errors.map((error) => error.extensions.code)).toEqual(['FORBIDDEN', 'FORBIDDEN']);
  });

  it('a writer sees her own private fields beside a note, another person does not', async () => {
    const [cleo, dan] = [await join(graph), await join(graph)];
    const note = await write(cleo, 'Mine');

    expect((await author(note, 'email', as(cleo))).data['note'].author.email).toBe(cleo.email);
    const prying = await author(note, 'email', as(dan));
    expect(prying.data['note'].author.email).toBeNull();
    expect(codeOf(prying)).toBe('FORBIDDEN');
  });

  it('a writer who deleted her account stays in the list as a tombstone, so that the others keep their notes', async () => {
    const [eve, finn] = [await join(graph), await join(graph)];
    await write(eve, 'by Eve');
    await write(finn, 'by Finn');
    const deleteMe = 'mutation ($p: String!) { deleteMe(password: $p) }';
    expect((await graph.graphql(deleteMe, { p: eve.password }, as(eve))).data).toEqual({ deleteMe: true });

    const { data, errors } = await graph.graphql('{ notes { text author { id username firstName } } }');
    expect(errors).toEqual([]);
    const tombstone = { id: eve.id, username: 'deleted', firstName: '' };
    expect(data['notes']).toContainEqual({ text: 'by Eve', author: tombstone });
    expect(data['notes']).toContainEqual({
      text: 'by Finn',
      author: { id: finn.id, username: finn.username, firstName: 'Ana' },
    });
  });

  it('a form learns what was wrong and with which field', async () => {
    const gus = await join(graph);

    const taken = await signUp(graph, newcomer({ email: gus.email.toUpperCase() }));
    expect([codeOf(taken), taken.errors[0]?.message]).toEqual(['CONFLICT', 'Email already exists']);
    expect(faultsOf(taken)).toEqual(['email']);
    const weak = await signUp(graph, newcomer({ password: 'password' }));
    expect([codeOf(weak), ...faultsOf(weak)]).toEqual(['WEAK_PASSWORD', 'password']);
    const wrong = await signIn(graph, gus.email, 'not the password of Gus');
    expect([codeOf(wrong), wrong.errors[0]?.message]).toEqual(['INVALID_CREDENTIALS', 'Invalid credentials']);
    for (const { body } of [taken, weak, wrong]) expect(body).not.toMatch(/stack|node_modules|127\.0\.0\.1/);
  });

  it('a broken or spent Authorization header keeps nobody from signing in or refreshing', async () => {
    const hal = await join(graph);
    await revoke(graph, hal.access);

    for (const authorization of [
      `Bearer ${hal.access}`,
      'Bearer broken.to.ken',
      'Bearer',
      'Basic YTpi',
      '%',
    ]) {
      const asking = { headers: { authorization } };
      const signedIn = await signIn(graph, hal.email, hal.password, asking);
      expect(codeOf(signedIn)).toBeUndefined();
      const refreshed = await refresh(graph, signedIn.data['signIn'].refreshToken, asking);
      expect(refreshed.code).toBeUndefined();
    }
  });

  it('two Authorization headers are nobody, whichever of them comes first', async () => {
    const jo = await join(graph);
    const good = `Bearer ${jo.access}`;
    for (const authorization of [
      [good, 'Bearer broken.to.ken'],
      [good, good],
      ['Basic YTpi', good],
    ]) {
      const body = await sendTwice(authorization, '{ me { id } }');
      expect(body).toContain('UNAUTHENTICATED');
      expect(body).not.toContain(jo.id);
    }
    expect(await sendTwice([good], '{ me { id } }')).toContain(jo.id);
  });

  it('a session shows the browser of the person, not the gateway between', async () => {
    const ira = await join(graph);
    const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
    const { data } = await signIn(graph, ira.email, ira.password, { headers: { 'user-agent': firefox } });
    const bearer = data['signIn'].accessToken;
    const me = await graph.graphql('{ me { sessions { nodes { device current } } } }', {}, { bearer });
    expect(me.data['me'].sessions.nodes).toContainEqual({ device: 'Firefox on Linux', current: true });
  });

  it('a header that names a user makes nobody that user', async () => {
    const ida = await join(graph);
    const names = { 'x-user-id': ida.id, 'x-gateway-user': ida.id, 'x-hasura-user-id': ida.id };
    const forged = { headers: { ...names, 'x-user-role': 'OWNER', 'x-internal-service': 'true' } };

    const operations = [
      '{ me { id } }',
      '{ users { nodes { id } } }',
      'mutation { addNote(text: "hers?") { id } }',
    ];
    for (const operation of operations) {
      const answer = await graph.graphql(operation, {}, forged);
      expect(codeOf(answer)).toBe('UNAUTHENTICATED');
      expect(Object.values(answer.data).filter(Boolean)).toEqual([]);
    }
  });

  it('a form on another site cannot make the gateway act', async () => {
    const body = JSON.stringify({ query: '{ __typename }' });
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
    ]) {
      const answer = await fetch(graph.gateway.url, {
        method: 'POST',
        headers: { 'content-type': type },
        body,
      });
      expect(answer.status).toBe(400);
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    }
    const get = await fetch(`${graph.gateway.url}?query=${encodeURIComponent('{ __typename }')}`);
    expect(get.status).toBe(405);
  });
});

describe('while the auth service is away', () => {
  const people = new Map<string, Person>();
  beforeAll(async () => {
    for (const engine of GATEWAYS) people.set(engine, await join(graphs[engine]));
    await app.close();
  });

  it.each(GATEWAYS)('through %s, the second subgraph goes on, and the rest says so', async (engine) => {
    graph = graphs[engine];
    const person = people.get(engine)!;
    const own = await graph.graphql('{ myNotes { id } }', {}, as(person));
    expect([own.errors, own.data]).toEqual([[], { myNotes: [] }]);

    const { email, password } = person;
    for (const gone of [await whoAmI(graph, person.access), await signIn(graph, email, password)]) {
      expect(codeOf(gone)).toBe('SERVICE_UNAVAILABLE');
      expect(gone.body).not.toMatch(/127\.0\.0\.1|ECONNREFUSED|stack/);
      expect(gone.body).not.toContain(password);
    }
  });
});
