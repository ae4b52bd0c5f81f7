import { createPrivateKey, createPublicKey, randomUUID, sign, type KeyObject } from 'node:crypto';
import { unseal } from '../../src/domain/sealing.js';
import type { TestApp } from '../harness/app.js';
import type { Person } from '../harness/people.js';
import { sql } from '../harness/sql.js';

type Json = Record<string, unknown>;

/** What a forged token differs in; `undefined` takes a member away. */
export interface Change {
  header?: Json;
  claims?: Json;
  /** Signs instead of the service's own key. */
  key?: KeyObject;
}

/** Somebody who holds the service's own private key and writes tokens at will: the control for every forgery. */
export interface Forger {
  kid: string;
  publicKey: KeyObject;
  /** A token like those that the service issues, with what the change says. */
  token(person: Person, change?: Change): string;
  /** What a good token says. */
  claims(person: Person): Json;
}

/** Takes the signing key out of the database with the encryption key that the service was started with. */
export async function stealSigningKey(
  app: TestApp,
  encryptionKey: string,
  now: () => number = Date.now,
): Promise<Forger> {
  const [row] = await sql(app, "select kid, private_sealed from signing_keys where state = 'active'");
  if (!row) throw new Error('there is no active key');
  const keys = [Buffer.from(encryptionKey, 'base64')];
  const key = createPrivateKey(unseal(keys, `signing-key:${row.kid}`, row.private_sealed).toString());
  const claims = (person: Person) => goodClaims(person, Math.floor(now() / 1000));
  return {
    kid: row.kid,
    publicKey: createPublicKey(key),
    claims,
    token: (person, change = {}) =>
      signed(
        { typ: 'at+jwt', alg: 'ES256', kid: row.kid, ...change.header },
        { ...claims(person), ...change.claims },
        change.key ?? key,
      ),
  };
}

function goodClaims({ id, sessionId }: Person, now: number): Json {
  return {
    iss: 'https://auth.example.test',
    aud: 'authgraph',
    sub: id,
    sid: sessionId,
    jti: randomUUID(),
    iat: now,
    exp: now + 900,
    ver: 1,
    amr: ['pwd'],
    aal: 1,
    roles: ['USER'],
    scope: '',
  };
}

/** One part of a token; text goes in as it is. */
export function part(value: Json | string): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

/** A token in compact serialization, signed with ES256 unless `how` says otherwise. */
export function signed(
  header: Json | string,
  claims: Json | string,
  key: KeyObject,
  how: (input: Buffer, key: KeyObject) => Buffer = es256,
): string {
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${how(Buffer.from(input), key).toString('base64url')}`;
}

const es256 = (input: Buffer, key: KeyObject) => sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' });

const ORDER = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');

/** The other signature of the same token that ES256 allows: s becomes n - s. */
export function withTwinSignature(token: string): string {
  const [head, body, signature = ''] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  const s = ORDER - BigInt(`0x${bytes.subarray(32).toString('hex')}`);
  const twin = Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);
  return `${head}.${body}.${twin.toString('base64url')}`;
}

/** The same bytes written with another last character, which a lenient decoder takes for the same. */
export function withSloppyLastCharacter(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const next = alphabet[alphabet.indexOf(token.at(-1) ?? '') + 1] ?? '';
  return token.slice(0, -1) + next;
}
