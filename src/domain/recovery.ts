import type { Knex } from 'knex';
import { UserModel } from '../db/models/user.js';
import { transaction, type Unit } from '../db/transaction.js';
import { AuthError } from '../errors.js';
import { lookupKey, ownNames, statusOf } from './accounts.js';
import { record } from './audit.js';
import type { Client } from './client.js';
import { charge, type Limiters } from './limits.js';
import { sendCredentialNotice, sendResetLink, type MailDeps } from './mail.js';
import {
  findOneTimeToken,
  PASSWORD_PURPOSES,
  spendOneTimeToken,
  voidOneTimeTokens,
  type OneTimeToken,
} from './one-time.js';
import { hashPassword, requireGoodPassword, type PasswordDeps } from './passwords.js';
import type { Feed } from './revocations.js';
import { inTheSameTime } from './same-time.js';
import { endSessions } from './sessions.js';

export interface RecoveryDeps extends MailDeps, PasswordDeps {
  db: Knex;
  feed: Feed;
  limiters: Limiters;
}

/**
 * Mails a link that sets the password anew where an account with this address may use it; tells nobody, neither by the
 * answer nor by its time, whether there is one.
 * @throws {AuthError} RATE_LIMITED, for addresses known and unknown alike
 */
export async function forgotPassword(deps: RecoveryDeps, email: string, client: Client): Promise<void> {
  const emailKey = lookupKey(email);
  await charge(deps.limiters, 'mailToAddress', emailKey);
  await inTheSameTime(askForLink(deps, emailKey, client));
}

async function askForLink(deps: RecoveryDeps, emailKey: string, client: Client): Promise<void> {
  await transaction(deps.db, async (unit) => {
    const user = await UserModel.query(unit.trx).findOne({ emailKey });
    const subject = user ? { subject: user.id } : {};
    await record(unit.trx, client, { type: 'password.reset_asked', ...subject });
    if (user && statusOf(user) === 'ACTIVE') await sendResetLink(deps, unit, user);
  });
}

/**
 * Sets a password by the secret of a mailed link, for the first time or anew; every session of the account ends. A second
 * factor stays. What is wrong with the password is told before the link is spent, and a dead link costs no hash.
 * @throws {AuthError} BAD_USER_INPUT, WEAK_PASSWORD, ONE_TIME_TOKEN_INVALID, RATE_LIMITED when too many hashes wait
 */
export async function resetPassword(
  deps: RecoveryDeps,
  token: string,
  password: string,
  client: Client,
): Promise<void> {
  requireGoodPassword(deps.config, 'newPassword', password, []);
  const user = await findHolder(deps.db, token);
  requireGoodPassword(deps.config, 'newPassword', password, ownNames(user));
  const passwordHash = await hashPassword(deps, password);
  await transaction(deps.db, async (unit) => {
    // The account before its link and its sessions, in the order of everybody else; it waits for a sign-in under way.
    await setPassword(unit, user.id, passwordHash);
    const spent = await spendOneTimeToken(unit, PASSWORD_PURPOSES, token);
    if (!spent) throw new AuthError('ONE_TIME_TOKEN_INVALID');
    await closeEverything(deps, unit, spent, client);
  });
}

/** Whose link this is; a link that is dead, or to an account that may not be used, is nobody's. */
async function findHolder(db: Knex, token: string): Promise<UserModel> {
  const found = await findOneTimeToken(db, PASSWORD_PURPOSES, token);
  const user = found && (await UserModel.query(db).findById(found.userId));
  if (!user || statusOf(user) !== 'ACTIVE') throw new AuthError('ONE_TIME_TOKEN_INVALID');
  return user;
}

/** Whoever has the link reads the mail of the account's address, which confirms it. */
async function setPassword({ trx }: Unit, userId: string, passwordHash: string): Promise<void> {
  const now = trx.raw('now()') as unknown as Date;
  const emailVerifiedAt = trx.raw('coalesce(email_verified_at, now())') as unknown as Date;
  const set = await UserModel.query(trx)
    .findById(userId)
    .whereNull('deletedAt')
    .whereNull('suspendedAt')
    .patch({ passwordHash, passwordChangedAt: now, updatedAt: now, emailVerifiedAt });
  if (set === 0) throw new AuthError('ONE_TIME_TOKEN_INVALID');
}

/** Whatever came from the password before ends, and its owner hears of it where there was one. */
async function closeEverything(
  deps: RecoveryDeps,
  unit: Unit,
  { userId, purpose }: OneTimeToken,
  client: Client,
): Promise<void> {
  await endSessions(deps.feed, unit, userId, undefined, { reason: 'password_reset', actor: userId, client });
  await voidOneTimeTokens(unit, userId);
  const details = { by: purpose };
  await record(unit.trx, client, { type: 'password.reset', actor: userId, subject: userId, details });
  if (purpose === 'invitation') return;
  const user = await UserModel.query(unit.trx).findById(userId).throwIfNotFound();
  await sendCredentialNotice(deps, unit, user, 'password_reset');
}
