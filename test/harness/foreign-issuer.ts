import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomUUID,
  sign,
  type KeyObject,
} from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { startReceiver } from './receiver.js';

type Json = Record<string, unknown>;

/** What a token differs in; `undefined` takes a member away. */
export interface Difference {
  header?: Json;
  claims?: Json;
}

/** Somebody else's issuer with keys of its own, on this machine. */
export interface ForeignIssuer {
  /** Its name, which is also its address. */
  issuer: string;
  jwksUrl: string;
  /** What TRUSTED_ISSUERS says of it. */
  entry: Json;
  /** How often its keys were fetched. */
  fetches(): number;
  token(difference?: Difference): string;
  /** Signs with another key from now on, which is published; the old one is not any more. */
  rotate(): void;
  /** Answers requests for its keys like this from now on. */
  answer(how: ((response: ServerResponse) => void) | undefined): void;
  publicJwk(): Json;
  close(): Promise<void>;
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Signs by ES256. */
export function es256(header: Json, claims: Json, key: KeyObject): string {
  const input = `${encode({ alg: 'ES256', typ: 'JWT', ...header })}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

/** Signs by HS256. */
export function hs256(claims: Json, secret: string | Buffer, header: Json = {}): string {
  const input = `${encode({ alg: 'HS256', typ: 'JWT', ...header })}.${encode(claims)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

/** What a good token of an issuer says; an hour long. */
export function foreignClaims(issuer: string, claims: Json = {}, now = Date.now()): Json {
  const iat = Math.floor(now / 1000);
  return { iss: issuer, aud: 'clinic', sub: 'ana', iat, exp: iat + 3600, jti: randomUUID(), ...claims };
}

/** Starts one with a key of its own. @param entry what else TRUSTED_ISSUERS says of it */
export async function startForeignIssuer(
  entry: Json = {},
  now: () => number = Date.now,
): Promise<ForeignIssuer> {
  let key = newKey();
  let custom: ((response: ServerResponse) => void) | undefined;
  const publicJwk = () => ({ ...key.jwk, kid: key.kid, alg: 'ES256', use: 'sig' });
  const server = await startReceiver((response) =>
    custom
      ? custom(response)
      : response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ keys: [publicJwk()] })),
  );
  const issuer = `http://127.0.0.1:${server.port}`;
  const jwksUrl = `${issuer}/jwks`;
  return {
    issuer,
    jwksUrl,
    entry: { issuer, audiences: ['clinic'], jwksUrl, allowPrivateNetwork: true, ...entry },
    fetches: () => server.received.filter(({ path }) => path === '/jwks').length,
    token: ({ header = {}, claims = {} } = {}) =>
      es256({ kid: key.kid, ...header }, foreignClaims(issuer, claims, now()), key.private),
    rotate: () => {
      key = newKey();
    },
    answer: (how) => {
      custom = how;
    },
    publicJwk,
    close: () => server.close(),
  };
}

function newKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  return {
    kid: randomUUID(),
    private: createPrivateKey(pem),
    jwk: createPublicKey(pem).export({ format: 'jwk' }) as Json,
  };
}

/** What verifyToken answers of a token of another issuer. */
export interface ForeignVerdict {
  valid: boolean;
  reason: string | null;
  subject: {
    id: string;
    type: string;
    externalId: string | null;
    username: string | null;
    email: string | null;
    role: string | null;
    roles: string[];
    permissions: string[];
  } | null;
  user: { id: string } | null;
  service: { valid: boolean; service: { id: string } } | null;
  sessionId: string | null;
  issuer: string | null;
  scopes: string[];
  expiresAt: string | null;
}

/** The whole question, for whoever asks it. */
export const VERIFY_FOREIGN = `query ($token: String!, $serviceId: ID, $requires: [String!]) {
  verifyToken(token: $token, serviceId: $serviceId, requires: $requires) {
    valid reason issuer sessionId scopes expiresAt user { id } service { valid service { id } }
    subject { id type externalId username email role roles permissions } } }`;
