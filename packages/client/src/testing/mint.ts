import { generateKeyPairSync, randomUUID, sign, type JsonWebKey, type KeyObject } from 'node:crypto';

/** What a minted token says; what is left out is made up soundly, and `undefined` takes a member away. */
export interface MintedClaims {
  readonly sub?: string;
  readonly sid?: string;
  /** Names, highest rank first. */
  readonly roles?: readonly string[] | undefined;
  readonly permissions?: readonly string[] | undefined;
  /** The subject's authorization version. */
  readonly ver?: number;
  /** Seconds. */
  readonly ttlSeconds?: number;
  /** Whatever else, or instead. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
}

/** An issuer of access tokens with a key of its own, as the auth service is one. */
export interface Mint {
  readonly issuer: string;
  readonly audience: string;
  readonly kid: string;
  /** What `/.well-known/jwks.json` answers. */
  readonly jwks: () => { keys: JsonWebKey[] };
  /** A signed access token. */
  readonly token: (claims?: MintedClaims) => string;
}

export type MintAlgorithm = 'ES256' | 'EdDSA' | 'RS256';

/** What a mint is made of. */
export interface MintOptions {
  readonly issuer?: string;
  readonly audience?: string;
  readonly algorithm?: MintAlgorithm;
  readonly now?: () => number;
}

const TTL_SECONDS = 900;

/** Makes a mint with a new key; its tokens are like those of the auth service, and only a client that is told of its keys trusts them. */
export function createMint({
  issuer = 'https://auth.test',
  audience = 'authgraph',
  algorithm = 'ES256',
  now = Date.now,
}: MintOptions = {}): Mint {
  const { publicKey, privateKey } = newKeys(algorithm);
  const kid = randomUUID();
  return {
    ...{ issuer, audience, kid },
    jwks: () => ({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid, alg: algorithm, use: 'sig' }] }),
    token({ roles = ['USER'], permissions = [], ttlSeconds = TTL_SECONDS, ver = 1, ...rest } = {}) {
      const iat = Math.floor(now() / 1000);
      const payload = {
        ...{ iss: issuer, aud: audience, sub: rest.sub ?? randomUUID(), sid: rest.sid ?? randomUUID() },
        ...{ jti: randomUUID(), iat, exp: iat + ttlSeconds, ver, amr: ['pwd'], aal: 1 },
        ...{ roles, scope: permissions.join(' '), ...rest.claims },
      };
      return write({ typ: 'at+jwt', alg: algorithm, kid, ...rest.header }, payload, privateKey);
    },
  };
}

function newKeys(algorithm: MintAlgorithm): { publicKey: KeyObject; privateKey: KeyObject } {
  if (algorithm === 'RS256') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  return algorithm === 'EdDSA'
    ? generateKeyPairSync('ed25519')
    : generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function write(header: object, payload: object, key: KeyObject): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${encode(header)}.${encode(payload)}`;
  const digest = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  const signature = sign(digest, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}
