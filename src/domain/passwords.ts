import { createHmac, randomBytes } from 'node:crypto';
import type { Knex } from 'knex';
import { fingerprint, type Config } from '../config.js';
import { UserModel } from '../db/models/user.js';
import { AuthError, badInput, type FieldError } from '../errors.js';
import { record } from './audit.js';
import type { Client } from './client.js';
import type { Limiters } from './limits.js';
import { isCommonPassword } from './passwords/blocklist.js';
import { foreignFault } from './passwords/foreign.js';
import type { Hashing } from './passwords/pool.js';
import { seal, unseal } from './sealing.js';
import { trialInSession, withinBudget, type Trial } from './secret-checks.js';

export { openHashPool, type HashPool } from './passwords/pool.js';
export { foreignFault };

export interface PasswordDeps {
  config: Config;
  hashes: Hashing;
}

/** Longest password, in code points once it is NFKC; every one of them counts. */
const MAX_CODE_POINTS = 256;
/** What is longer as it was typed, in UTF-16 units, is not even brought into that form. */
const MAX_TYPED = 4096;
const STORED = /^v1\.([0-9a-f]{8})\.(\$2[aby]\$(\d\d)\$.{53})$/;
/** A hash that was imported, in a box under a pepper: its kind, and the box. */
const IMPORTED = /^i1\.(.+)$/;
const IMPORTED_PURPOSE = 'imported password hash';

/** What is wrong with the form of a password, before its strength is looked at. */
export function passwordFault(password: string): string | undefined {
  if (!password.isWellFormed()) return 'Must be well-formed Unicode.';
  if (password.length > MAX_TYPED || [...password.normalize('NFKC')].length > MAX_CODE_POINTS)
    return `Must have at most ${MAX_CODE_POINTS} characters.`;
  return password === '' ? 'Must not be empty.' : undefined;
}

/**
 * Why a new password is too weak (NIST SP 800-63B-4: length and a blocklist, no rules about kinds of characters).
 * @param own the account's own names and addresses, none of which may be the password
 */
export function passwordWeakness(
  { passwords, mfa }: Config,
  password: string,
  own: readonly (string | null | undefined)[],
): string | undefined {
  const normal = password.normalize('NFKC');
  const folded = normal.toLowerCase();
  if ([...normal].length < passwords.minLength)
    return `Must have at least ${passwords.minLength} characters.`;
  if (own.some((name) => name?.normalize('NFKC').toLowerCase() === folded))
    return 'Must not be your own name or address.';
  if (passwords.blocklist && isCommonPassword(folded, mfa.issuer))
    return 'This password is among the most common ones.';
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
  const input = peppered(pepper, password);
  const hash = await hashes.run({ kind: 'make', input, cost: config.passwords.hashCost });
  return `v1.${fingerprint(pepper)}.${String(hash)}`;
}

/**
 * What is stored of a hash that another system made: sealed under the newest pepper, so that a stolen database is no list of
 * hashes to guess at, until the first sign-in replaces it by one of ours.
 * @param hash one that {@link foreignFault} finds nothing wrong with
 */
export function keepForeignHash({ passwords }: Config, hash: string): string {
  return `i1.${seal(passwords.peppers, IMPORTED_PURPOSE, Buffer.from(hash))}`;
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
  const cost = config.passwords.hashCost;
  const question = questionOf(config, password, stored ?? '');
  const asked = question ?? { inputs: ours(newestPepper(config), password), hash: decoy(cost) };
  const matches = await hashes.run({ kind: 'check', ...asked, cost });
  return matches === true && question !== undefined;
}

/** Which spellings are to be checked against which hash; undefined where nothing can be right. */
function questionOf({ passwords: { peppers } }: Config, password: string, stored: string) {
  const [, pepperName, hash] = STORED.exec(stored) ?? [];
  const pepper = peppers.find((candidate) => fingerprint(candidate) === pepperName);
  if (hash !== undefined && pepper) return { inputs: ours(pepper, password), hash };
  const foreign = openForeignHash(peppers, stored);
  return foreign === undefined ? undefined : { inputs: spellingsOf(password), hash: foreign };
}

/** Other systems hash what was typed, or make é one character first. */
const spellingsOf = (password: string) => [...new Set([password, password.normalize('NFC')])];

/** As often as an imported hash is tried, so that the time does not tell which one an account has. */
const ours = (pepper: Buffer, password: string) =>
  spellingsOf(password).map(() => peppered(pepper, password));

function openForeignHash(peppers: readonly Buffer[], stored: string): string | undefined {
  const [, box] = IMPORTED.exec(stored) ?? [];
  try {
    return box === undefined ? undefined : unseal(peppers, IMPORTED_PURPOSE, box).toString();
  } catch {
    // Its pepper is gone.
    return undefined;
  }
}

const BCRYPT_ALPHABET = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
/** Salt and digest of nothing anybody knows: 53 characters that chance wrote. */
const NOBODYS = [...randomBytes(53)].map((byte) => BCRYPT_ALPHABET[byte % 64]).join('');
const decoy = (cost: number) => `$2b$${String(cost).padStart(2, '0')}$${NOBODYS}`;

/** Before any work on a password that nobody can have. @throws {AuthError} BAD_USER_INPUT naming `field` */
export function requireSoundPassword(field: string, password: string): void {
  const fault = passwordFault(password);
  if (fault !== undefined) throw badInput([{ name: field, message: fault }]);
}

/** What is stored of an account's password, if it has one, and if there is an account. */
type Stored = string | null | undefined;

/**
 * {@link verifyPassword} within the budget of secret checks: a wrong password uses it up, and neither a right one does
 * nor a check that could not be made.
 * @param trial whose budget
 * @param stored what is stored; where that is not known yet, it is asked for once the budget allows it
 * @throws {AuthError} RATE_LIMITED when the budget is used up or too many hashes wait
 */
export async function checkPassword(
  deps: PasswordDeps & { limiters: Limiters },
  trial: Trial,
  password: string,
  stored: Stored | (() => Promise<Stored>),
): Promise<boolean> {
  return withinBudget(deps.limiters, trial, async (wrong) => {
    const hash = typeof stored === 'function' ? await stored() : stored;
    const isRight = await verifyPassword(deps, password, hash);
    if (!isRight) wrong();
    return isRight;
  });
}

/**
 * The account that acts, once its password is proved: on the same budget as signing in, so that a stolen access token is
 * no way to guess a password.
 * @throws {AuthError} RATE_LIMITED, INVALID_CREDENTIALS
 */
export async function provePassword(
  deps: PasswordDeps & { db: Knex; limiters: Limiters },
  actor: { readonly id: string; readonly sessionId: string },
  password: string,
  client: Client,
): Promise<UserModel> {
  const user = await UserModel.query(deps.db).findById(actor.id).throwIfNotFound();
  const trial = await trialInSession(deps.db, user, actor.sessionId, client);
  if (await checkPassword(deps, trial, password, user.passwordHash)) return user;
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
