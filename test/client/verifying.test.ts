import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  authenticate,
  createAuthClient,
  requireSelf,
  type AuthClient,
  type AuthClientOptions,
  type ClientEvent,
  type TokenVerification,
} from '@authgraph/client';
import { createMint, startFakeAuth, type FakeAuth } from '@authgraph/client/testing';
import {
  createNoopMeter,
  INVALID_SPAN_CONTEXT,
  metrics,
  SpanStatusCode,
  trace,
  type Attributes,
  type Tracer,
} from '@opentelemetry/api';
import { openTransport } from '../../packages/client/src/transport.js';
import { until } from '../harness/until.js';

let auth: FakeAuth;
let clock: ReturnType<typeof movableClock>;
const clients: AuthClient[] = [];

beforeEach(async () => {
  clock = movableClock();
  auth = await startFakeAuth({ now: clock.now });
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await auth.close();
});

/** A clock that tests can move; it goes on by itself as well. */
function movableClock() {
  let offset = 0;
  return {
    now: () => Date.now() + offset,
    monotonic: () => performance.now() + offset,
    advance: (seconds: number) => {
      offset += seconds * 1000;
    },
  };
}

/** A client that hears, and what it tells. */
async function clientOf(options: AuthClientOptions = {}) {
  const events: ClientEvent[] = [];
  const client = createAuthClient({
    ...{ url: auth.url, serviceToken: auth.serviceToken, clock, onEvent: (event) => events.push(event) },
    ...options,
  });
  clients.push(client);
  await client.ready();
  return {
    client,
    events,
    modes: () => events.flatMap((event) => (event.type === 'mode' ? [event.mode] : [])),
  };
}

const asksOf = () => auth.asked.filter((what) => what.startsWith('VerifyTokens'));

/** No more heartbeats, and time goes by: what was heard is too old. */
async function deafen(client: AuthClient) {
  auth.feed.beat(false);
  auth.feed.cut();
  clock.advance(11);
  await until('the client knows that it is deaf', () => client.status().mode !== 'local');
}

describe('a token of the service', () => {
  test('is believed without a question, and the answer is that of the service', async () => {
    const { client } = await clientOf();
    const token = auth.token({ roles: ['STAFF', 'USER'], permissions: ['records:read'] });
    const here = await client.verify(token);
    expect(asksOf()).toEqual([]);
    expect(here).toMatchObject({
      valid: true,
      subject: { type: 'USER', role: 'STAFF', permissions: ['records:read'] },
    });
    expect(here).toEqual(await client.verifyRemote(token));
  });

  test('is measured by the permissions that are asked for', async () => {
    const { client } = await clientOf();
    const token = auth.token({ permissions: ['records:read'] });
    expect((await client.verify(token, { requires: ['records:read'] })).valid).toBe(true);
    const lacking = await client.verify(token, { requires: ['records:read', 'records:write'] });
    expect(lacking).toMatchObject({ valid: false, reason: 'MISSING_PERMISSION', subject: null, scopes: [] });
  });

  test('is not believed a second longer than it may be, however often it was', async () => {
    const { client } = await clientOf();
    const token = auth.token({ ttlSeconds: 60 });
    expect((await client.verify(token)).valid).toBe(true);
    // Heartbeats go on meanwhile, by the same clock.
    clock.advance(60);
    await client.ready();
    expect((await client.verify(token)).valid).toBe(true);
    clock.advance(6);
    expect(await client.verify(token)).toMatchObject({ valid: false, reason: 'EXPIRED' });
  });

  test.each(['ES256', 'EdDSA', 'RS256'] as const)('may be signed by %s', async (algorithm) => {
    await auth.close();
    auth = await startFakeAuth({ algorithm });
    const { client } = await clientOf();
    expect((await client.verify(auth.token())).valid).toBe(true);
    expect(asksOf()).toEqual([]);
  });
});

describe('what is no token of the service', () => {
  const now = () => Math.floor(clock.now() / 1000);
  const pick = (token: string, at: number) => token.split('.')[at] ?? '';
  const swap = (token: string, at: number, part: string) =>
    token
      .split('.')
      .map((old, i) => (i === at ? part : old))
      .join('.');
  const nonCanonical = (token: string) => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    return token.slice(0, -1) + alphabet.charAt(alphabet.indexOf(token.slice(-1)) + 1);
  };
  const stranger = createMint();
  const forgeries: [string, string, () => string][] = [
    ['nothing', 'MALFORMED', () => ''],
    ['three words', 'MALFORMED', () => 'not.a.token'],
    ['one too long', 'MALFORMED', () => auth.token({ claims: { padding: 'x'.repeat(8200) } })],
    [
      'a newline in its signature',
      'MALFORMED',
      () => `${auth.token().slice(0, -3)}\n${auth.token().slice(-3)}`,
    ],
    ['another spelling of the same signature', 'MALFORMED', () => nonCanonical(auth.token())],
    ['no signature', 'MALFORMED', () => swap(auth.token(), 2, '')],
    ['alg none', 'UNTRUSTED_SIGNATURE', () => auth.token({ header: { alg: 'none' } })],
    ['another algorithm', 'UNTRUSTED_SIGNATURE', () => auth.token({ header: { alg: 'RS256' } })],
    ['a key of its own', 'MALFORMED', () => auth.token({ header: { jwk: stranger.jwks().keys[0] } })],
    ['a critical extension', 'MALFORMED', () => auth.token({ header: { crit: ['x'] } })],
    ['the type of another kind of token', 'WRONG_TYPE', () => auth.token({ header: { typ: 'JWT' } })],
    ['no type', 'WRONG_TYPE', () => auth.token({ header: { typ: undefined } })],
    ['no kid', 'MALFORMED', () => auth.token({ header: { kid: undefined } })],
    ['a kid that is too long', 'MALFORMED', () => auth.token({ header: { kid: 'k'.repeat(65) } })],
    [
      'the signature of another token',
      'UNTRUSTED_SIGNATURE',
      () => swap(auth.token(), 2, pick(auth.token(), 2)),
    ],
    ['another body', 'UNTRUSTED_SIGNATURE', () => swap(auth.token(), 1, pick(auth.token(), 1))],
    ['no expiry', 'MALFORMED', () => auth.token({ claims: { exp: undefined } })],
    ['an expiry in words', 'MALFORMED', () => auth.token({ claims: { exp: String(now() + 60) } })],
    ['a life beyond the longest', 'MALFORMED', () => auth.token({ ttlSeconds: 7201 })],
    ['no session', 'MALFORMED', () => auth.token({ claims: { sid: undefined } })],
    ['another audience', 'WRONG_AUDIENCE', () => auth.token({ claims: { aud: 'other' } })],
    [
      'a time that has not come',
      'NOT_YET_VALID',
      () => auth.token({ claims: { iat: now() + 60, exp: now() + 120 } }),
    ],
    ['nbf in the future', 'NOT_YET_VALID', () => auth.token({ claims: { nbf: now() + 60 } })],
    ['its time over', 'EXPIRED', () => auth.token({ claims: { iat: now() - 120, exp: now() - 6 } })],
  ];

  test('is refused for the reason that the service would tell', async () => {
    const { client } = await clientOf({ foreignIssuers: 'refuse' });
    const found = [];
    for (const [what, reason, forge] of forgeries) {
      const answer = await client.verify(forge());
      expect(answer.valid).toBe(false);
      found.push([what, reason, answer.reason]);
    }
    expect(found).toEqual(forgeries.map(([what, reason]) => [what, reason, reason]));
    const foreign = await client.verify(auth.token({ claims: { iss: `${auth.issuer}/` } }));
    expect(foreign.reason).toBe('UNTRUSTED_ISSUER');
    expect(asksOf()).toEqual([]);
  });

  test('costs one fetch of the keys in half a minute, however many come', async () => {
    const { client } = await clientOf();
    const fetched = () => auth.asked.filter((what) => what === 'jwks').length;
    const before = fetched();
    const flood = Array.from({ length: 50 }, () => auth.token({ header: { kid: randomUUID() } }));
    const answers = await Promise.all(flood.map((token) => client.verify(token)));
    expect(new Set(answers.map(({ reason }) => reason))).toEqual(new Set(['UNTRUSTED_SIGNATURE']));
    expect(fetched() - before).toBe(1);
    clock.advance(31);
    await client.verify(auth.token({ header: { kid: randomUUID() } }));
    expect(fetched() - before).toBe(2);
  });

  test('is for the service to judge where another issuer signed it', async () => {
    const { client } = await clientOf();
    await client.verify(auth.token({ claims: { iss: 'https://elsewhere.test' } }));
    expect(asksOf()).toEqual(['VerifyTokens(1)']);
  });
});

describe('a token of another issuer', () => {
  const elsewhere = 'https://elsewhere.test';
  const theirs = () => auth.token({ claims: { iss: elsewhere } });
  const answerOf = (token: string, more: Partial<TokenVerification> = {}): TokenVerification => ({
    ...{ valid: true, reason: null, service: null, sessionId: null, issuer: elsewhere },
    subject: {
      ...{ id: `${elsewhere}#ana`, type: 'EXTERNAL', externalId: 'ana', username: null, email: null },
      ...{ role: null, roles: [], permissions: ['records:read'] },
    },
    ...{ scopes: ['records:read'], expiresAt: new Date(expiryOf(token) * 1000).toISOString(), ...more },
  });
  const expiryOf = (token: string) =>
    (JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { exp: number }).exp;
  const no = (reason: TokenVerification['reason']): TokenVerification => ({
    ...{ valid: false, reason, subject: null, service: null, sessionId: null, issuer: null },
    ...{ scopes: [], expiresAt: null },
  });

  test('is asked about once in a moment, and again when it is over, late or its end', async () => {
    const { client } = await clientOf();
    auth.answerWith(answerOf);
    const token = theirs();
    for (let times = 0; times < 3; times++)
      expect(await client.verify(token, { requires: ['records:read'] })).toMatchObject({
        valid: true,
        subject: { id: `${elsewhere}#ana`, type: 'EXTERNAL', externalId: 'ana' },
      });
    expect((await client.verify(token, { requires: ['records:write'] })).reason).toBe('MISSING_PERMISSION');
    expect(asksOf()).toHaveLength(1);
    clock.advance(6);
    await client.ready();
    await client.verify(token);
    expect(asksOf()).toHaveLength(2);
    const ending = auth.token({ claims: { iss: elsewhere }, ttlSeconds: 2 });
    expect((await client.verify(ending)).valid).toBe(true);
    clock.advance(3);
    auth.answerWith(() => no('EXPIRED'));
    expect((await client.verify(ending)).reason).toBe('EXPIRED');
  });

  test('is asked about again after a no, and where services have changed', async () => {
    const { client } = await clientOf();
    const token = theirs();
    auth.answerWith(() => no('ISSUER_UNAVAILABLE'));
    for (let times = 0; times < 2; times++)
      expect((await client.verify(token)).reason).toBe('ISSUER_UNAVAILABLE');
    auth.answerWith(answerOf);
    expect((await client.verify(token)).valid).toBe(true);
    expect(asksOf()).toHaveLength(3);
    auth.answerWith(() => no('UNTRUSTED_ISSUER'));
    auth.feed.revoke({ kind: 'catalogue', of: 'services' });
    const reason = () => client.verify(token).then((answer) => answer.reason ?? undefined);
    expect(await until('it is heard', reason)).toBe('UNTRUSTED_ISSUER');
  });

  test('is trusted by nobody who cannot ask, however lately it was', async () => {
    const { client } = await clientOf({ retries: 0, onUnavailable: { trustForSeconds: 300 } });
    auth.answerWith(answerOf);
    const token = theirs();
    expect((await client.verify(token)).valid).toBe(true);
    auth.fail(true);
    clock.advance(11);
    await expect(client.verify(token)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
  });

  test('may be asked about for the issuers alone that are named', async () => {
    const { client } = await clientOf({ foreignIssuers: [elsewhere] });
    auth.answerWith(answerOf);
    expect((await client.verify(theirs())).valid).toBe(true);
    const stranger = auth.token({ claims: { iss: 'https://stranger.test' } });
    expect((await client.verify(stranger)).reason).toBe('UNTRUSTED_ISSUER');
    expect(asksOf()).toHaveLength(1);
  });

  test('is not trusted for an issuer that is not named, whatever the service says of it', async () => {
    auth.answerWith(answerOf);
    // Without keys a client can tell no token from another, and asks.
    const withoutKeys: typeof fetch = (input, init) =>
      new Request(input).url.endsWith('jwks.json') ? Promise.reject(new Error('away')) : fetch(input, init);
    const options = { url: auth.url, serviceToken: auth.serviceToken, fetch: withoutKeys };
    for (const [foreignIssuers, expected] of [
      ['refuse', 'UNTRUSTED_ISSUER'],
      [['https://stranger.test'], 'UNTRUSTED_ISSUER'],
      [[elsewhere], null],
    ] as const) {
      const client = createAuthClient({ ...options, foreignIssuers });
      clients.push(client);
      const answers = await Promise.all([client.verify(theirs()), client.verifyRemote(theirs())]);
      expect(answers.map(({ reason }) => reason)).toEqual([expected, expected]);
    }
  });

  test('is not good at a service for having been good for itself', async () => {
    const { client } = await clientOf();
    auth.answerWith(answerOf);
    const token = theirs();
    expect((await client.verify(token)).valid).toBe(true);
    auth.answerWith(() => no('NO_SERVICE_ACCESS'));
    for (const serviceId of ['', 'self'])
      expect((await client.verify(token, { serviceId })).reason).toBe('NO_SERVICE_ACCESS');
  });

  test('has a guard say "later" where its issuer cannot be asked, and not "sign in again"', async () => {
    const { client } = await clientOf();
    auth.answerWith(() => no('ISSUER_UNAVAILABLE'));
    await expect(authenticate(client, `Bearer ${theirs()}`)).rejects.toMatchObject({
      ...{ code: 'SERVICE_UNAVAILABLE', status: 503, reason: 'ISSUER_UNAVAILABLE' },
      headers: { 'retry-after': '5' },
    });
    auth.answerWith(answerOf);
    const { subject } = await authenticate(client, `Bearer ${theirs()}`);
    // One name at two issuers is two people.
    expect(() => requireSelf(subject, 'ana')).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
    expect(() => requireSelf(undefined, 'ana')).toThrow(expect.objectContaining({ code: 'UNAUTHENTICATED' }));
    expect(() => requireSelf(subject, `${elsewhere}#ana`)).not.toThrow();
  });
});

describe('revocation', () => {
  test('is heard while tokens are verified here', async () => {
    const { client } = await clientOf();
    const sid = randomUUID();
    const token = auth.token({ sid });
    expect((await client.verify(token)).valid).toBe(true);
    auth.revokeSession(sid);
    const reason = () => client.verify(token).then((answer) => answer.reason ?? undefined);
    expect(await until('the revocation is heard', reason)).toBe('REVOKED');
    expect((await client.verify(auth.token())).valid).toBe(true);
  });

  test.each([
    ['SUSPENDED', 'SUBJECT_DISABLED'],
    ['DELETED', 'SUBJECT_DELETED'],
  ] as const)('of an account that is %s is told as such', async (status, told) => {
    const { client } = await clientOf();
    const sub = randomUUID();
    const token = auth.token({ sub });
    expect((await client.verify(token)).valid).toBe(true);
    auth.feed.revoke({ kind: 'subject', key: sub, status, version: 2 });
    const reason = () => client.verify(token).then((answer) => answer.reason ?? undefined);
    expect(await until('it is heard', reason)).toBe(told);
  });

  test('that came while nobody listened is caught up with, from where the stream broke off', async () => {
    const { client } = await clientOf();
    const [first, second] = [randomUUID(), randomUUID()];
    auth.revokeSession(first);
    const reasonOf = (sid: string) =>
      client.verify(auth.token({ sid })).then(({ reason }) => reason ?? undefined);
    await until('the first is heard', () => reasonOf(first));
    auth.feed.cut();
    auth.revokeSession(second);
    expect(await until('the second is heard', () => reasonOf(second))).toBe('REVOKED');
    expect(auth.feed.resumed).toEqual([undefined, '1']);
  });

  test('is still known when everything is told anew', async () => {
    const { client } = await clientOf();
    const [before, after] = [randomUUID(), randomUUID()];
    const reasonOf = (sid: string) =>
      client.verify(auth.token({ sid })).then(({ reason }) => reason ?? undefined);
    auth.revokeSession(before);
    await until('it is heard', () => reasonOf(before));
    auth.feed.reset();
    auth.revokeSession(after);
    await until('what came after it is heard', () => reasonOf(after));
    expect(await reasonOf(before)).toBe('REVOKED');
  });

  test('of a role is asked about: what the token says of its permissions is not so any more', async () => {
    const { client } = await clientOf();
    const sub = randomUUID();
    const token = auth.token({ sub, ver: 1, permissions: ['records:read'] });
    expect((await client.verify(token, { requires: ['records:read'] })).valid).toBe(true);
    auth.feed.revoke({ kind: 'subject', key: sub, status: 'ACTIVE', version: 2 });
    await until('it is asked', async () => {
      await client.verify(token, { requires: ['records:read'] });
      return asksOf().length > 0 || undefined;
    });
    expect((await client.verify(auth.token({ sub, ver: 2 }))).valid).toBe(true);
  });

  test.each([
    ['roles', { account: 'asked', service: 'asked' }],
    ['services', { account: 'known', service: 'asked' }],
    ['serviceTokens', { account: 'known', service: 'asked' }],
  ] as const)('is no matter of tokens that say nothing of it: %s', async (of, expected) => {
    const { client } = await clientOf({ serviceName: 'records' });
    const [sid, ofService] = [randomUUID(), { aud: 'records', client_id: 'billing', sid: undefined }];
    const account = auth.token();
    const service = auth.token({ claims: { ...ofService, service_token: randomUUID(), roles: undefined } });
    auth.feed.revoke({ kind: 'catalogue', of });
    auth.revokeSession(sid);
    await until('it is heard', async () => (await client.verify(auth.token({ sid }))).reason ?? undefined);
    const howOf = async (token: string) => {
      const before = asksOf().length;
      await client.verify(token);
      return asksOf().length > before ? 'asked' : 'known';
    };
    expect({ account: await howOf(account), service: await howOf(service) }).toEqual(expected);
  });

  test('of a key is not survived by what the key had signed, even where the old set is still served', async () => {
    const { client } = await clientOf();
    const token = auth.token();
    expect((await client.verify(token)).valid).toBe(true);
    const fetched = () => auth.asked.filter((what) => what === 'jwks').length;
    const before = fetched();
    auth.feed.revoke({ kind: 'key', key: String(auth.jwks().keys[0]?.['kid']) });
    await until('the keys are fetched anew', () => fetched() > before || undefined);
    await client.ready();
    expect((await client.verify(token)).reason).toBe('UNTRUSTED_SIGNATURE');
  });
});

describe('a client that does not hear', () => {
  test('asks, for all at once, and says so once', async () => {
    const { client, modes } = await clientOf();
    await deafen(client);
    const sids = [randomUUID(), randomUUID()];
    auth.revokeSession(sids[0]!);
    const tokens = Array.from({ length: 150 }, (_, at) => auth.token({ sid: sids[at] ?? randomUUID() }));
    const answers = await Promise.all([...tokens, ...tokens].map((token) => client.verify(token)));
    expect(answers.slice(0, 2).map(({ valid }) => valid)).toEqual([false, true]);
    // A hundred at once and ninety kilobytes at once: the same question never twice.
    expect(asksOf().length).toBeLessThanOrEqual(3);
    expect(
      asksOf()
        .map((asked) => Number(/\d+/.exec(asked)))
        .reduce((sum, one) => sum + one),
    ).toBe(150);
    expect(modes()).toEqual(['local', 'remote']);
    auth.feed.beat(true);
    await client.ready();
    expect(modes()).toEqual(['local', 'remote', 'local']);
  });

  test('and cannot ask refuses, unless told otherwise', async () => {
    const { client, modes } = await clientOf({ retries: 0 });
    const token = auth.token();
    expect((await client.verify(token)).valid).toBe(true);
    auth.fail(true);
    clock.advance(11);
    for (let tries = 0; tries < 3; tries++)
      await expect(client.verify(token)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE', status: 503 });
    expect(modes()).toEqual(['local', 'refusing']);
    auth.fail(false);
    await client.ready();
    expect((await client.verify(token)).valid).toBe(true);
  });

  test('trusts as long as it was told to, and never what it knows better', async () => {
    const { client, modes } = await clientOf({ retries: 0, onUnavailable: { trustForSeconds: 300 } });
    const [sid, sub] = [randomUUID(), randomUUID()];
    auth.revokeSession(sid);
    auth.feed.revoke({ kind: 'subject', key: sub, status: 'ACTIVE', version: 5 });
    await until('both are heard', async () => (await client.verify(auth.token({ sid }))).reason ?? undefined);
    await client.ready();
    auth.fail(true);
    clock.advance(60);
    const good = auth.token({ permissions: ['records:read'] });
    expect((await client.verify(good, { requires: ['records:read'] })).valid).toBe(true);
    expect((await client.verify(good, { requires: ['records:write'] })).reason).toBe('MISSING_PERMISSION');
    expect((await client.verify(auth.token({ sid }))).reason).toBe('REVOKED');
    expect((await client.verify(auth.token({ ttlSeconds: -10 }))).reason).toBe('EXPIRED');
    // Roles have changed; service access is nothing that a token tells.
    await expect(client.verify(auth.token({ sub, ver: 4 }))).rejects.toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
    });
    await expect(client.verify(good, { service: 'self' })).rejects.toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
    });
    clock.advance(245);
    await expect(client.verify(good)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    expect(modes()).toEqual(['local', 'trusting', 'refusing']);
  });

  test('stops asking a service that does not answer, and goes on when it does', async () => {
    const { client, events } = await clientOf({ retries: 0 });
    auth.fail(true);
    const breaker = () => events.flatMap((event) => (event.type === 'breaker' ? [event.state] : []));
    await until('the breaker opens', async () => {
      await client.getUser(randomUUID()).catch(() => undefined);
      return client.status().isBreakerOpen || undefined;
    });
    auth.fail(false);
    await until('the breaker closes', async () => {
      await client.getUser(randomUUID()).catch(() => undefined);
      return breaker().includes('closed') || undefined;
    });
    expect(breaker()).toEqual(['open', 'half-open', 'closed']);
    expect(client.status().isBreakerOpen).toBe(false);
  });

  test('stops asking a service that hangs, also where one question is asked after another', async () => {
    const states: string[] = [];
    const transport = openTransport({
      ...{ graphqlUrl: 'https://auth.test/graphql', timeoutMs: 50, retries: 2 },
      fetch: () => new Promise(() => undefined),
      onBreaker: (state) => states.push(state),
      observe: (_name, call) => call(),
    });
    const ask = () =>
      expect(transport.send({ name: 'A', query: '{ a }', variables: {} }, {})).rejects.toThrow();
    await ask();
    expect(states).toEqual([]);
    await ask();
    expect(states).toEqual(['open']);
    transport.close();
  });

  test.each(['nothing', 'half an answer'])('gives up on time where the service sends %s', async (sent) => {
    const hanging = createServer((_request, response) => {
      if (sent !== 'nothing') response.writeHead(200, { 'content-type': 'application/json' }).write('{');
    }).listen(0, '127.0.0.1');
    await once(hanging, 'listening');
    const url = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}`;
    const client = createAuthClient({ url, serviceToken: 'ags_x', timeoutMs: 400, retries: 0 });
    clients.push(client);
    const answer = expect(client.verifyRemote(auth.token())).rejects.toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
    });
    await pause(100);
    collectGarbage();
    await answer;
    hanging.closeAllConnections();
    hanging.close();
  });

  test('has left, when it is closed, however long it had listened', async () => {
    const { client } = await clientOf();
    expect(auth.feed.listeners()).toBe(1);
    collectGarbage();
    client.close();
    await until('nobody listens', () => auth.feed.listeners() === 0 || undefined);
  });
});

/** Signals that nothing holds are forgotten by this, and what they were to end goes on. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

describe('a client that is observed by OpenTelemetry', () => {
  interface Seen {
    name: string;
    status?: number;
    isEnded?: boolean;
  }
  let [spans, counted]: [Seen[], string[]] = [[], []];
  const tracer = {
    startSpan(name: string) {
      const seen: Seen = { name };
      spans.push(seen);
      return Object.assign(trace.wrapSpanContext(INVALID_SPAN_CONTEXT), {
        setStatus: ({ code }: { code: number }) => (seen.status = code),
        end: () => (seen.isEnded = true),
      });
    },
  } as unknown as Tracer;
  const createCounter = (counter: string) => ({
    add: (value: number, by: Attributes = {}) =>
      counted.push([counter, value, by['authgraph.kind'], by['authgraph.outcome']].join(' ')),
  });
  beforeEach(() => {
    [spans, counted] = [[], []];
    trace.setGlobalTracerProvider({ getTracer: () => tracer });
    metrics.setGlobalMeterProvider({ getMeter: () => Object.assign(createNoopMeter(), { createCounter }) });
  });
  afterEach(() => {
    trace.disable();
    metrics.disable();
  });

  test('counts what was verified and how, and has a span for each call', async () => {
    const { client } = await clientOf({ retries: 0, timeoutMs: 20_000 });
    await client.verify(auth.token());
    await client.verify('nonsense');
    await client.verify(auth.token({ permissions: [] }), { requires: ['records:read'] });
    await client.verify(auth.token(), { service: 'self' });
    auth.fail(true);
    await expect(client.getUser(randomUUID())).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    expect(counted).toEqual([
      'authgraph.client.verifications 1 local VALID',
      'authgraph.client.verifications 1 local MALFORMED',
      'authgraph.client.verifications 1 local MISSING_PERMISSION',
      'authgraph.client.calls 1 VerifyTokens ok',
      'authgraph.client.verifications 1 remote VALID',
      'authgraph.client.calls 1 UserById SERVICE_UNAVAILABLE',
    ]);
    expect(spans).toEqual([
      { name: 'authgraph VerifyTokens', isEnded: true },
      { name: 'authgraph UserById', isEnded: true, status: SpanStatusCode.ERROR },
    ]);
  });
});

describe('one service and another', () => {
  test('a service token is verified by name, and asked about once in a moment', async () => {
    const { client } = await clientOf();
    const billing = auth.service('billing', ['users:read']);
    for (let times = 0; times < 3; times++)
      expect(await client.verifyServiceToken('billing', billing.token)).toMatchObject({
        valid: true,
        scopes: ['users:read'],
      });
    expect((await client.verifyServiceToken('pharmacy', billing.token)).reason).toBe('WRONG_AUDIENCE');
    expect((await client.verifyServiceToken('billing', 'ags_none')).reason).toBe('UNTRUSTED_SIGNATURE');
    expect(auth.asked.filter((what) => what === 'VerifyServiceToken')).toHaveLength(3);
  });

  test('calls carry the proof of this service beside the user, made for the other one where it is named', async () => {
    const { client } = await clientOf();
    expect(await client.callHeaders()).toEqual({ authorization: `Bearer ${auth.serviceToken}` });
    expect(await client.callHeaders({ bearer: 'user' })).toEqual({
      authorization: 'Bearer user',
      'x-service-token': auth.serviceToken,
    });
    const made = await Promise.all([1, 2, 3].map(() => client.callHeaders({ audience: 'billing' })));
    expect(new Set(made.map(({ authorization }) => authorization)).size).toBe(1);
    expect(JSON.stringify(made)).not.toContain(auth.serviceToken);
    expect(auth.asked.filter((what) => what.startsWith('token'))).toEqual(['token(billing)']);
  });

  test('what a service shows another proves the service, and nobody as a user', async () => {
    const { client } = await clientOf({ serviceName: 'records' });
    const tokenId = randomUUID();
    const claims = {
      aud: 'records',
      client_id: 'billing',
      service_token: tokenId,
      sid: undefined,
      roles: undefined,
    };
    const token = auth.token({ claims, permissions: ['records:read'] });
    expect(await client.verify(token)).toMatchObject({
      valid: true,
      sessionId: null,
      subject: { type: 'SERVICE', username: 'billing', permissions: ['records:read'] },
    });
    auth.feed.revoke({ kind: 'serviceToken', key: tokenId });
    const reason = () => client.verify(token).then((answer) => answer.reason ?? undefined);
    expect(await until('its end is heard', reason)).toBe('REVOKED');
  });
});

describe('configuration', () => {
  const given = { serviceToken: 'ags_x' };

  test('plain http does not leave the machine', () => {
    const fault = expect.objectContaining({ code: 'CONFIGURATION' });
    for (const url of [
      'http://auth.internal',
      'http://10.0.0.1:4000',
      'http://localhost.evil.test',
      'ftp://x',
      'nonsense',
    ])
      expect(() => createAuthClient({ ...given, url })).toThrow(fault);
    expect(() => createAuthClient({ url: 'https://auth.test' })).toThrow(fault);
  });

  test('is told where it makes no sense', () => {
    for (const wrong of [{ timeoutMs: -1 }, { timeoutMs: Number('') }, { retries: 0.5 }, { cacheSize: 0 }])
      expect(() => createAuthClient({ ...given, url: auth.url, ...wrong })).toThrow(
        expect.objectContaining({ code: 'CONFIGURATION' }),
      );
  });

  test('comes from the environment where nothing is given', async () => {
    const names = ['SERVICES_AUTH_URL', 'SERVICES_AUTH_SERVICETOKEN', 'SERVICE_NAME'] as const;
    const values = [`${auth.url}/graphql`, auth.serviceToken, 'records'];
    names.forEach((name, at) => (process.env[name] = values[at]));
    try {
      const client = createAuthClient();
      clients.push(client);
      await client.ready();
      expect(client.serviceName).toBe('records');
      expect((await client.verify(auth.token())).valid).toBe(true);
    } finally {
      for (const name of names) Reflect.deleteProperty(process.env, name);
    }
  });

  test('a service token that is not known is said to be the fault', async () => {
    const client = createAuthClient({ url: auth.url, serviceToken: 'ags_wrong' });
    clients.push(client);
    await expect(client.verifyRemote(auth.token())).rejects.toMatchObject({
      code: 'CONFIGURATION',
      status: 500,
    });
    await expect(client.ready({ timeoutMs: 300 })).rejects.toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
      message: expect.stringContaining('HTTP 401') as string,
    });
  });
});
