import type { Knex } from 'knex';
import { UserModel } from '../../db/models/user.js';
import { AuthError, conflict } from '../../errors.js';
import { findReserving } from '../address-changes.js';
import { NO_ID } from '../ids.js';
import { lookupKey, type Profile } from './profile.js';

/** An address that somebody may yet take back is taken. @throws {AuthError} CONFLICT naming every one of the two that is taken */
export async function requireFree(
  db: Knex,
  profile: Pick<Profile, 'email' | 'username'>,
  except?: string,
): Promise<void> {
  const keys = keysOf(profile);
  const taken = await UserModel.query(db)
    .where((either) => {
      void either
        .where({ emailKey: keys.emailKey ?? null })
        .orWhere({ usernameKey: keys.usernameKey ?? null });
    })
    .whereNot({ id: except ?? NO_ID });
  const reserving = keys.emailKey === undefined ? [] : await findReserving(db, [keys.emailKey], except);
  const fields = [
    ...(taken.some((user) => user.emailKey === keys.emailKey) || reserving.length > 0 ? [EMAIL_TAKEN] : []),
    ...(taken.some((user) => user.usernameKey === keys.usernameKey) ? [USERNAME_TAKEN] : []),
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
