import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { openIssuers } from '../../src/domain/issuers.js';
import { readTrustedIssuers } from '../../src/config/trusted-issuers.js';
import { openLog } from '../../src/log.js';
import { movableClock, startApp, type TestApp } from '../harness/app.js';
import {
  es256,
  foreignClaims,
  hs256,
  startForeignIssuer,
  VERIFY_FOREIGN,
  type ForeignIssuer,
  type ForeignVerdict,
} from '../harness/foreign-issuer.js';
import { startReceiver } from '../harness/receiver.js';
import { until } from '../harness/until.js';
import { withSloppyLastCharacter } from './forge.js';

const LEGACY = 'https://legacy.example.test';
const SECRET = 'https://secret.example.test';
const secret = randomBytes(32).toString('hex');
const legacySecret = randomBytes(32).toString('hex');
const clock = movableClock();

let app: TestApp;
let one: ForeignIssuer;
let other: ForeignIssuer;
beforeAll(async () => {
  [one, other] = await Promise.all([startForeignIssuer(), startForeignIssuer()]);
  app = await startApp(
    {
      TRUSTED_ISSUERS: JSON.stringify([
        one.entry,
        other.entry,
        { issuer: SECRET, audiences: 'clinic', secret },
        { issuer: LEGACY, secret: legacySecret, allowMissingIssuer: true },
      ]),
    },
    clock,
  );
});
afterAll(async () => {
  await app.close();
  await Promise.all([one.close(), other.close()]);
});

async function verify(token: string): Promise<ForeignVerdict> {
  const { data, body } = await app.graphql(VERIFY_FOREIGN, { token });
  if (!data['verifyToken']) throw new Error(body);
  return data['verifyToken'] as ForeignVerdict;
}
const reasonOf = async (token: string) => (await verify(token)).reason;

const foreign = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const now = () => Math.floor(Date.now() / 1000);

describe('a forged token of another issuer', () => {
  it('is no better than its signature', async () => {
    expect(await reasonOf(one.token())).toBe(null);
    const { kid } = one.publicJwk();
    expect(await reasonOf(es256({ kid }, foreignClaims(one.issuer), foreign()))).toBe('UNTRUSTED_SIGNATURE');
    const [head, body] = one.token().split('.');
    expect(await reasonOf(`${head ?? ''}.${body ?? ''}.`)).toBe('MALFORMED');
    expect(await reasonOf(withSloppyLastCharacter(one.token()))).toBe('MALFORMED');
  });

  it('cannot be signed by one issuer for another', async () => {
    const { kid } = one.publicJwk();
    expect(await reasonOf(other.token({ claims: { iss: one.issuer } }))).toBe('UNTRUSTED_SIGNATURE');
    expect(await reasonOf(other.token({ claims: { iss: one.issuer }, header: { kid } }))).toBe(
      'UNTRUSTED_SIGNATURE',
    );
    expect(await reasonOf(hs256(foreignClaims(SECRET), legacySecret))).toBe('UNTRUSTED_SIGNATURE');
    expect(await reasonOf(hs256(foreignClaims(SECRET), secret))).toBe(null);
  });

  it('cannot choose how it is checked', async () => {
    const { x, y, kid } = one.publicJwk();
    const publicKey = JSON.stringify({ x, y });
    for (const key of [publicKey, String(x), secret, legacySecret])
      expect(await reasonOf(hs256(foreignClaims(one.issuer), key, { kid }))).toBe('UNTRUSTED_SIGNATURE');
    const toSecret = es256({ kid }, foreignClaims(SECRET), foreign());
    expect(await reasonOf(toSecret)).toBe('UNTRUSTED_SIGNATURE');
    const unsigned = (alg: string) => {
      const parts = [{ alg, typ: 'JWT' }, foreignClaims(one.issuer)].map((part) =>
        Buffer.from(JSON.stringify(part)).toString('base64url'),
      );
      return `${parts.join('.')}.AA`;
    };
    for (const alg of ['none', 'None', 'HS384', 'ES384', 'RS256'])
      expect(await reasonOf(unsigned(alg))).toBe('UNTRUSTED_SIGNATURE');
  });

  it.each(['https://example.test/keys', { jwk: true }])('cannot bring its key along: %j', async (where) => {
    const fetches = one.fetches();
    const header = typeof where === 'string' ? { jku: where } : { jwk: one.publicJwk() };
    expect(await reasonOf(one.token({ header }))).toBe('MALFORMED');
    expect(one.fetches()).toBe(fetches);
  });

  it.each(["' OR 1=1--", '../../../dev/null', '__proto__', 'constructor', 'k'.repeat(64)])(
    'finds no key by the name %s',
    async (kid) => {
      expect(await reasonOf(one.token({ header: { kid } }))).toBe('UNTRUSTED_SIGNATURE');
    },
  );

  it('is not read at all with a name of more than 64 characters, a header that must be understood, or two claims of one name', async () => {
    expect(await reasonOf(one.token({ header: { kid: 'k'.repeat(65) } }))).toBe('MALFORMED');
    expect(await reasonOf(one.token({ header: { crit: ['x'], x: 1 } }))).toBe('MALFORMED');
    expect(await reasonOf(`${one.token()}.${randomUUID()}`)).toBe('MALFORMED');
    expect(await reasonOf('a'.repeat(9000))).toBe('MALFORMED');
  });
});

describe('the name of an issuer', () => {
  it.each([
    (issuer: string) => `${issuer}/`,
    (issuer: string) => issuer.toUpperCase(),
    (issuer: string) => `${issuer} `,
    (issuer: string) => `${issuer}#`,
    () => '',
    () => 'https://nobody.example.test',
  ])('is taken exactly: %#', async (change) => {
    expect(await reasonOf(one.token({ claims: { iss: change(one.issuer) } }))).toBe('UNTRUSTED_ISSUER');
  });

  it.each([[[]], [{}], [1], [null]])('is a text, not %j', async (iss) => {
    expect((await verify(one.token({ claims: { iss } }))).valid).toBe(false);
  });

  it('cannot be ours', async () => {
    const token = one.token({
      claims: { iss: 'https://auth.example.test', aud: 'authgraph', sid: randomUUID() },
    });
    expect(await verify(token)).toMatchObject({ valid: false, subject: null });
    expect((await app.graphql('{ me { id } }', {}, { bearer: token })).errors).toHaveLength(1);
  });

  it('may be missing for one issuer only, whose secret signs it then', async () => {
    const { iss: _iss, aud: _aud, ...bare } = foreignClaims(LEGACY);
    expect(await verify(hs256(bare, legacySecret))).toMatchObject({
      valid: true,
      issuer: LEGACY,
      subject: { id: `${LEGACY}#ana` },
    });
    expect(await reasonOf(hs256(bare, secret))).toBe('UNTRUSTED_SIGNATURE');
    expect(await reasonOf(hs256({ ...bare, aud: 'other' }, legacySecret))).toBe('WRONG_AUDIENCE');
    const { sub: _sub, ...nobody } = bare;
    expect(await reasonOf(hs256(nobody, legacySecret))).toBe('MALFORMED');
    expect(await reasonOf(hs256({ ...bare, exp: undefined }, legacySecret))).toBe('MALFORMED');
  });
});

describe('what a token of another issuer says', () => {
  it.each([
    ['WRONG_AUDIENCE', { aud: 'other' }],
    ['WRONG_AUDIENCE', { aud: ['other', 'clinic '] }],
    [null, { aud: ['other', 'clinic'] }],
    ['MALFORMED', { aud: undefined }],
    ['MALFORMED', { sub: undefined }],
    ['MALFORMED', { sub: '' }],
    ['MALFORMED', { sub: 1 }],
    ['MALFORMED', { sub: 'a\nb' }],
    ['MALFORMED', { exp: undefined }],
    ['MALFORMED', { exp: '4102444800' }],
    ['MALFORMED', { exp: 1e300 }],
    ['MALFORMED', { exp: now() + 90_000, iat: undefined }],
    ['EXPIRED', { exp: now() - 6, iat: now() - 60 }],
    ['NOT_YET_VALID', { nbf: now() + 60 }],
    ['NOT_YET_VALID', { iat: now() + 600 }],
    ['WRONG_TYPE', { typ: 'Refresh' }],
    ['WRONG_TYPE', { typ: 'ID' }],
    ['WRONG_TYPE', { at_hash: 'x' }],
    ['WRONG_TYPE', { events: {} }],
  ])('is held to its form: %s for %j', async (reason, claims) => {
    expect(await reasonOf(one.token({ claims }))).toBe(reason);
  });

  it.each([
    ['at+jwt', null],
    ['application/at+jwt', null],
    [undefined, null],
    ['logout+jwt', 'WRONG_TYPE'],
    ['refresh+jwt', 'WRONG_TYPE'],
    ['dpop+jwt', 'WRONG_TYPE'],
  ])('is of its type: %s', async (typ, reason) => {
    expect(await reasonOf(one.token({ header: { typ } }))).toBe(reason);
  });

  it('makes two subjects of one name at two issuers, and none of them an account', async () => {
    const [first, second] = [await verify(one.token()), await verify(other.token())];
    expect(first.subject?.externalId).toBe(second.subject?.externalId);
    expect(first.subject?.id).not.toBe(second.subject?.id);
    const { data } = await app.graphql(
      'mutation ($i: SignInInput!) { signIn(input: $i) { ... on AuthPayload { user { id email } } } }',
      { i: { login: app.owner.username, password: app.owner.password } },
    );
    const { user } = data['signIn'] as { user: { id: string; email: string } };
    const claims = { sub: user.id, email: user.email, email_verified: true, role: 'OWNER', roles: ['OWNER'] };
    const stranger = await verify(one.token({ claims }));
    expect(stranger.subject).toMatchObject({ type: 'EXTERNAL', permissions: [] });
    expect([stranger.subject?.id, stranger.user]).toEqual([`${one.issuer}#${user.id}`, null]);
    const asked = await app.graphql(
      'query ($t: String!, $s: ID) { verifyToken(token: $t, serviceId: $s) { valid reason } }',
      { t: one.token({ claims }), s: randomUUID() },
    );
    expect(asked.data['verifyToken']).toEqual({ valid: false, reason: 'NO_SERVICE_ACCESS' });
  });

  it('of itself counts for nothing', async () => {
    const claims = { user_metadata: { role: 'OWNER', roles: ['OWNER'], permissions: ['users:manage'] } };
    expect((await verify(one.token({ claims }))).subject).toMatchObject({
      role: null,
      roles: [],
      permissions: [],
    });
  });
});

describe('the time of a token of another issuer', () => {
  it('is forgiven five seconds, and no more', () => {
    const { issuers } = readTrustedIssuers({
      TRUSTED_ISSUERS: JSON.stringify([{ issuer: SECRET, audiences: 'clinic', secret }]),
    });
    const at = { seconds: 1_000_000 };
    const still = { now: () => at.seconds * 1000, monotonic: () => at.seconds * 1000 };
    const known = openIssuers({
      issuers,
      own: undefined,
      clock: still,
      log: openLog({ log: { level: 'silent' } }),
    });
    const token = hs256(foreignClaims(SECRET, { nbf: 1_000_010 }, 1_000_000_000), secret);
    const times = [1_000_004, 1_000_005, 1_003_604, 1_003_605];
    const look = async (seconds: number) => {
      at.seconds = seconds;
      return (await known.verify(token))?.rejection;
    };
    return expect(
      times.reduce(
        async (before, time) => [...(await before), await look(time)],
        Promise.resolve<unknown[]>([]),
      ),
    ).resolves.toEqual(['NOT_YET_VALID', undefined, undefined, 'EXPIRED']);
  });
});

describe('the keys of an issuer', () => {
  const opened: { close(): unknown }[] = [];
  afterEach(async () => {
    for (const part of opened.splice(0)) await part.close();
  });

  /** An issuer that answers like this, known to nobody but these issuers. */
  async function issuerThat(answer: ((response: ServerResponse) => void) | undefined, more = {}) {
    const issuer = await startForeignIssuer();
    issuer.answer(answer);
    const { issuers } = readTrustedIssuers({
      TRUSTED_ISSUERS: JSON.stringify([{ ...issuer.entry, ...more }]),
    });
    const log = openLog({ log: { level: 'silent' } });
    const known = openIssuers({ issuers, own: undefined, clock: movableClock(), log });
    opened.push(known, issuer);
    return { issuer, verify: async () => (await known.verify(issuer.token()))?.rejection };
  }

  const published = (key: object) => (response: ServerResponse) => {
    response.writeHead(200).end(JSON.stringify({ keys: [key] }));
  };

  it('are taken from where they are said to be', async () => {
    const { verify: ask } = await issuerThat(undefined);
    expect(await ask()).toBeUndefined();
  });

  it('are not followed elsewhere', async () => {
    const elsewhere = await startReceiver();
    opened.push(elsewhere);
    const { verify: ask } = await issuerThat((response) =>
      response.writeHead(302, { location: elsewhere.url }).end(),
    );
    expect(await ask()).toBe('ISSUER_UNAVAILABLE');
    expect(elsewhere.received).toHaveLength(0);
  });

  it('have 64 KiB at most', async () => {
    let wanted = true;
    const { verify: ask } = await issuerThat((response) => {
      response.writeHead(200).on('close', () => (wanted = false));
      const more = () => {
        while (wanted && response.write('x'.repeat(65_536)));
        if (wanted) response.once('drain', more);
      };
      more();
    });
    expect(await ask()).toBe('ISSUER_UNAVAILABLE');
    await until('nobody listens any more', () => !wanted);
  });

  it('come within five seconds, or not at all', async () => {
    const { verify: ask } = await issuerThat((response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write(' '), 100);
      response.on('close', () => clearInterval(drip));
    });
    const began = performance.now();
    expect(await ask()).toBe('ISSUER_UNAVAILABLE');
    expect(performance.now() - began).toBeLessThan(9000);
  });

  it('are not asked of this machine, unless that is allowed', async () => {
    const found = (entry: object) => readTrustedIssuers({ TRUSTED_ISSUERS: JSON.stringify([entry]) });
    const inside = { issuer: 'https://127.0.0.1:1', audiences: 'a', jwksUrl: 'https://127.0.0.1:1/jwks' };
    const log = openLog({ log: { level: 'silent' } });
    const known = openIssuers({ issuers: found(inside).issuers, own: undefined, clock: movableClock(), log });
    opened.push(known);
    const token = es256({ kid: 'k' }, foreignClaims(inside.issuer, { aud: 'a' }), foreign());
    expect(await known.verify(token)).toEqual({ rejection: 'ISSUER_UNAVAILABLE' });
    expect(found({ ...inside, jwksUrl: 'http://keys.example.test' }).mistakes).toHaveLength(1);
  });

  it('are asked once of a host whose address may be called, and of no other that it has a moment later', async () => {
    const issuer = await startForeignIssuer();
    opened.push(issuer);
    const entry = {
      ...issuer.entry,
      jwksUrl: `http://rebinding.example.test:${new URL(issuer.issuer).port}/jwks`,
    };
    const { issuers } = readTrustedIssuers({ TRUSTED_ISSUERS: JSON.stringify([entry]) });
    const log = openLog({ log: { level: 'silent' } });
    let asked = 0;
    const resolve = (address: string) => () =>
      Promise.resolve([{ address: asked++ === 0 ? address : '169.254.169.254' }]);
    const fine = openIssuers({
      issuers,
      own: undefined,
      clock: movableClock(),
      log,
      resolve: resolve('127.0.0.1'),
    });
    opened.push(fine);
    expect(await fine.verify(issuer.token())).not.toHaveProperty('rejection');
    expect(asked).toBe(1);
    asked = 0;
    const bad = openIssuers({
      issuers,
      own: undefined,
      clock: movableClock(),
      log,
      resolve: resolve('169.254.169.254'),
    });
    opened.push(bad);
    expect(await bad.verify(issuer.token())).toEqual({ rejection: 'ISSUER_UNAVAILABLE' });
  });

  it.each([
    ['a symmetric one', () => ({ kty: 'oct', k: 'c2VjcmV0', kid: 'k', alg: 'HS256' })],
    ['a private one', () => foreign().export({ format: 'jwk' })],
    ['one for encryption', (own: object) => ({ ...own, use: 'enc' })],
    ['one of another algorithm', (own: object) => ({ ...own, alg: 'ES384' })],
    ['a short one', () => shortKey()],
    ['none', () => null],
  ])('are believed where they can be one: %s', async (_name, key) => {
    let own: object = {};
    const { issuer, verify: ask } = await issuerThat((response) => published(key(own) as object)(response));
    own = issuer.publicJwk();
    expect(await ask()).toBe('ISSUER_UNAVAILABLE');
  });
});

const shortKey = () => ({
  ...generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' }),
  kid: 'short',
  alg: 'RS256',
});
