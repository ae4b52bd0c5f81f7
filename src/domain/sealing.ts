import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
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
