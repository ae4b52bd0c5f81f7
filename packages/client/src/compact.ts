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
  const signature = decode(text.slice(afterClaims + 1));
  const header = readObject(text.slice(0, afterHeader));
  const claims = readObject(text.slice(afterHeader + 1, afterClaims));
  if (!signature || !header || !claims) return undefined;
  if (REFUSED_MEMBERS.some((member) => Object.hasOwn(header, member))) return undefined;
  return { header, claims, input: text.slice(0, afterClaims), signature };
}

/** The members of the header that decide how a token is checked; undefined where one of them is no sound text. */
export function protectedOf({
  header: { alg, kid, typ },
}: Compact): { alg: string; kid: string; typ: string | undefined } | undefined {
  if (typeof alg !== 'string' || typeof kid !== 'string' || kid.length > MAX_KID_LENGTH) return undefined;
  return typ === undefined || typeof typ === 'string' ? { alg, kid, typ } : undefined;
}

/** The last character may hold spare bits, so that several spellings mean the same bytes: only one of them is taken. */
function decode(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url');
  return bytes.toString('base64url') === part ? bytes : undefined;
}

function readObject(part: string): Record<string, unknown> | undefined {
  const json = decode(part)?.toString('utf8');
  if (json === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(json);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject && !namesTwice(json) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

const STRING_OR_BRACE = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}]/g;

/** Whether an object in this sound JSON names a member twice: readers may differ in which one they take (RFC 8259 §4). */
function namesTwice(json: string): boolean {
  const open: Set<string>[] = [];
  for (const [found, colon] of json.matchAll(STRING_OR_BRACE)) {
    if (found === '{') open.push(new Set());
    else if (found === '}') open.pop();
    else if (colon !== undefined) {
      const name = JSON.parse(found.slice(0, found.length - colon.length)) as string;
      const names = open.at(-1);
      if (names?.has(name) === true) return true;
      names?.add(name);
    }
  }
  return false;
}
