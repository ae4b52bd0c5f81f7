import type { ClaimPath } from '../../config/claim-map.js';
import type { TrustedIssuer } from '../../config/trusted-issuers.js';

/** Whom a token of another issuer speaks of, as far as the claim map lets it tell. */
export interface ForeignSubject {
  /** The issuer and its name for the subject, as `issuer#name`: none of ours, and no other issuer's. */
  readonly id: string;
  /** The issuer's own name for the subject. */
  readonly externalId: string;
  readonly username: string | null;
  readonly email: string | null;
  readonly role: string | null;
  readonly roles: readonly string[];
  readonly permissions: ReadonlySet<string>;
}

/** In characters and entries: what is longer says nothing. */
const LONGEST = 255;
const MOST_NAMES = 500;

/** Reads the subject of proved claims; undefined where they name none. */
export function readSubject(
  { issuer, claims: map }: TrustedIssuer,
  claims: Record<string, unknown>,
): ForeignSubject | undefined {
  const first = (paths: readonly ClaimPath[] = []) =>
    paths.map((path) => textAt(claims, path)).find((text) => text !== undefined);
  const all = (paths: readonly ClaimPath[] = []) => paths.flatMap((path) => namesAt(claims, path));
  const externalId = first(map.subject);
  if (externalId === undefined) return undefined;
  const named = first(map.role);
  const roles = [...new Set([...(named === undefined ? [] : [named]), ...all(map.roles)])].slice(
    0,
    MOST_NAMES,
  );
  return {
    // An issuer has no "#" in its name, so that no two pairs are written alike.
    id: `${issuer}#${externalId}`,
    externalId,
    username: first(map.username) ?? null,
    email: first(map.email) ?? null,
    role: roles[0] ?? null,
    roles,
    permissions: new Set(all(map.permissions).slice(0, MOST_NAMES)),
  };
}

/** Own members alone: no path leads to what every object has. */
function valueAt(claims: Record<string, unknown>, path: ClaimPath): unknown {
  let value: unknown = claims;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

function textAt(claims: Record<string, unknown>, path: ClaimPath): string | undefined {
  const value = valueAt(claims, path);
  return isName(value) ? value : undefined;
}

/** A list of names, or a text of names with spaces between them (RFC 8693 §4.2). */
function namesAt(claims: Record<string, unknown>, path: ClaimPath): string[] {
  const value = valueAt(claims, path);
  const names: unknown[] = Array.isArray(value) ? value : typeof value === 'string' ? value.split(' ') : [];
  return names.filter(isName);
}

const isName = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= LONGEST && /^[^\p{Cc}\p{Cs}]+$/u.test(value);
