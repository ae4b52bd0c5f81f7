import { hash } from 'node:crypto';

/** Longest token that is looked at, in characters. */
const MAX_LENGTH = 8192;
const MAX_KID_LENGTH = 64;
const THREE_PARTS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
/** Header members that bring keys or change what is signed; a token with one of them is refused. */
const REFUSED_MEMBERS = ['jku', 'x5u', 'jwk', 'x5c', 'crit', 'b64', 'zip', 'enc', 'p2c'];

/** A JWS in compact serialization whose form is beyond doubt; nothing about it is trusted yet. */
export interface Compact {
  readonly header: {
    readonly alg: string;
    readonly kid: string | undefined;
    readonly typ: string | undefined;
  };
  readonly claims: Record<string, unknown>;
}

/** Reads a token's form, strictly: three canonical base64url parts, JSON objects without doubled names, at most a short kid. */
export function parseCompact(text: string): Compact | undefined {
  if (text.length > MAX_LENGTH || !THREE_PARTS.test(text)) return undefined;
  const [head = '', body = '', signature = ''] = text.split('.');
  if (![head, body, signature].every(isCanonical)) return undefined;
  const header = parseObject(head);
  const claims = parseObject(body);
  if (!header || !claims || REFUSED_MEMBERS.some((member) => Object.hasOwn(header, member))) return undefined;
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string' || !isOptional(kid, MAX_KID_LENGTH)) return undefined;
  if (!isOptional(typ, MAX_LENGTH)) return undefined;
  return { header: { alg, kid, typ }, claims };
}

const isOptional = (value: unknown, longest: number): value is string | undefined =>
  value === undefined || (typeof value === 'string' && value.length <= longest);

let latest = { text: '', digest: '' };

/** What a token is remembered by. A bearer that asks about itself comes twice in a row. */
export function digestOf(text: string): string {
  if (latest.text !== text) latest = { text, digest: hash('sha256', text, 'base64') };
  return latest.digest;
}

/** base64url has several spellings of the same bytes where the last character holds spare bits; only one is accepted. */
function isCanonical(part: string): boolean {
  return Buffer.from(part, 'base64url').toString('base64url') === part;
}

function parseObject(part: string): Record<string, unknown> | undefined {
  const json = Buffer.from(part, 'base64url').toString('utf8');
  try {
    const value: unknown = JSON.parse(json);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject && !hasDoubledName(json) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

const STRING_OR_BRACKET = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}]/g;

/** Whether any object in this valid JSON names a member twice, which parsers are free to read differently (RFC 8259 §4). */
function hasDoubledName(json: string): boolean {
  const open: Set<string>[] = [];
  for (const [token, colon] of json.matchAll(STRING_OR_BRACKET)) {
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (colon !== undefined) {
      const name = JSON.parse(token.slice(0, token.length - colon.length)) as string;
      const names = open.at(-1);
      if (names?.has(name)) return true;
      names?.add(name);
    }
  }
  return false;
}
