/** Longest token that is looked at, in characters. */
export const MAX_TOKEN_LENGTH = 8192;

const MAX_KID_LENGTH = 64;
const THREE_PARTS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
/** Header members that bring keys along or change what is signed: a token with one of them is refused. */
const REFUSED_MEMBERS = ['jku', 'x5u', 'jwk', 'x5c', 'crit', 'b64', 'zip', 'enc', 'p2c'];

/** A JWS in compact serialization whose form is beyond doubt; nothing it says is trusted yet. */
export interface Compact {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  /** What is signed, and the signature. */
  readonly input: string;
  readonly signature: Buffer;
}

/** Reads a token strictly: three canonical base64url parts, JSON objects that name nothing twice. */
export function parseCompact(text: string): Compact | undefined {
  if (text.length > MAX_TOKEN_LENGTH || !THREE_PARTS.test(text)) return undefined;
  const afterHeader = text.indexOf('.');
  const afterClaims = text.lastIndexOf('.');
  const header = readHeader(text.slice(0, afterHeader));
  const claims = readObject(text.slice(afterHeader + 1, afterClaims));
  const signature = text.slice(afterClaims + 1);
  if (!header || !claims || !isCanonical(signature)) return undefined;
  return {
    header,
    claims,
    input: text.slice(0, afterClaims),
    signature: Buffer.from(signature, 'base64url'),
  };
}

/** The members of the header that decide how a token is checked; undefined where one of them is no sound text. */
export function protectedOf({
  header: { alg, kid, typ },
}: Compact): { alg: string; kid: string; typ: string | undefined } | undefined {
  if (typeof alg !== 'string' || typeof kid !== 'string' || kid.length > MAX_KID_LENGTH) return undefined;
  return typ === undefined || typeof typ === 'string' ? { alg, kid, typ } : undefined;
}

let latest: { part: string; header: Compact['header'] | undefined } = { part: '', header: undefined };

/** Tokens that one key signed have the same header. */
function readHeader(part: string): Compact['header'] | undefined {
  if (part !== latest.part) latest = { part, header: soundHeader(readObject(part)) };
  return latest.header;
}

function soundHeader(header: Record<string, unknown> | undefined): Compact['header'] | undefined {
  const isSound = header && !REFUSED_MEMBERS.some((member) => Object.hasOwn(header, member));
  return isSound ? Object.freeze(header) : undefined;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** Bits of the last character that mean nothing, by what is left of the length over four. */
const SPARE_BITS = [0, undefined, 0b1111, 0b11];

/** Several spellings mean the same bytes where the last character has spare bits: only the one without any is taken. */
function isCanonical(part: string): boolean {
  const spare = SPARE_BITS[part.length % 4];
  return spare !== undefined && (ALPHABET.indexOf(part.charAt(part.length - 1)) & spare) === 0;
}

function readObject(part: string): Record<string, unknown> | undefined {
  if (!isCanonical(part)) return undefined;
  const json = Buffer.from(part, 'base64url').toString('utf8');
  try {
    const value: unknown = JSON.parse(json);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject && countMembers(value) === countColons(json)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Of objects at any depth: a name that an object holds twice is there once. Readers may differ in which one they take (RFC 8259 §4). */
function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inside = Object.values(value);
  let count = Array.isArray(value) ? 0 : inside.length;
  for (const one of inside) count += countMembers(one);
  return count;
}

const [QUOTE, BACKSLASH, COLON] = [0x22, 0x5c, 0x3a];

/** Those of sound JSON that stand outside of texts: one for each member that was written. */
function countColons(json: string): number {
  let [count, isInText] = [0, false];
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) isInText = !isInText;
    else if (code === BACKSLASH) at++;
    else if (code === COLON && !isInText) count++;
  }
  return count;
}
