import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { as, startSupergraph, type Supergraph } from './supergraph.js';

const ME_WITH_NOTES = '{ me { id username notes { text } } }';
const ADD_NOTE = 'mutation ($text: String!) { addNote(text: $text) { id author { id username } } }';
const NOTES = '{ notes { text author { id username firstName lastName } } }';
const VERIFY = 'query ($token: String!) { verifyToken(token: $token) { valid reason subject { id type } } }';
const SIGN_IN = `mutation ($input: SignInInput!) {
  signIn(input: $input) { ... on AuthPayload { accessToken refreshToken } }
}`;
const REFRESH = 'mutation ($token: String!) { refresh(refreshToken: $token) { accessToken refreshToken } }';

let graph: Supergraph;

beforeAll(async () => {
  graph = await startSupergraph();
});
afterAll(() => graph.close());

describe('through the gateway', () => {
  it('a person signs up, signs in, refreshes, reads her notes beside her name, and is trusted until she revokes', async () => {
    const ana = await graph.signUp('Ana');
    const signedIn = await graph.ask(SIGN_IN, { input: { login: ana.email, password: ana.password } });
    const refreshed = await graph.ask(REFRESH, { token: signedIn.data.signIn.refreshToken });
    const { accessToken } = refreshed.data.refresh;

    const note = await graph.ask(ADD_NOTE, { text: 'Hello' }, as({ accessToken }));
    expect(note.data.addNote.author).toEqual({ id: ana.id, username: ana.username });
    const me = await graph.ask(ME_WITH_NOTES, {}, as({ accessToken }));
    expect(me).toMatchObject({
      status: 200,
      errors: [],
      data: { me: { id: ana.id, username: ana.username, notes: [{ text: 'Hello' }] } },
    });

    const before = await graph.ask(VERIFY, { token: accessToken });
    expect(before.data.verifyToken).toEqual({
      valid: true,
      reason: null,
      subject: { id: ana.id, type: 'USER' },
    });
    const revoked = await graph.ask('mutation ($t: String!) { revoke(token: $t) }', { t: accessToken });
    expect(revoked.data).toEqual({ revoke: true });
    const after = await graph.ask(VERIFY, { token: accessToken });
    expect(after.data.verifyToken).toEqual({ valid: false, reason: 'REVOKED', subject: null });
    const nobody = await graph.ask('{ me { id } }', {}, as({ accessToken }));
    expect(nobody.data).toEqual({ me: null });
    expect(nobody.errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
  });

  it('anybody may read who wrote a note, and nothing private about them', async () => {
    const bo = await graph.signUp('Bo');
    const { id } = (await graph.ask(ADD_NOTE, { text: 'Seen by all' }, as(bo))).data.addNote;

    const open = await graph.ask(
      'query ($id: ID!) { note(id: $id) { text author { id username firstName lastName } } }',
      { id },
    );
    expect(open.errors).toEqual([]);
    expect(open.data.note.author).toEqual({
      id: bo.id,
      username: bo.username,
      firstName: 'Bo',
      lastName: 'Li',
    });

    const curious = await graph.ask('query ($id: ID!) { note(id: $id) { text author { id email phone } } }', {
      id,
    });
    expect(curious.data.note).toEqual({
      text: 'Seen by all',
      author: { id: bo.id, email: null, phone: null },
    });
    expect(curious.errors.map((error) => error.extensions.code)).toEqual(['FORBIDDEN', 'FORBIDDEN']);
  });

  it('a writer sees her own private fields beside a note, another person does not', async () => {
    const [cleo, dan] = [await graph.signUp('Cleo'), await graph.signUp('Dan')];
    const { id } = (await graph.ask(ADD_NOTE, { text: 'Mine' }, as(cleo))).data.addNote;
    const email = 'query ($id: ID!) { note(id: $id) { author { email } } }';

    expect((await graph.ask(email, { id }, as(cleo))).data.note.author.email).toBe(cleo.email);
    expect((await graph.ask(email, { id }, as(dan))).data.note.author.email).toBeNull();
  });

  it('a writer who deleted her account stays in the list as a tombstone, so that the others keep their notes', async () => {
    const [eve, finn] = [await graph.signUp('Eve'), await graph.signUp('Finn')];
    await graph.ask(ADD_NOTE, { text: 'by Eve' }, as(eve));
    await graph.ask(ADD_NOTE, { text: 'by Finn' }, as(finn));
    const gone = await graph.ask(
      'mutation ($p: String!) { deleteMe(password: $p) }',
      { p: eve.password },
      as(eve),
    );
    expect(gone).toMatchObject({ errors: [], data: { deleteMe: true } });

    const { data, errors } = await graph.ask(NOTES);
    expect(errors).toEqual([]);
    expect(data.notes).toContainEqual({
      text: 'by Eve',
      author: { id: eve.id, username: 'deleted', firstName: '', lastName: null },
    });
    expect(data.notes).toContainEqual(
      expect.objectContaining({
        text: 'by Finn',
        author: expect.objectContaining({ username: finn.username }),
      }),
    );
  });

  it('a form learns what was wrong and with which field', async () => {
    const gus = await graph.signUp('Gus');
    const input = { firstName: 'Gus', lastName: 'Li', country: 'PT', birthDate: '1990-01-31' };
    const signUp = 'mutation ($input: SignUpInput!) { signUp(input: $input) { __typename } }';
    const fresh = { username: 'gus-two', email: 'gus-two@example.test', password: 'a password nobody has' };

    const taken = await graph.ask(signUp, { input: { ...input, ...fresh, email: gus.email.toUpperCase() } });
    expect(taken.errors[0]).toMatchObject({
      message: 'Email already exists',
      extensions: { code: 'CONFLICT', fields: [{ name: 'email' }] },
    });
    const weak = await graph.ask(signUp, { input: { ...input, ...fresh, password: 'password' } });
    expect(weak.errors[0]?.extensions).toMatchObject({
      code: 'WEAK_PASSWORD',
      fields: [{ name: 'password' }],
    });
    const wrong = await graph.ask(SIGN_IN, {
      input: { login: gus.email, password: 'not the password of Gus' },
    });
    expect(wrong.errors[0]).toMatchObject({
      message: 'Invalid credentials',
      extensions: { code: 'INVALID_CREDENTIALS' },
    });
    expect(JSON.stringify([taken, weak, wrong])).not.toMatch(/stacktrace|node_modules|127\.0\.0\.1/);
  });

  it('a broken or spent Authorization header keeps nobody from signing in or refreshing', async () => {
    const hal = await graph.signUp('Hal');
    const spent = (await graph.ask(SIGN_IN, { input: { login: hal.email, password: hal.password } })).data
      .signIn;
    await graph.ask('mutation ($t: String!) { revoke(token: $t) }', { t: spent.accessToken });

    for (const authorization of [
      `Bearer ${spent.accessToken}`,
      'Bearer broken.to.ken',
      'Bearer',
      'Basic YTpi',
      '%%',
    ]) {
      const asking = { headers: { authorization } };
      const signedIn = await graph.ask(
        SIGN_IN,
        { input: { login: hal.email, password: hal.password } },
        asking,
      );
      expect(signedIn.errors).toEqual([]);
      const refreshed = await graph.ask(REFRESH, { token: signedIn.data.signIn.refreshToken }, asking);
      expect(refreshed.errors).toEqual([]);
    }
  });

  it('a header that names a user makes nobody that user', async () => {
    const ida = await graph.signUp('Ida');
    const names = { 'x-user-id': ida.id, 'x-gateway-user': ida.id, 'x-hasura-user-id': ida.id };
    const forged = { headers: { ...names, 'x-user-role': 'OWNER', 'x-internal-service': 'true' } };

    const me = await graph.ask('{ me { id } }', {}, forged);
    expect(me).toMatchObject({ data: { me: null }, errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
    const note = await graph.ask(ADD_NOTE, { text: 'not hers' }, forged);
    expect(note).toMatchObject({ data: {}, errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
    const users = await graph.ask('{ users { nodes { id } } }', {}, forged);
    expect(users.errors[0]?.extensions.code).toMatch(/^(UNAUTHENTICATED|FORBIDDEN)$/);
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
