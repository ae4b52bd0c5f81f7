import { createCipheriv, pbkdf2Sync, scryptSync, timingSafeEqual } from 'node:crypto';
import { bcryptCost } from './work.js';

/**
 * Hashes that other systems made, each as one text in the style of the PHC string format. What is accepted here is what an
 * import takes and a hashing process checks; nothing costs more than {@link MAX_MEMORY} and a few seconds.
 */
interface Foreign {
  /** Why it is refused: it asks for more than may be spent on one, or is not what the form takes. */
  fault(numbers: Numbers, parts: readonly Buffer[]): string | undefined;
  /** How many binary parts follow the parameters; the last is the hash. */
  parts: number;
  derive(password: string, numbers: Numbers, parts: readonly Buffer[]): Promise<Buffer> | Buffer;
}

type Numbers = Readonly<Record<string, number>>;

/** Most memory that one check may take, in bytes. */
const MAX_MEMORY = 256 * 1024 * 1024;
const MAX_PBKDF2_ITERATIONS = 2_000_000;
const MAX_BCRYPT_COST = 16;
/** In bytes. */
const MIN_ARGON2_SALT = 8;

const TOO_MUCH = 'asks for more work or memory than an import takes';
const whole = (value: number | undefined, min: number, max: number) =>
  value !== undefined && Number.isInteger(value) && value >= min && value <= max;

const argon2 = (name: 'argon2id' | 'argon2i'): Foreign => ({
  parts: 2,
  fault({ v, m, t, p }, [salt = NONE]) {
    if (v !== 19) return 'is of a version of Argon2 that is not known';
    if (salt.length < MIN_ARGON2_SALT) return 'has a shorter salt than Argon2 takes';
    const isBounded = whole(p, 1, 16) && whole(m, 8 * (p ?? 1), MAX_MEMORY / 1024) && whole(t, 1, 64);
    return isBounded && (m ?? 0) * (t ?? 0) <= (4 * MAX_MEMORY) / 1024 ? undefined : TOO_MUCH;
  },
  async derive(password, { m = 0, t = 0, p = 0 }, [salt, hash]) {
    // Loaded where one is checked for the first time.
    const derive = (await import('hash-wasm'))[name];
    const result = await derive({
      password: Buffer.from(password),
      salt: salt ?? '',
      memorySize: m,
      iterations: t,
      parallelism: p,
      hashLength: hash?.length ?? 0,
      outputType: 'binary',
    });
    return Buffer.from(result);
  },
});

function scryptFault({ ln, r, p }: Numbers): string | undefined {
  // Scrypt is not defined for more than 2^(16 r) blocks.
  const isBounded = whole(r, 1, 32) && whole(ln, 1, Math.min(20, 16 * (r ?? 0) - 1)) && whole(p, 1, 16);
  const memory = 128 * 2 ** (ln ?? 0) * (r ?? 0);
  return isBounded && memory <= MAX_MEMORY && memory * (p ?? 1) <= 2 * MAX_MEMORY ? undefined : TOO_MUCH;
}

const runScrypt = (password: string, salt: Buffer, { ln = 0, r = 0, p = 0 }: Numbers, length: number) =>
  scryptSync(password, salt, length, { N: 2 ** ln, r, p, maxmem: 2 * MAX_MEMORY });

const scrypt: Foreign = {
  parts: 2,
  fault: scryptFault,
  derive: (password, numbers, [salt = NONE, hash = NONE]) => runScrypt(password, salt, numbers, hash.length),
};

const NONE = Buffer.alloc(0);
/** AES-256. */
const KEY_BYTES = 32;

/** Firebase's own: scrypt makes the key under which the project's signer key is encrypted, and that is the hash. */
const firebase: Foreign = {
  parts: 4,
  fault: scryptFault,
  derive(password, numbers, [salt = NONE, separator = NONE, signerKey = NONE]) {
    const key = runScrypt(password, Buffer.concat([salt, separator]), numbers, 2 * KEY_BYTES);
    const cipher = createCipheriv('aes-256-ctr', key.subarray(0, KEY_BYTES), Buffer.alloc(16));
    return Buffer.concat([cipher.update(signerKey), cipher.final()]);
  },
};

const pbkdf2 = (digest: string): Foreign => ({
  parts: 2,
  fault: ({ i }) => (whole(i, 1, MAX_PBKDF2_ITERATIONS) ? undefined : TOO_MUCH),
  derive: (password, { i = 0 }, [salt = NONE, hash = NONE]) =>
    pbkdf2Sync(password, salt, i, hash.length, digest),
});

const FORMS: ReadonlyMap<string, Foreign> = new Map([
  ['argon2id', argon2('argon2id')],
  ['argon2i', argon2('argon2i')],
  ['scrypt', scrypt],
  ['firebase-scrypt', firebase],
  ['pbkdf2-sha1', pbkdf2('sha1')],
  ['pbkdf2-sha256', pbkdf2('sha256')],
  ['pbkdf2-sha512', pbkdf2('sha512')],
]);

/** Why a hash is not taken, as the end of a sentence without anything of the hash in it; undefined where it is. */
export function foreignFault(hash: string): string | undefined {
  const cost = bcryptCost(hash);
  if (cost !== undefined) return whole(cost, 4, MAX_BCRYPT_COST) ? undefined : TOO_MUCH;
  const read = readForeign(hash);
  return typeof read === 'string' ? read : undefined;
}

/** Whether the password is behind a hash that {@link foreignFault} finds nothing wrong with; bcrypt is not its business. */
export async function matchesForeign(password: string, hash: string): Promise<boolean> {
  const read = readForeign(hash);
  if (typeof read === 'string') return false;
  const expected = read.parts.at(-1) ?? NONE;
  const derived = await read.form.derive(password, read.numbers, read.parts);
  return derived.length === expected.length && timingSafeEqual(derived, expected);
}

const UNKNOWN = 'is of a form that is not known';
/** Shorter hashes are met by chance, longer parts are made by nobody. */
const HASH_BYTES = { min: 16, max: 256 };
const MAX_PART_BYTES = 256;

function readForeign(hash: string) {
  const [start, name = '', ...rest] = hash.split('$');
  const form = FORMS.get(name);
  if (start !== '' || !form) return UNKNOWN;
  const numbers = Object.fromEntries(rest.slice(0, -form.parts).flatMap(readNumbers));
  const parts = rest.slice(-form.parts).map(readPart);
  const bytes = parts.at(-1)?.length ?? 0;
  if (parts.length < form.parts || bytes < HASH_BYTES.min || bytes > HASH_BYTES.max) return UNKNOWN;
  const sound = parts.filter((part) => part !== undefined && part.length <= MAX_PART_BYTES) as Buffer[];
  if (sound.length < parts.length) return UNKNOWN;
  return form.fault(numbers, sound) ?? { form, numbers, parts: sound };
}

/** `m=65536,t=3`, and the number of rounds that passlib writes alone. */
function readNumbers(text: string): [string, number][] {
  return text.split(',').map((pair) => {
    const [name = '', value] = pair.split('=');
    return value === undefined ? ['i', asNumber(name)] : [name, asNumber(value)];
  });
}

const asNumber = (text: string) => (/^\d{1,10}$/.test(text) ? Number(text) : Number.NaN);

/** Base64 in any of its spellings, passlib's with "." included. */
function readPart(text: string): Buffer | undefined {
  const plain = text.replaceAll('.', '+').replaceAll('-', '+').replaceAll('_', '/');
  return /^[A-Za-z0-9+/]*={0,2}$/.test(plain) ? Buffer.from(plain, 'base64') : undefined;
}
