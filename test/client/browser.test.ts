import { randomUUID } from 'node:crypto';
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache, Observable } from '@apollo/client';
import {
  createAuthLink,
  createSession,
  memoryStorage,
  type Session,
  type SessionChange,
} from '@authgraph/client/browser';
import { createMint } from '@authgraph/client/testing';
import { until } from '../harness/until.js';

/** The service, as far as a browser sees it; and a graph behind a gateway that wants its latest token. */
function makeService() {
  const mint = createMint();
  const state = {
    refreshToken: randomUUID(),
    accessToken: '',
    refreshes: 0,
    fault: undefined as string | undefined,
    isDown: false,
    asked: [] as { authorization: string | null; body: string; url: string }[],
    /** Answers to whatever shows one of these tokens come late. */
    late: new Map<string, Promise<Response>>(),
    who: { sub: randomUUID(), sid: randomUUID() },
  };
  const payload = (ttlSeconds = 900) => {
    state.refreshToken = randomUUID();
    state.accessToken = mint.token({ ttlSeconds, ...state.who });
    return { accessToken: state.accessToken, refreshToken: state.refreshToken, deviceToken: 'device-1' };
  };
  const fault = (code: string) =>
    Response.json({ errors: [{ message: code, extensions: { code } }], data: null });
  const answer = (query: string, variables: Record<string, string>) => {
    if (state.fault) return fault(state.fault);
    if (query.includes('signIn(')) state.who = { ...state.who, sid: randomUUID() };
    if (query.includes('signIn('))
      return Response.json({ data: { signIn: { __typename: 'AuthPayload', ...payload() } } });
    if (query.includes('revoke(')) return Response.json({ data: { revoke: true } });
    if (!query.includes('refresh(')) return undefined;
    state.refreshes++;
    if (variables['refreshToken'] !== state.refreshToken) return fault('REFRESH_TOKEN_REUSED');
    return Response.json({ data: { refresh: payload() } });
  };
  const fetching: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    const { url, headers } = request;
    const body = await request.text();
    state.asked.push({ authorization: headers.get('authorization'), body, url });
    const late = state.late.get(headers.get('authorization')?.slice('Bearer '.length) ?? '');
    if (late) return late;
    if (state.isDown) throw new TypeError('fetch failed');
    const { query = '', variables = {} } = JSON.parse(body || '{}') as {
      query?: string;
      variables?: Record<string, string>;
    };
    const own = answer(query, variables);
    if (own) return own;
    const isGood = headers.get('authorization') === `Bearer ${state.accessToken}`;
    return isGood
      ? Response.json({ data: { me: { id: '1', __typename: 'User' } } })
      : fault('UNAUTHENTICATED');
  };
  return { state, fetching, payload, fault };
}

const url = 'https://gateway.test/graphql';
const sessions: Session[] = [];
afterEach(() => {
  for (const session of sessions.splice(0)) session.close();
});

/** A tab: its sessions share what the browser keeps. */
function openTab(service: ReturnType<typeof makeService>, storage = memoryStorage(), name = randomUUID()) {
  const changes: SessionChange[] = [];
  let offset = 0;
  const session = createSession({
    url,
    storage,
    name,
    fetch: service.fetching,
    now: () => Date.now() + offset,
  });
  session.subscribe((change) => changes.push(change));
  sessions.push(session);
  return { session, storage, name, changes, later: (seconds: number) => (offset += seconds * 1000) };
}

const ask = (session: Session) =>
  session.fetch(url, { method: 'POST', body: JSON.stringify({ query: '{ me { id } }' }) });
const CREDENTIALS = { login: 'ana', password: 'a password' };

test('whoever signs in is known by every request to the graph, and by none to anybody else', async () => {
  const service = makeService();
  const { session } = openTab(service);
  expect(await session.accessToken()).toBeUndefined();
  expect(await session.signIn(CREDENTIALS)).toEqual({ kind: 'signed-in' });
  expect(await (await ask(session)).json()).toMatchObject({ data: { me: { id: '1' } } });
  await session.fetch('https://elsewhere.test/', { method: 'POST', body: '{}' });
  expect(service.state.asked.map(({ authorization }) => authorization)).toEqual([
    null,
    `Bearer ${service.state.accessToken}`,
    null,
  ]);
});

test('a token goes by where a request is really sent: by the base of the page, and in whatever frame it was made', async () => {
  const page = globalThis as { document?: { baseURI: string } };
  const sent: (string | null)[] = [];
  const fetching: typeof fetch = (_input, init) => {
    sent.push(new Headers(init?.headers).get('authorization'));
    return Promise.resolve(Response.json({}));
  };
  page.document = { baseURI: 'https://elsewhere.test/' };
  try {
    const session = createSession({ url, storage: memoryStorage(), name: randomUUID(), fetch: fetching });
    sessions.push(session);
    await session.accept(makeService().payload());
    await session.fetch('/notes');
    await session.fetch({ url: 'https://elsewhere.test/', toString: () => '[object Request]' } as Request);
    await session.fetch(url);
  } finally {
    delete page.document;
  }
  expect(sent).toEqual([null, null, expect.stringMatching(/^Bearer /)]);
});

test('an answer that comes a line at a time is handed over before its end', async () => {
  const lines = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode('{"n":1}\n')),
  });
  const answer = new Response(lines, { headers: { 'content-type': 'application/x-ndjson' } });
  const fetching: typeof fetch = () => Promise.resolve(answer);
  const session = createSession({ url, storage: memoryStorage(), name: randomUUID(), fetch: fetching });
  sessions.push(session);
  await session.accept(makeService().payload());
  const reader = (await session.fetch(url)).body?.getReader();
  expect((await reader?.read())?.value).toHaveLength(8);
  await reader?.cancel();
});

test('a hundred requests when the token is due exchange it once, without showing the old one', async () => {
  const service = makeService();
  const { session, later } = openTab(service);
  await session.signIn(CREDENTIALS);
  later(850);
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => ask(session).then((answer) => answer.json())),
  );
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(answers[0]).toMatchObject({ data: { me: { id: '1' } } });
  expect(service.state.refreshes).toBe(1);
  expect(service.state.asked.find(({ body }) => body.includes('refresh('))?.authorization).toBeNull();
});

test('a token that is not taken is renewed, and the request repeated once', async () => {
  const service = makeService();
  const { session } = openTab(service);
  await session.signIn(CREDENTIALS);
  service.state.accessToken = 'another one';
  expect(await (await ask(session)).json()).toMatchObject({ data: { me: { id: '1' } } });
  expect(service.state.refreshes).toBe(1);
});

test.each(['REFRESH_TOKEN_REUSED', 'ACCOUNT_DELETED'])(
  '%s signs out, and the device stays known',
  async (code) => {
    const service = makeService();
    const { session, changes, later } = openTab(service);
    await session.signIn(CREDENTIALS);
    later(900);
    service.state.fault = code;
    expect(await session.accessToken()).toBeUndefined();
    expect(changes.at(-1)).toEqual({ type: 'signed-out', code });
    service.state.fault = undefined;
    await session.signIn(CREDENTIALS);
    expect(service.state.asked.at(-1)?.body).toContain('"deviceToken":"device-1"');
  },
);

test('an account that the graph says is deleted is signed out', async () => {
  const service = makeService();
  const { session, changes } = openTab(service);
  await session.signIn(CREDENTIALS);
  service.state.fault = 'ACCOUNT_DELETED';
  await ask(session);
  expect(changes.at(-1)).toEqual({ type: 'signed-out', code: 'ACCOUNT_DELETED' });
  expect(await session.accessToken()).toBeUndefined();
});

test('a service that is away signs nobody out', async () => {
  const service = makeService();
  const { session, later } = openTab(service);
  await session.signIn(CREDENTIALS);
  const token = service.state.accessToken;
  service.state.isDown = true;
  later(860);
  expect(await session.accessToken()).toBe(token);
  later(60);
  await expect(session.accessToken()).rejects.toMatchObject({ code: 'NETWORK' });
  service.state.isDown = false;
  expect(await session.accessToken()).toBe(service.state.accessToken);
});

test('what one tab does, the other has done', async () => {
  const service = makeService();
  const one = openTab(service);
  const other = openTab(service, one.storage, one.name);
  const heard = new Promise<SessionChange>((resolve) => other.session.subscribe(resolve));
  await one.session.signIn(CREDENTIALS);
  expect(await heard).toEqual({ type: 'signed-in' });
  expect(await other.session.accessToken()).toBe(service.state.accessToken);
  const gone = new Promise<SessionChange>((resolve) => one.session.subscribe(resolve));
  await other.session.signOut();
  expect(await gone).toEqual({ type: 'signed-out' });
  expect(await one.session.accessToken()).toBeUndefined();
  expect(service.state.asked.at(-1)?.body).toContain('revoke(');
});

/** Two tabs: in one, somebody's request is still under way when in the other somebody has signed in. */
async function askAndSignIn(send: (session: Session, fetching: typeof fetch) => Promise<unknown>) {
  const service = makeService();
  const one = openTab(service);
  const other = openTab(service, one.storage, one.name);
  await one.session.signIn(CREDENTIALS);
  let answer: (response: Response) => void = () => undefined;
  const first = service.state.accessToken;
  service.state.late.set(first, new Promise((resolve) => (answer = resolve)));
  const asking = send(one.session, service.fetching);
  const isFirst = ({ authorization }: { authorization: string | null }) =>
    authorization === `Bearer ${first}`;
  await until('it is under way', () => service.state.asked.some(isFirst));
  return { service, one, other, asking, late: (code: string) => answer(service.fault(code)) };
}

const byLink = (session: Session, fetching: typeof fetch) => {
  const link = ApolloLink.from([
    createAuthLink(session, { ApolloLink, Observable }),
    new HttpLink({ uri: url, fetch: fetching }),
  ]);
  return new ApolloClient({ link, cache: new InMemoryCache() })
    .query({ query: gql('{ me { id } }'), errorPolicy: 'all' })
    .catch(() => undefined);
};

test.each([
  ['fetch', ask],
  ['Apollo Client', byLink],
])(
  'who has signed in anew is not signed out by a late answer to who was there before: %s',
  async (_by, send) => {
    const { service, one, other, asking, late } = await askAndSignIn(send);
    await other.session.signOut();
    await other.session.signIn(CREDENTIALS);
    late('ACCOUNT_SUSPENDED');
    await asking;
    expect(await one.session.accessToken()).toBe(service.state.accessToken);
    expect(await other.session.accessToken()).toBe(service.state.accessToken);
    expect([...one.changes, ...other.changes].filter(({ code }) => code !== undefined)).toEqual([]);
  },
);

test('a session that was renewed meanwhile is ended by an answer to its token of before', async () => {
  const { one, other, asking, late } = await askAndSignIn(ask);
  other.later(850);
  await other.session.accessToken();
  late('ACCOUNT_DELETED');
  await asking;
  expect(await other.session.accessToken()).toBeUndefined();
  expect(one.changes.at(-1)).toEqual({ type: 'signed-out', code: 'ACCOUNT_DELETED' });
});

test.each([
  ['the same person', false],
  ['somebody else', true],
])('what is refused late is asked once more, and never as another person: %s', async (_who, isOther) => {
  const { service, other, asking, late } = await askAndSignIn(ask);
  await other.session.signOut();
  if (isOther) service.state.who = { sub: randomUUID(), sid: randomUUID() };
  await other.session.signIn(CREDENTIALS);
  late('UNAUTHENTICATED');
  await asking;
  const shown = service.state.asked
    .filter(({ body }) => body.includes('me {'))
    .map((one) => one.authorization);
  expect(shown.slice(1)).toEqual(isOther ? [] : [`Bearer ${service.state.accessToken}`]);
  expect(await other.session.accessToken()).toBe(service.state.accessToken);
});

test('Apollo Client asks with the token, once more where it was not taken', async () => {
  const service = makeService();
  const { session } = openTab(service);
  await session.signIn(CREDENTIALS);
  service.state.accessToken = 'another one';
  const link = ApolloLink.from([
    createAuthLink(session, { ApolloLink, Observable }),
    new HttpLink({ uri: url, fetch: service.fetching }),
  ]);
  const graph = new ApolloClient({ link, cache: new InMemoryCache() });
  const { data } = await graph.query({ query: gql('{ me { id } }') });
  expect(data).toMatchObject({ me: { id: '1' } });
  expect(service.state.refreshes).toBe(1);
});
