import { LRUCache } from 'lru-cache';
import type { TokenAnswer } from '../verification.js';

/** What an account's answer says beside the claims of its token, and how it was written. */
interface Written {
  readonly username: string | undefined;
  readonly role: string | null;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  readonly scopes: readonly string[];
  readonly text: string;
}

/** In characters: owners carry the permissions of every application. */
const MOST_TEXT = 8_000_000;
const MOST_ANSWERS = 10_000;

/** By the claims of a verified token, which never change. A token that is verified anew has others. */
const answers = new LRUCache<object, Written>({
  max: MOST_ANSWERS,
  maxSize: MOST_TEXT,
  sizeCalculation: ({ text }) => text.length,
});

/**
 * The answer about an account's token of which no service was named, as it was written before where it would say the same
 * again. What is worth saying has been decided: this remembers how it is said.
 */
export function writeOnce(
  { subject, scopes, claims }: TokenAnswer,
  username: string | undefined,
  write: () => string,
): string {
  if (!subject || !claims) return write();
  const { role, roles, permissions } = subject;
  const facts = { username, role, roles, permissions, scopes };
  const known = answers.get(claims);
  if (known && isAlike(known, facts)) return known.text;
  const text = write();
  answers.set(claims, { ...facts, text });
  return text;
}

function isAlike(one: Omit<Written, 'text'>, other: Omit<Written, 'text'>): boolean {
  return (
    one.username === other.username &&
    one.role === other.role &&
    isSame(one.roles, other.roles) &&
    isSame(one.permissions, other.permissions) &&
    isSame(one.scopes, other.scopes)
  );
}

const isSame = (one: readonly string[], other: readonly string[]): boolean =>
  one === other || (one.length === other.length && one.every((name, at) => name === other[at]));
