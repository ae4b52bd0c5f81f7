import { createCipheriv, createDecipheriv, createHmac, hash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

const PREFIX = 'agr_';
const ID_BYTES = 16;
const SECRET_BYTES = 32;
const FORM = new RegExp(`^${PREFIX}[A-Za-z0-9_-]{70}$`);

/** A refresh token taken apart: the id of its row and the secret that proves it. */
export interface RefreshToken {
  id: string;
  secret: Buffer;
}

/** Writes a token: prefix, row id, secret and a checksum, so that a typo costs no query and scanners know it. */
export function writeRefreshToken({ id, secret }: RefreshToken): string {
  const body = Buffer.concat([Buffer.from(id.replaceAll('-', ''), 'hex'), secret]);
  return PREFIX + Buffer.concat([body, checksum(body)]).toString('base64url');
}

/** Reads a token; undefined for anything that this service cannot have written. */
export function readRefreshToken(text: string): RefreshToken | undefined {
  if (!FORM.test(text)) return undefined;
  const bytes = Buffer.from(text.slice(PREFIX.length), 'base64url');
  const body = bytes.subarray(0, ID_BYTES + SECRET_BYTES);
  if (
    !checksum(body).equals(bytes.subarray(ID_BYTES + SECRET_BYTES)) ||
    PREFIX + bytes.toString('base64url') !== text
  )
    return undefined;
  const hex = body.subarray(0, ID_BYTES).toString('hex');
  return {
    id: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    secret: body.subarray(ID_BYTES),
  };
}

function checksum(body: Buffer): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(body));
  return bytes;
}

export const newSecret = (): Buffer => randomBytes(SECRET_BYTES);

/** What the database keeps of a secret. */
export const hashSecret = (secret: Buffer): Buffer => hash('sha256', secret, 'buffer');

const IV_BYTES = 12;
const TIME_BYTES = 6;

/**
 * Seals the successor's text so that only the presenter of its parent can open it: the key comes from the parent's secret.
 * @param at when the parent was spent, in milliseconds since 1970 by this process's clock; {@link sealedAt} reads it again
 */
export function sealSuccessor(parent: RefreshToken, successor: string, at: number): Buffer {
  // Half a time, half by chance: a key seals no more than a few boxes.
  const iv = randomBytes(IV_BYTES);
  iv.writeUIntBE(Math.floor(at), 0, TIME_BYTES);
  const cipher = createCipheriv('aes-256-gcm', boxKey(parent), iv);
  return Buffer.concat([iv, cipher.update(successor, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

/** In milliseconds since 1970; any time at all where an earlier version has sealed it. */
export const sealedAt = (box: Buffer): number => box.readUIntBE(0, TIME_BYTES);

export function openSuccessor(parent: RefreshToken, box: Buffer): string {
  const decipher = createDecipheriv('aes-256-gcm', boxKey(parent), box.subarray(0, IV_BYTES), {
    authTagLength: 16,
  });
  decipher.setAuthTag(box.subarray(-16));
  return Buffer.concat([decipher.update(box.subarray(IV_BYTES, -16)), decipher.final()]).toString('utf8');
}

const PURPOSE = Buffer.from('authgraph refresh successor\u0001');

/** HKDF-SHA-256 of one block (RFC 5869 §2) with the id for its salt, by its two steps: `hkdfSync` takes twice as long. */
const boxKey = ({ id, secret }: RefreshToken): Buffer => hmac(hmac(id, secret), PURPOSE);

const hmac = (key: Buffer | string, bytes: Buffer): Buffer =>
  createHmac('sha256', key).update(bytes).digest();
