import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto';
import { fingerprint } from '../config.js';

const VERSION = 'v1';

/** Keys that encrypt what the database holds but must not be able to read; the first one seals, all of them open. */
export type SealingKeys = readonly Buffer[];

/** Encrypts with AES-256-GCM under the first key; `purpose` is bound in, so that a box opens only where it belongs. */
export function seal(keys: SealingKeys, purpose: string, plain: Buffer): string {
  const key = keys[0];
  if (!key) throw new Error('There is no encryption key.');
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key.subarray(0, 32), iv).setAAD(Buffer.from(purpose));
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return [
    VERSION,
    fingerprint(key),
    ...[iv, sealed, cipher.getAuthTag()].map((part) => part.toString('base64url')),
  ].join('.');
}

/** Opens a box made by {@link seal} for the same purpose. @throws when no key fits or the box was altered */
export function unseal(keys: SealingKeys, purpose: string, box: string): Buffer {
  const [version, name, iv, sealed, tag] = box.split('.');
  const key = keys.find((candidate) => fingerprint(candidate) === name);
  if (version !== VERSION || !key || !iv || sealed === undefined || !tag)
    throw new Error(`No encryption key opens this box (sealed under key ${name ?? '?'}).`);
  const decipher = createDecipheriv('aes-256-gcm', key.subarray(0, 32), Buffer.from(iv, 'base64url'), {
    authTagLength: 16,
  });
  decipher.setAAD(Buffer.from(purpose)).setAuthTag(Buffer.from(tag, 'base64url'));
  return Buffer.concat([decipher.update(Buffer.from(sealed, 'base64url')), decipher.final()]);
}

const derived = new WeakMap<Buffer, Map<string, KeyObject>>();

/** A key of its own for a purpose (HKDF, RFC 5869), worked out once. */
function keyFor(key: Buffer, purpose: string): KeyObject {
  const known = derived.get(key)?.get(purpose);
  if (known) return known;
  const bytes = Buffer.from(hkdfSync('sha256', key, '', `authgraph ${purpose}`, 32));
  const made = createSecretKey(bytes);
  derived.set(key, new Map(derived.get(key)).set(purpose, made));
  return made;
}

const macOf = (key: Buffer, purpose: string, text: string) =>
  createHmac('sha256', keyFor(key, purpose)).update(text);

const markOf = (key: Buffer): string => `${VERSION}.${fingerprint(key)}.`;

const codeOf = (key: Buffer, purpose: string, text: string): string =>
  markOf(key) + macOf(key, purpose, text).digest('base64url');

/** A code (HMAC-SHA-256 under the first key) by which this text, for this purpose, is known again as ours. */
export function authenticate(keys: SealingKeys, purpose: string, text: string): string {
  const key = keys[0];
  if (!key) throw new Error('There is no encryption key.');
  return codeOf(key, purpose, text);
}

/** 32 bytes that stand for this text and purpose, and tell nothing of it to whoever has not the first key. */
export function derive(keys: SealingKeys, purpose: string, text: string): Buffer {
  const key = keys[0];
  if (!key) throw new Error('There is no encryption key.');
  return macOf(key, purpose, text).digest();
}

/** Whether {@link authenticate} made this code for this text and purpose, under any of the keys. */
export function isAuthentic(keys: SealingKeys, purpose: string, text: string, code: string): boolean {
  const key = keys.find((candidate) => code.startsWith(markOf(candidate)));
  if (!key) return false;
  const given = Buffer.from(code);
  const wanted = Buffer.from(codeOf(key, purpose, text));
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** Whether the key under which {@link authenticate} made this code is among these. */
export const hasKeyOf = (keys: SealingKeys, code: string): boolean =>
  keys.some((candidate) => code.startsWith(markOf(candidate)));
