import { hash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

const MARK = 'ags_';
const SECRET_BYTES = 32;
const LENGTH = 110;
const FORM = /^ags_([0-9a-f]{32})_([0-9a-f]{64})_([0-9a-f]{8})$/;

/** A service token taken apart: the id of its row and the secret that proves it. */
export interface ServiceTokenParts {
  id: string;
  secret: Buffer;
}

/** What somebody shows, taken apart: whose token it means to be, what proves it, and what it is remembered by. */
export interface Shown {
  readonly id: string;
  /** A digest of the secret, which alone is kept. */
  readonly secretHash: Buffer;
  /** A digest of its whole text. */
  readonly digest: string;
}

/** Whether this means to be a service token, well written or not. */
export const isServiceToken = (text: string): boolean => text.startsWith(MARK);

/** The part of a token's text that is no secret. */
export const prefixOf = (id: string): string => MARK + id.replaceAll('-', '');

/** Writes a token: prefix, secret and a checksum of both, so that a typo costs no query and scanners can be sure of a find. */
export function writeServiceToken({ id, secret }: ServiceTokenParts): string {
  const body = `${prefixOf(id)}_${secret.toString('hex')}`;
  return `${body}_${checksum(body)}`;
}

/** Reads a token; undefined for anything that this service cannot have written. */
export function readShown(text: string, digest: string): Shown | undefined {
  const [, id = '', secret = '', sum] = FORM.exec(text) ?? [];
  if (sum === undefined || checksum(`${MARK}${id}_${secret}`) !== sum) return undefined;
  return {
    id: `${id.slice(0, 8)}-${id.slice(8, 12)}-${id.slice(12, 16)}-${id.slice(16, 20)}-${id.slice(20)}`,
    secretHash: hashSecret(Buffer.from(secret, 'hex')),
    digest,
  };
}

/** What a token is remembered by, which opens no door; undefined for what is none by its length alone. */
export const digestOf = (text: string): string | undefined =>
  text.length === LENGTH ? hash('sha256', text, 'base64') : undefined;

const checksum = (body: string): string => crc32(body).toString(16).padStart(8, '0');

export const newSecret = (): Buffer => randomBytes(SECRET_BYTES);

/** What the database keeps of a secret, which is long enough to need no slow hash. */
export const hashSecret = (secret: Buffer): Buffer => hash('sha256', secret, 'buffer');
