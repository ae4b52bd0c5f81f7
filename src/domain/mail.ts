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
import {
  credentialNotice,
  invitationMail,
  resetMail,
  signUpNotice,
  suspicionNotice,
  verificationMail,
  type CredentialChange,
  type Mail,
  type SuspiciousUse,
} from './mail/templates.js';

export { openPostman, type Postman } from './mail/postman.js';
export { escapeHtml, type CredentialChange, type SuspiciousUse } from './mail/templates.js';

export interface MailDeps {
  db: Knex;
  config: Config;
  postman: Postman;
}

/** What mail about somebody's account needs. */
export interface NoticeDeps extends MailDeps {
  limiters: Limiters;
}

/** How long a link to confirm an address is good, in seconds. */
const VERIFICATION_LIFE_SECONDS = 24 * 60 * 60;
/** How long a link to set a forgotten password anew is good, in seconds. */
const RESET_LIFE_SECONDS = 60 * 60;
/** How long a link to set one's first password is good, in seconds. */
const INVITATION_LIFE_SECONDS = 7 * 24 * 60 * 60;

/** Puts a link that confirms the account's address into the outbox, in the transaction given; earlier links are void. */
export async function sendVerification(deps: MailDeps, unit: Unit, user: UserModel): Promise<void> {
  const token = await issueOneTimeToken(unit, 'verify-email', user.id, VERIFICATION_LIFE_SECONDS);
  const link = `${deps.config.http.publicUrl}/verify-email?token=${token}`;
  await post(deps, unit, user, verificationMail({ firstName: user.firstName, link }));
}

/** Puts a link that sets a forgotten password anew into the outbox; earlier ones are void. */
export async function sendResetLink(deps: MailDeps, unit: Unit, user: UserModel): Promise<void> {
  const token = await issueOneTimeToken(unit, 'reset-password', user.id, RESET_LIFE_SECONDS);
  await post(deps, unit, user, resetMail({ firstName: user.firstName, link: passwordLink(deps, token) }));
}

/** Puts a link that sets an account's first password into the outbox; earlier ones are void. */
export async function sendInvitation(deps: MailDeps, unit: Unit, user: UserModel): Promise<void> {
  const token = await issueOneTimeToken(unit, 'invitation', user.id, INVITATION_LIFE_SECONDS);
  await post(
    deps,
    unit,
    user,
    invitationMail({ firstName: user.firstName, link: passwordLink(deps, token) }),
  );
}

/** From the configured address alone: what a request says of where it was sent to is anybody's word. */
const passwordLink = ({ config }: MailDeps, token: string) =>
  `${config.http.publicUrl}/reset-password?token=${token}`;

/** Tells an account's owner, through the outbox, that somebody tried to sign up with the address. */
export async function sendSignUpNotice(deps: MailDeps, unit: Unit, user: UserModel): Promise<void> {
  await post(deps, unit, user, signUpNotice({ firstName: user.firstName, site: deps.config.http.publicUrl }));
}

/**
 * Tells an account's owner, through the outbox, that a credential of theirs has changed; in the transaction that changes
 * it. `user` is the account with the address to tell: the old one, where it is the address that changes.
 */
export async function sendCredentialNotice(
  deps: NoticeDeps,
  unit: Unit,
  user: UserModel,
  what: CredentialChange,
): Promise<void> {
  const site = deps.config.http.publicUrl;
  await notify(deps, unit, user, credentialNotice({ firstName: user.firstName, what, site }));
}

/** Tells an account's owner, through the outbox, of a use of the account that may not have been theirs. */
export async function sendSuspicionNotice(
  deps: NoticeDeps,
  unit: Unit,
  user: UserModel,
  use: SuspiciousUse,
): Promise<void> {
  const site = deps.config.http.publicUrl;
  await notify(deps, unit, user, suspicionNotice({ firstName: user.firstName, use, site }));
}

/** A budget apart from the mail that anybody may ask for: whoever spends that one must not silence these. */
async function notify(deps: NoticeDeps, unit: Unit, user: UserModel, mail: Mail): Promise<void> {
  await sparingly(deps.limiters, 'noticesToAddress', user.emailKey, () => post(deps, unit, user, mail));
}

/** Sends, unless the address has had its share of mail: the caller is answered alike, and nobody is flooded. */
export async function mailSparingly(
  limiters: Limiters,
  emailKey: string,
  send: () => Promise<void>,
): Promise<void> {
  await sparingly(limiters, 'mailToAddress', emailKey, send);
}

async function sparingly(
  limiters: Limiters,
  budget: 'mailToAddress' | 'noticesToAddress',
  emailKey: string,
  send: () => Promise<void>,
): Promise<void> {
  try {
    await charge(limiters, budget, emailKey);
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
