import type { Knex } from 'knex';
import { atOnce, type Statement } from '../../db/at-once.js';
import { AuthError, conflict } from '../../errors.js';
import { isReserving } from '../address-changes.js';
import { NO_ID } from '../ids.js';
import { lookupKey, type Profile } from './profile.js';

const TAKEN: Statement = {
  name: 'names_taken',
  text: `
    select exists (select from users where email_key = $1 and id <> $3)
      or exists (select from email_changes where ${isReserving('$1')} and user_id <> $3) as email,
      exists (select from users where username_key = $2 and id <> $3) as username`,
};

/** An address that somebody may yet take back is taken. @throws {AuthError} CONFLICT naming every one of the two that is taken */
export async function requireFree(
  db: Knex,
  profile: Pick<Profile, 'email' | 'username'>,
  except = NO_ID,
): Promise<void> {
  const { emailKey = null, usernameKey = null } = keysOf(profile);
  const values = [emailKey, usernameKey, except];
  const [taken] = await atOnce<{ email: boolean; username: boolean }>(db, TAKEN, values);
  const fields = [
    ...(taken?.email === true ? [EMAIL_TAKEN] : []),
    ...(taken?.username === true ? [USERNAME_TAKEN] : []),
  ];
  if (fields[0]) throw new AuthError('CONFLICT', { message: fields[0].message, fields });
}

const EMAIL_TAKEN = { name: 'email', message: 'Email already exists' };
const USERNAME_TAKEN = { name: 'username', message: 'Username already exists' };
const TAKEN_BY_CONSTRAINT: Record<string, { name: string; message: string }> = {
  users_email_taken: EMAIL_TAKEN,
  users_username_taken: USERNAME_TAKEN,
};

/** What the unique indexes say when two race for one name. */
export async function tellTaken<T>(write: PromiseLike<T>): Promise<T> {
  try {
    return await write;
  } catch (error) {
    const taken = TAKEN_BY_CONSTRAINT[(error as { constraint?: string }).constraint ?? ''];
    throw taken ? conflict(taken.name, taken.message) : error;
  }
}

/** The columns that names are compared by. */
export function keysOf({ email, username }: Pick<Profile, 'email' | 'username'>) {
  const keys: { emailKey?: string; usernameKey?: string } = {};
  if (email !== undefined) keys.emailKey = lookupKey(email);
  if (username !== undefined) keys.usernameKey = lookupKey(username);
  return keys;
}
