import { createCipheriv, createDecipheriv, createHmac, hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { bytesByChance } from '../chance.js';

const PREFIX = 'agr_';
const ID_BYTES = 16;
const SECRET_BYTES = 32;
const BODY_BYTES = ID_BYTES + SECRET_BYTES;
const CHECKSUM_BYTES = 4;
/** The last character has four bits to spare, which are 0: each token is written in one way. */
const FORM = new RegExp(`^${PREFIX}[A-Za-z0-9_-]{69}[AQgw]$`);

/** A refresh token taken apart: the id of its row and the secret that proves it. */
export interface RefreshToken {
  id: string;
  secret: Buffer;
}

/** Writes a token: prefix, row id, secret and a checksum, so that a typo costs no query and scanners know it. */
export function writeRefreshToken({ id, secret }: RefreshToken): string {
  const bytes = Buffer.allocUnsafe(BODY_BYTES + CHECKSUM_BYTES);
  bytes.write(id.replaceAll('-', ''), 'hex');
  secret.copy(bytes, ID_BYTES);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, BODY_BYTES)), BODY_BYTES);
  return PREFIX + bytes.toString('base64url');
}

/** Reads a token; undefined for anything that this service cannot have written. */
export function readRefreshToken(text: string): RefreshToken | undefined {
  if (!FORM.test(text)) return undefined;
  const bytes = Buffer.from(text.slice(PREFIX.length), 'base64url');
  const body = bytes.subarray(0, BODY_BYTES);
  if (crc32(body) !== bytes.readUInt32BE(BODY_BYTES)) return undefined;
  return { id: idOf(body.toString('hex', 0, ID_BYTES)), secret: body.subarray(ID_BYTES) };
}

const idOf = (hex: string) =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;

export const newSecret = (): Buffer => bytesByChance(SECRET_BYTES);

/** What the database keeps of a secret. */
export const hashSecret = (secret: Buffer): Buffer => hash('sha256', secret, 'buffer');

/** {@link hashSecret} in hexadecimal digits. */
export const digestOf = (secret: Buffer): string => hash('sha256', secret, 'hex');

const IV_BYTES = 12;
const TIME_BYTES = 6;

/**
 * Seals the successor's text so that only the presenter of its parent can open it: the key comes from the parent's secret.
 * @param at when the parent was spent, in milliseconds since 1970 by this process's clock; {@link sealedAt} reads it again
 */
export function sealSuccessor(parent: RefreshToken, successor: string, at: number): Buffer {
  // Half a time, half by chance: a key seals no more than a few boxes.
  const iv = bytesByChance(IV_BYTES);
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
