import { UserModel } from '../db/models/user.js';
import { transaction } from '../db/transaction.js';
import { AuthError } from '../errors.js';
import { lookupKey, statusOf } from './accounts.js';
import { record } from './audit.js';
import type { Client } from './client.js';
import { charge, type Limiters } from './limits.js';
import { sendVerification, type MailDeps } from './mail.js';
import { findOneTimeToken, spendOneTimeToken } from './one-time.js';
import { inTheSameTime } from './same-time.js';

export interface EmailVerificationDeps extends MailDeps {
  limiters: Limiters;
}

const PURPOSES = ['verify-email'] as const;

/** Confirms an address by the secret that was mailed to it. @throws {AuthError} ONE_TIME_TOKEN_INVALID, RATE_LIMITED */
export async function verifyEmail(deps: EmailVerificationDeps, token: string, client: Client): Promise<void> {
  const isVerified = await transaction(deps.db, async (unit) => {
    const userId = (await findOneTimeToken(unit.trx, PURPOSES, token))?.userId;
    if (userId === undefined) return false;
    // The account before its link, in the order of whoever closes it.
    await UserModel.query(unit.trx).findById(userId).forUpdate();
    if (!(await spendOneTimeToken(unit, PURPOSES, token))) return false;
    await UserModel.query(unit.trx)
      .findById(userId)
      .patch({ emailVerifiedAt: unit.trx.raw('now()') });
    await record(unit.trx, client, { type: 'email.verified', actor: userId, subject: userId });
    return true;
  });
  if (!isVerified) throw new AuthError('ONE_TIME_TOKEN_INVALID');
}

/**
 * Mails a new link where there is an unconfirmed account with this address; tells nobody, neither by the answer nor by its
 * time, whether there is one.
 * @throws {AuthError} RATE_LIMITED
 */
export async function resendVerification(deps: EmailVerificationDeps, email: string): Promise<void> {
  const emailKey = lookupKey(email);
  await charge(deps.limiters, 'mailToAddress', emailKey);
  await inTheSameTime(mailAgain(deps, emailKey));
}

async function mailAgain(deps: EmailVerificationDeps, emailKey: string): Promise<void> {
  await transaction(deps.db, async (unit) => {
    const user = await UserModel.query(unit.trx).findOne({ emailKey });
    if (user && !user.emailVerifiedAt && statusOf(user) === 'ACTIVE')
      await sendVerification(deps, unit, user);
  });
}
