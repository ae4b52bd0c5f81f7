import {
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  randomUUID,
  sign,
  type KeyObject,
} from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../src/app.js';
import { startApp, type TestApp } from '../harness/app.js';
import { join, verify, type Person } from '../harness/people.js';
import {
  part,
  signed,
  stealSigningKey,
  withSloppyLastCharacter,
  withTwinSignature,
  type Forger,
} from './forge.js';
import { postRaw } from './raw.js';

const ENCRYPTION_KEY = randomBytes(32).toString('base64');
const ISSUER = 'https://auth.example.test';

/** Stands still, on a whole second, so that the edges of times are exact. */
const NOW = Math.floor(systemClock.now() / 1000);
const clock = { ...systemClock, now: () => NOW * 1000 };

let app: TestApp;
let ana: Person;
let thief: Forger;
/** Somebody else's key pair, on the same curve as ours. */
const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const foreignJwk = foreign.publicKey.export({ format: 'jwk' });

/** A server of the attacker's that serves the attacker's keys, and counts who comes for them. */
let lure: Server;
let lureUrl: string;
let visits = 0;

beforeAll(async () => {
  app = await startApp({ ENCRYPTION_KEYS: ENCRYPTION_KEY }, clock);
  ana = await join(app);
  thief = await stealSigningKey(app, ENCRYPTION_KEY, clock.now);
  lure = createServer((_request, response) => {
    visits++;
    response.end(JSON.stringify({ keys: [{ ...foreignJwk, kid: thief.kid, alg: 'ES256' }] }));
  });
  await new Promise<void>((resolve) => lure.listen(0, '127.0.0.1', resolve));
  lureUrl = `http://127.0.0.1:${(lure.address() as AddressInfo).port}/jwks.json`;
});
afterAll(async () => {
  lure.close();
  await app.close();
});

const ME = '{ me { id } }';

async function expectRefused(token: string, reason: string): Promise<void> {
  expect(await verify(app, token)).toEqual({ valid: false, reason });
  const { status, data, errors } = await app.graphql(ME, {}, { bearer: token });
  expect({ status, data, codes: errors.map((error) => error.extensions.code) }).toEqual({
    status: 200,
    data: { me: null },
    codes: ['UNAUTHENTICATED'],
  });
}

async function expectTrusted(token: string): Promise<void> {
  expect(await verify(app, token)).toEqual({ valid: true, reason: null });
  const { data } = await app.graphql(ME, {}, { bearer: token });
  expect(data['me']).toEqual({ id: ana.id });
}

describe('a token written by hand with the real key', () => {
  it.each<[string, () => string]>([
    ['that differs in nothing', () => thief.token(ana)],
    [
      'for several audiences, ours among them',
      () => thief.token(ana, { claims: { aud: ['x', 'authgraph'] } }),
    ],
    ['of the full media type', () => thief.token(ana, { header: { typ: 'application/at+jwt' } })],
    ['that expired 4 seconds ago', () => thief.token(ana, { claims: { exp: NOW - 4, iat: NOW - 900 } })],
    ['from a clock 5 seconds ahead', () => thief.token(ana, { claims: { iat: NOW + 5 } })],
    ['whose time has come', () => thief.token(ana, { claims: { nbf: NOW - 60 } })],
    ['of the longest life', () => thief.token(ana, { claims: { exp: NOW + 7200 } })],
    ['with claims nobody knows', () => thief.token(ana, { claims: { tenant: 'a', __proto__x: 1 } })],
  ])('%s is trusted', (_name, token) => expectTrusted(token()));
});

const RANDOM = randomBytes(64).toString('base64url');

describe('a token that says too little, too much, or at the wrong time, though its signature is genuine,', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['without exp', { exp: undefined }, 'MALFORMED'],
    ['without iat', { iat: undefined }, 'MALFORMED'],
    ['without sub', { sub: undefined }, 'MALFORMED'],
    ['without jti', { jti: undefined }, 'MALFORMED'],
    ['without sid', { sid: undefined }, 'MALFORMED'],
    ['without iss', { iss: undefined }, 'MALFORMED'],
    ['without aud', { aud: undefined }, 'WRONG_AUDIENCE'],
    ['with an empty sub', { sub: '' }, 'MALFORMED'],
    ['with a sub that is a list', { sub: ['a'] }, 'MALFORMED'],
    ['with a sub that can be no account', { sub: "' or 1=1 --", roles: undefined }, 'MALFORMED'],
    ['with a sid that can be no session', { sid: '../../etc/passwd' }, 'MALFORMED'],
    ['with roles that are no list', { roles: 'OWNER' }, 'MALFORMED'],
    ['with roles that are no names', { roles: [{}] }, 'MALFORMED'],
    ['with a version that is no number', { ver: '1' }, 'MALFORMED'],
    ['with a number as jti', { jti: 7 }, 'MALFORMED'],
    ['with exp as text', { exp: String(NOW + 900) }, 'MALFORMED'],
    ['with exp 1e300', { exp: 1e300 }, 'MALFORMED'],
    ['with exp beyond what numbers can hold', { exp: Number.MAX_SAFE_INTEGER }, 'MALFORMED'],
    ['with exp null', { exp: null }, 'MALFORMED'],
    ['with exp true', { exp: true }, 'MALFORMED'],
    ['with iat as text', { iat: String(NOW) }, 'MALFORMED'],
    ['that expired 5 seconds ago', { exp: NOW - 5, iat: NOW - 900 }, 'EXPIRED'],
    ['that expired 6 seconds ago', { exp: NOW - 6, iat: NOW - 900 }, 'EXPIRED'],
    ['that expired in 1970', { exp: 1, iat: 0 }, 'EXPIRED'],
    ['that expires at a negative time', { exp: -1, iat: -2 }, 'EXPIRED'],
    ['from 6 seconds ahead', { iat: NOW + 6 }, 'NOT_YET_VALID'],
    ['from an hour ahead', { iat: NOW + 3600, exp: NOW + 4500 }, 'NOT_YET_VALID'],
    ['not to be used for a minute yet', { nbf: NOW + 60 }, 'NOT_YET_VALID'],
    ['with nbf as text', { nbf: 'now' }, 'MALFORMED'],
    ['that lives a second too long', { exp: NOW + 7201 }, 'MALFORMED'],
    ['that lives too long, made long ago', { iat: NOW - 86_400 }, 'MALFORMED'],
    ['of another issuer', { iss: 'https://evil.example.test' }, 'UNTRUSTED_ISSUER'],
    ['of our issuer with a slash more', { iss: `${ISSUER}/` }, 'UNTRUSTED_ISSUER'],
    ['of our issuer in capitals', { iss: ISSUER.toUpperCase() }, 'UNTRUSTED_ISSUER'],
    ['of a list of issuers', { iss: [ISSUER] }, 'MALFORMED'],
    ['for somebody else', { aud: 'other' }, 'WRONG_AUDIENCE'],
    ['for a list of others', { aud: ['other', 'authgraph2'] }, 'WRONG_AUDIENCE'],
    ['for an empty list', { aud: [] }, 'WRONG_AUDIENCE'],
    ['for an audience inside a list inside a list', { aud: [['authgraph']] }, 'WRONG_AUDIENCE'],
  ])('%s is refused', (_name, claims, reason) => expectRefused(thief.token(ana, { claims }), reason));
});

describe('a token of another kind,', () => {
  it.each<[string, unknown]>([
    ['an ID token', 'JWT'],
    ['of no stated type', undefined],
    ['a token for changing a password', 'reset+jwt'],
    ['a logout token', 'logout+jwt'],
    ['in capitals', 'AT+JWT'],
    ['with a blank after the type', 'at+jwt '],
  ])('%s, is refused though its signature is genuine', (_name, typ) =>
    expectRefused(thief.token(ana, { header: { typ } }), 'WRONG_TYPE'),
  );

  it('whose type is no text, is refused', () =>
    expectRefused(thief.token(ana, { header: { typ: ['at+jwt'] } }), 'MALFORMED'));
});

const hs256 = (secret: string | Buffer) => (input: Buffer) =>
  createHmac('sha256', secret).update(input).digest();
const nothing = () => Buffer.alloc(0);
const header = (more: Record<string, unknown> = {}) => ({
  typ: 'at+jwt',
  alg: 'ES256',
  kid: thief.kid,
  ...more,
});
const forged = (more: Record<string, unknown>, how?: (input: Buffer, key: KeyObject) => Buffer) =>
  signed(header(more), thief.claims(ana), foreign.privateKey, how);

describe('a forged token', () => {
  const pem = () => thief.publicKey.export({ type: 'spki', format: 'pem' });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ed = generateKeyPairSync('ed25519');

  it.each<[string, () => string, string]>([
    ['without a signature, alg none', () => forged({ alg: 'none' }, nothing), 'MALFORMED'],
    ['without a signature, alg ES256', () => forged({}, nothing), 'MALFORMED'],
    ['with some signature, alg none', () => forged({ alg: 'none' }), 'UNTRUSTED_SIGNATURE'],
    ['with alg NONE', () => forged({ alg: 'NONE' }), 'UNTRUSTED_SIGNATURE'],
    ['with alg noNE', () => forged({ alg: 'noNE' }), 'UNTRUSTED_SIGNATURE'],
    ['without alg', () => forged({ alg: undefined }), 'MALFORMED'],
    [
      'with alg es256, though signed by us',
      () => thief.token(ana, { header: { alg: 'es256' } }),
      'UNTRUSTED_SIGNATURE',
    ],
    ['with a list of algs', () => forged({ alg: ['ES256'] }), 'MALFORMED'],
    [
      'by HS256 under our public key as PEM',
      () => forged({ alg: 'HS256' }, hs256(String(pem()))),
      'UNTRUSTED_SIGNATURE',
    ],
    [
      'by HS256 under our public key as JWK',
      () => forged({ alg: 'HS256' }, hs256(JSON.stringify(thief.publicKey.export({ format: 'jwk' })))),
      'UNTRUSTED_SIGNATURE',
    ],
    ['by HS256 under the empty secret', () => forged({ alg: 'HS256' }, hs256('')), 'UNTRUSTED_SIGNATURE'],
    [
      'by RS256',
      () =>
        signed(header({ alg: 'RS256' }), thief.claims(ana), rsa.privateKey, (input, key) =>
          sign('sha256', input, key),
        ),
      'UNTRUSTED_SIGNATURE',
    ],
    [
      'by EdDSA',
      () =>
        signed(header({ alg: 'EdDSA' }), thief.claims(ana), ed.privateKey, (input, key) =>
          sign(null, input, key),
        ),
      'UNTRUSTED_SIGNATURE',
    ],
    ['by somebody else’s key under the name of ours', () => forged({}), 'UNTRUSTED_SIGNATURE'],
    ['by somebody else’s key under its own name', () => forged({ kid: 'mine' }), 'UNTRUSTED_SIGNATURE'],
    ['with a signature of zeros', () => forged({}, () => Buffer.alloc(64)), 'UNTRUSTED_SIGNATURE'],
    [
      'that names no key, though signed by us',
      () => thief.token(ana, { header: { kid: undefined } }),
      'MALFORMED',
    ],
    ['that names a key in SQL', () => forged({ kid: "' OR 1=1--" }), 'UNTRUSTED_SIGNATURE'],
    ['that names a file', () => forged({ kid: '../../dev/null' }), 'UNTRUSTED_SIGNATURE'],
    ['that names __proto__', () => forged({ kid: '__proto__' }), 'UNTRUSTED_SIGNATURE'],
    ['that names constructor', () => forged({ kid: 'constructor' }), 'UNTRUSTED_SIGNATURE'],
    ['that names a key by 65 characters', () => forged({ kid: 'k'.repeat(65) }), 'MALFORMED'],
    ['that names a key by 5,000 characters', () => forged({ kid: 'k'.repeat(5000) }), 'MALFORMED'],
    ['that names a key by number', () => forged({ kid: 1 }), 'MALFORMED'],
  ])('%s is refused', (_name, token, reason) => expectRefused(token(), reason));

  it('signed in DER rather than in the form of JWS is refused', () => {
    const [head, body] = thief.token(ana).split('.');
    const der = sign('sha256', Buffer.from(`${head}.${body}`), foreign.privateKey).toString('base64url');
    return expectRefused(`${head}.${body}.${der}`, 'UNTRUSTED_SIGNATURE');
  });

  it.each(['sub', 'exp', 'roles'])('whose %s was changed after we signed is refused', async (name) => {
    const [head, , signature] = ana.access.split('.');
    const claims = { ...thief.claims(ana), [name]: name === 'exp' ? NOW + 1800 : 'OWNER' };
    await expectRefused(`${head}.${part(claims)}.${signature}`, 'UNTRUSTED_SIGNATURE');
  });
});

describe('a token that brings its own key or rules along', () => {
  it.each<[string, () => Record<string, unknown>]>([
    ['jku', () => ({ jku: lureUrl })],
    ['x5u', () => ({ x5u: lureUrl })],
    ['jwk', () => ({ jwk: foreignJwk })],
    ['x5c', () => ({ x5c: [part('certificate')] })],
    ['an unknown crit', () => ({ crit: ['x'], x: 1 })],
    ['a crit that we would understand', () => ({ crit: ['exp'] })],
    ['b64', () => ({ b64: false, crit: ['b64'] })],
    ['zip', () => ({ zip: 'DEF' })],
  ])('in %s is refused, forged or genuine', async (_name, more) => {
    await expectRefused(forged(more()), 'MALFORMED');
    await expectRefused(thief.token(ana, { header: more() }), 'MALFORMED');
  });

  it('makes the service fetch nothing', () => expect(visits).toBe(0));
});

describe('what only looks like a token', () => {
  const json = () => {
    const [protectedHeader, payload, signature] = thief.token(ana).split('.');
    return { payload, protected: protectedHeader, signature };
  };
  const flattened = () => JSON.stringify(json());
  const general = () => {
    const { payload, ...signature } = json();
    return JSON.stringify({ payload, signatures: [signature] });
  };
  const doubled = (claims: string) => {
    const body = JSON.stringify(thief.claims(ana)).replace('{', `{${claims},`);
    return thief.token(ana).split('.').with(1, part(body)).join('.');
  };

  it.each<[string, () => string]>([
    ['nothing at all', () => ''],
    ['a word', () => 'token'],
    ['two dots', () => '..'],
    ['two parts', () => thief.token(ana).split('.').slice(0, 2).join('.')],
    ['four parts', () => `${thief.token(ana)}.x`],
    ['five parts, as encrypted tokens have', () => `${part({ alg: 'dir', enc: 'A256GCM' })}.x.x.x.x`],
    [
      'five parts that ask for 2^31 rounds of hashing',
      () => `${part({ alg: 'PBES2-HS256+A128KW', enc: 'A256GCM', p2c: 2 ** 31, p2s: 'x' })}.x.x.x.x`,
    ],
    ['a signature in JSON', flattened],
    ['several signatures in JSON', general],
    ['a newline inside the signature', () => thief.token(ana).replace(/(.{20})$/, '\n$1')],
    ['a newline at the end', () => `${thief.token(ana)}\n`],
    ['a blank in front', () => ` ${thief.token(ana)}`],
    ['padding', () => `${thief.token(ana)}==`],
    ['another last character for the same bytes', () => withSloppyLastCharacter(thief.token(ana))],
    ['the alphabet of ordinary base64', () => `${thief.token(ana)}+/`],
    ['a NUL', () => `${thief.token(ana)}\0`],
    ['half a surrogate pair', () => `${thief.token(ana)}\ud800`],
    ['emoji', () => '😀.😀.😀'],
    ['parts that are no JSON', () => [part('no'), part('json'), part('here')].join('.')],
    ['parts that are JSON lists', () => [part('[]'), part('[]'), part('x')].join('.')],
    ['parts that are null', () => [part('null'), part('null'), part('x')].join('.')],
    ['JSON 1,500 levels deep', () => [part(header()), part('['.repeat(1500)), part('x')].join('.')],
    ['a subject named twice', () => doubled('"sub":"other"')],
    ['a subject named twice, once in escapes', () => doubled('"\\u0073ub":"other"')],
    ['a token too long by one', () => thief.token(ana, { claims: { pad: 'x'.repeat(8193) } }).slice(0, 8193)],
    ['90,000 characters', () => 'e'.repeat(90_000)],
    ['90,000 dots', () => '.'.repeat(90_000)],
    ['a refresh token', () => ana.refresh],
    ['a service token', () => `ags_${RANDOM}`],
  ])('%s is refused as malformed', async (_name, make) => {
    const token = make();
    expect(await verify(app, token)).toEqual({ valid: false, reason: 'MALFORMED' });
    // What a header can carry at all is refused there too.
    if (/^[\x21-\x7e]{1,10000}$/.test(token)) {
      const { errors } = await app.graphql(ME, {}, { bearer: token });
      expect(errors[0]?.extensions.code).toBe('UNAUTHENTICATED');
    }
  });

  it('a hundred tokens of 90,000 characters take no more than moments', async () => {
    const startedAt = performance.now();
    for (let i = 0; i < 100; i++) await verify(app, `${i}${'.e'.repeat(45_000)}`);
    // 3 ms each here, nearly all of it to send them; the bound only tells linear from quadratic.
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });
});

describe('a token whose text was changed but not its meaning', () => {
  it('is no way round its revocation', async () => {
    const bob = await join(app);
    const twin = withTwinSignature(bob.access);
    expect(await verify(app, bob.access)).toMatchObject({ valid: true });
    await verify(app, twin);
    await app.graphql('mutation ($t: String!) { revoke(token: $t) }', { t: bob.access });
    expect(await verify(app, bob.access)).toEqual({ valid: false, reason: 'REVOKED' });
    expect(await verify(app, twin)).toMatchObject({ valid: false });
  });
});

describe('an Authorization header', () => {
  const refused: [string, string[]][] = [
    ['Bearer alone', ['Authorization: Bearer']],
    ['Bearer and a blank', ['Authorization: Bearer ']],
    ['nothing', ['Authorization:']],
    ['two words', ['Authorization: Bearer x y']],
    ['a token and more after a comma', ['Authorization: Bearer TOKEN, Bearer TOKEN']],
    ['a token without Bearer', ['Authorization: TOKEN']],
    ['a token in quotes', ['Authorization: Bearer "TOKEN"']],
    ['a tab for a blank', ['Authorization: Bearer\tTOKEN']],
    ['Basic', ['Authorization: Basic YTpi']],
    ['another scheme with a good token', ['Authorization: DPoP TOKEN']],
    ['bytes beyond ASCII', ['Authorization: Bearer \xe4\xf6']],
    ['two good tokens in two headers', ['Authorization: Bearer TOKEN', 'Authorization: Bearer TOKEN']],
    ['a good and a bad token', ['Authorization: Bearer TOKEN', 'authorization: Bearer x']],
    ['a bad and a good token', ['Authorization: Bearer x', 'AUTHORIZATION: Bearer TOKEN']],
    ['10,000 characters', [`Authorization: Bearer ${'x'.repeat(10_000)}`]],
  ];

  it.each(refused)('with %s leaves the caller a nobody', async (_name, lines) => {
    const headers = lines.map((line) => line.replaceAll('TOKEN', ana.access));
    const { status, body } = await postRaw(app.url, ME, headers);
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({
      data: { me: null },
      errors: [{ extensions: { code: 'UNAUTHENTICATED' } }],
    });
  });

  it.each(['Bearer', 'bearer', 'BEARER', 'Bearer  '])(
    'with "%s" and a good token is believed',
    async (scheme) => {
      const { body } = await postRaw(app.url, ME, [`Authorization: ${scheme} ${ana.access}`]);
      expect(JSON.parse(body)).toEqual({ data: { me: { id: ana.id } } });
    },
  );

  it.each<[string, string[], number]>([
    [
      'of 100,000 characters is refused before it is read',
      [`Authorization: Bearer ${'x'.repeat(100_000)}`],
      431,
    ],
    ['with a bare line feed in it is refused', ['Authorization: Bearer x\nx-gateway-secret: y'], 400],
    ['with a NUL in it is refused', ['Authorization: Bearer \0'], 400],
  ])('%s', async (_name, headers, status) => {
    expect((await postRaw(app.url, ME, headers)).status).toBe(status);
  });

  it('is not looked for in the address, the body or a cookie', async () => {
    const body = JSON.stringify({ query: ME, access_token: ana.access, extensions: { token: ana.access } });
    const answer = await fetch(`${app.url}/graphql?access_token=${ana.access}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie: `access_token=${ana.access}` },
      body,
    });
    expect(await answer.json()).toMatchObject({ data: { me: null } });
  });
});

describe('a token signed by us for an account that is nobody’s', () => {
  it('gets no further than a deleted account’s', async () => {
    const token = thief.token({ ...ana, id: randomUUID() });
    const { data, errors } = await app.graphql(ME, {}, { bearer: token });
    expect(data).toEqual({ me: null });
    expect(errors[0]?.extensions.code).toBe('ACCOUNT_DELETED');
  });

  it('the key pair that the forger holds is the published one', async () => {
    const { keys } = (await (await fetch(`${app.url}/.well-known/jwks.json`)).json()) as {
      keys: { kid: string; kty: string; crv: string; x: string; y: string }[];
    };
    const published = keys.find(({ kid }) => kid === thief.kid)!;
    expect(createPublicKey({ key: published, format: 'jwk' }).equals(thief.publicKey)).toBe(true);
  });
});
