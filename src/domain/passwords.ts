import { createHmac } from 'node:crypto';
import bcrypt from 'bcrypt';
import type { Knex } from 'knex';
import { fingerprint, type Config } from '../config.js';
import { UserModel } from '../db/models/user.js';
import { AuthError, badInput, type FieldError } from '../errors.js';
import { record } from './audit.js';
import type { Client } from './client.js';
import { charge, giveBack, type Limiters } from './limits.js';
import { isCommonPassword } from './passwords/blocklist.js';
import type { HashQueue } from './passwords/queue.js';

export { openHashQueue, type HashQueue } from './passwords/queue.js';

export interface PasswordDeps {
  config: Config;
  hashes: HashQueue;
}

/** Longest password, in code points; every one of them counts. */
const MAX_CODE_POINTS = 256;
const STORED = /^v1\.([0-9a-f]{8})\.(\$2[aby]\$(\d\d)\$.{53})$/;

/** What is wrong with the form of a password, before its strength is looked at. */
export function passwordFault(password: string): string | undefined {
  if (!password.isWellFormed()) return 'Must be well-formed Unicode.';
  if ([...password].length > MAX_CODE_POINTS) return `Must have at most ${MAX_CODE_POINTS} characters.`;
  return password === '' ? 'Must not be empty.' : undefined;
}

/**
 * Why a new password is too weak (NIST SP 800-63B-4: length and a blocklist, no rules about kinds of characters).
 * @param own the account's own names and addresses, none of which may be the password
 */
export function passwordWeakness(
  { passwords }: Config,
  password: string,
  own: readonly (string | null | undefined)[],
): string | undefined {
  const folded = password.normalize('NFKC').toLowerCase();
  if ([...password.normalize('NFKC')].length < passwords.minLength)
    return `Must have at least ${passwords.minLength} characters.`;
  if (own.some((name) => name?.normalize('NFKC').toLowerCase() === folded))
    return 'Must not be your own name or address.';
  if (passwords.blocklist && isCommonPassword(folded)) return 'This password is among the most common ones.';
  return undefined;
}

/** @throws {AuthError} BAD_USER_INPUT or WEAK_PASSWORD naming `field` */
export function requireGoodPassword(
  config: Config,
  field: string,
  password: string,
  own: readonly (string | null | undefined)[],
): void {
  requireSoundPassword(field, password);
  const weakness = passwordWeakness(config, password, own);
  const fields: FieldError[] = [{ name: field, message: weakness ?? '' }];
  if (weakness !== undefined) throw new AuthError('WEAK_PASSWORD', { message: weakness, fields });
}

/** Hashes for storage: NFKC → HMAC-SHA-384 under the newest pepper → base64 → bcrypt. @throws {AuthError} RATE_LIMITED when too many wait */
export async function hashPassword({ config, hashes }: PasswordDeps, password: string): Promise<string> {
  const pepper = newestPepper(config);
  const hash = await hashes.run(() => bcrypt.hash(peppered(pepper, password), config.passwords.hashCost));
  return `v1.${fingerprint(pepper)}.${hash}`;
}

/**
 * Whether this is the password behind `stored`. Without `stored` the same work is done on a decoy, so that an unknown
 * account takes as long as a wrong password.
 * @throws {AuthError} RATE_LIMITED when too many hashes wait
 */
async function verifyPassword(
  { config, hashes }: PasswordDeps,
  password: string,
  stored: string | null | undefined,
): Promise<boolean> {
  const [, pepperName, hash] = STORED.exec(stored ?? '') ?? [];
  const pepper = config.passwords.peppers.find((candidate) => fingerprint(candidate) === pepperName);
  const input = peppered(pepper ?? newestPepper(config), password);
  const matches = await hashes.run(async () =>
    bcrypt.compare(input, hash && pepper ? hash : await hashes.decoy()),
  );
  return matches && hash !== undefined && pepper !== undefined;
}

/** Before any work on a password that nobody can have. @throws {AuthError} BAD_USER_INPUT naming `field` */
export function requireSoundPassword(field: string, password: string): void {
  const fault = passwordFault(password);
  if (fault !== undefined) throw badInput([{ name: field, message: fault }]);
}

/**
 * {@link verifyPassword} within the budget of secret checks: a wrong password uses it up, and neither a right one does
 * nor a check that could not be made.
 * @param key whose budget: the account's, or the login's where there is no such account
 * @throws {AuthError} RATE_LIMITED when the budget is used up or too many hashes wait
 */
export async function checkPassword(
  deps: PasswordDeps & { limiters: Limiters },
  key: string,
  password: string,
  stored: string | null | undefined,
): Promise<boolean> {
  await charge(deps.limiters, 'secretChecks', key);
  let isWrong = false;
  try {
    isWrong = !(await verifyPassword(deps, password, stored));
    return !isWrong;
  } finally {
    if (!isWrong) await giveBack(deps.limiters, 'secretChecks', key);
  }
}

/**
 * The account that acts, once its password is proved: on the same budget as signing in, so that a stolen access token is
 * no way to guess a password.
 * @throws {AuthError} RATE_LIMITED, INVALID_CREDENTIALS
 */
export async function provePassword(
  deps: PasswordDeps & { db: Knex; limiters: Limiters },
  actor: { readonly id: string },
  password: string,
  client: Client,
): Promise<UserModel> {
  const user = await UserModel.query(deps.db).findById(actor.id).throwIfNotFound();
  if (await checkPassword(deps, user.emailKey, password, user.passwordHash)) return user;
  await record(deps.db, client, {
    type: 'password.refused',
    outcome: 'FAILURE',
    actor: actor.id,
    subject: actor.id,
    details: { reason: 'credentials' },
  });
  throw new AuthError('INVALID_CREDENTIALS');
}

/** Whether a stored hash was made with an older pepper or cost and should be made anew while the password is at hand. */
export function isOutdated(config: Config, stored: string | null): boolean {
  const [, pepperName, , cost] = STORED.exec(stored ?? '') ?? [];
  return pepperName !== fingerprint(newestPepper(config)) || Number(cost) !== config.passwords.hashCost;
}

function newestPepper(config: Config): Buffer {
  const [pepper] = config.passwords.peppers;
  if (!pepper) throw new Error('There is no password pepper.');
  return pepper;
}

// bcrypt reads no more than 72 bytes and stops at a NUL; 64 base64 characters of a MAC keep every code point significant.
function peppered(pepper: Buffer, password: string): string {
  return createHmac('sha384', pepper).update(password.normalize('NFKC')).digest('base64');
}
