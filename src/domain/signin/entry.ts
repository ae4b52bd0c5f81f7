import type { Knex } from 'knex';
import type { UserModel } from '../../db/models/user.js';
import { transaction } from '../../db/transaction.js';
import { badInput } from '../../errors.js';
import { readDeviceToken, type Device } from '../devices.js';
import { mailSparingly, sendVerification } from '../mail.js';
import type { SignInDeps } from './deps.js';

/** Longest login: an email address. */
const LONGEST_LOGIN = 254;

/** Before anything is done for a login that nobody can have. @throws {AuthError} BAD_USER_INPUT */
export function requireSoundLogin(login: string): void {
  const isSound =
    login.length <= LONGEST_LOGIN && /^[^\p{Cc}\p{Cs}]*[^\p{Cc}\p{Cs}\s][^\p{Cc}\p{Cs}]*$/u.test(login);
  if (!isSound) throw badInput([{ name: 'login', message: 'Must be an email address or a username.' }]);
}

/** The device that whoever signs in to this account shows to be on, where it is one that the account knows. */
export const deviceOf = (
  { config, clock }: SignInDeps,
  db: Knex,
  user: UserModel,
  token: string | null | undefined,
): Promise<Device | undefined> => readDeviceToken(db, config.encryptionKeys, user, token, clock.now());

/** Whether the account waits for its address to be confirmed; if so, another link is mailed. */
export async function awaitsVerification(deps: SignInDeps, user: UserModel): Promise<boolean> {
  if (!deps.config.accounts.requireEmailVerification || user.emailVerifiedAt) return false;
  await mailSparingly(deps.limiters, user.emailKey, () =>
    transaction(deps.db, (unit) => sendVerification(deps, unit, user)),
  );
  return true;
}
