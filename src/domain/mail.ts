import type { Knex } from 'knex';
import type { Config } from '../config.js';
import { OutboxModel } from '../db/models/outbox.js';
import type { UserModel } from '../db/models/user.js';
import type { Unit } from '../db/transaction.js';
import { AuthError } from '../errors.js';
import { newId } from './ids.js';
import { charge, type Limiters } from './limits.js';
import { issueOneTimeToken } from './one-time.js';
import type { Postman } from './mail/postman.js';
import { signUpNotice, verificationMail, type Mail } from './mail/templates.js';

export { openPostman, type Postman } from './mail/postman.js';
export { escapeHtml } from './mail/templates.js';

export interface MailDeps {
  db: Knex;
  config: Config;
  postman: Postman;
}

/** How long a link to confirm an address is good, in seconds. */
const VERIFICATION_LIFE_SECONDS = 24 * 60 * 60;

/** Puts a link that confirms the account's address into the outbox, in the transaction given; earlier links are void. */
export async function sendVerification(deps: MailDeps, unit: Unit, user: UserModel): Promise<void> {
  const token = await issueOneTimeToken(unit, 'verify-email', user.id, VERIFICATION_LIFE_SECONDS);
  const link = `${deps.config.http.publicUrl}/verify-email?token=${token}`;
  await post(deps, unit, user, verificationMail({ firstName: user.firstName, link }));
}

/** Tells an account's owner, through the outbox, that somebody tried to sign up with the address. */
export async function sendSignUpNotice(deps: MailDeps, unit: Unit, user: UserModel): Promise<void> {
  await post(deps, unit, user, signUpNotice({ firstName: user.firstName, link: deps.config.http.publicUrl }));
}

/** Sends, unless the address has had its share of mail: the caller is answered alike, and nobody is flooded. */
export async function mailSparingly(
  limiters: Limiters,
  emailKey: string,
  send: () => Promise<void>,
): Promise<void> {
  try {
    await charge(limiters, 'mailToAddress', emailKey);
  } catch (error) {
    if (error instanceof AuthError && error.code === 'RATE_LIMITED') return;
    throw error;
  }
  await send();
}

async function post(deps: MailDeps, unit: Unit, user: UserModel, mail: Mail): Promise<void> {
  const { subject, text: bodyText, html: bodyHtml } = mail;
  await OutboxModel.query(unit.trx)
    .insert({ id: newId(), accountId: user.id, recipient: user.email, subject, bodyText, bodyHtml })
    .returning([]);
  unit.afterCommit(() => deps.postman.collect());
}
