import type { Knex } from 'knex';
import type { Config } from '../config.js';
import { atOnce, type Statement } from '../db/at-once.js';
import type { UserModel } from '../db/models/user.js';
import type { Unit } from '../db/transaction.js';
import { AuthError } from '../errors.js';
import { newId } from './ids.js';
import { charge, type Limiters } from './limits.js';
import { issueOneTimeToken, makeOneTimeSecret, type Purpose } from './one-time.js';
import type { Facts, MailName } from './mail/kinds.js';
import { sealBody, type Letter, type Postman } from './mail/postman.js';
import type { Mail, MailTemplates } from './mail/templates.js';

export { escapeHtml } from './mail/escape.js';
export { findInMailbox, listMailbox, type KeptMail } from './mail/mailbox.js';
export { openPostman, type Letter, type Postman } from './mail/postman.js';
export { openTemplates, type MailTemplates } from './mail/templates.js';

export interface MailDeps {
  db: Knex;
  config: Config;
  postman: Postman;
  templates: MailTemplates;
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

/** From the configured address alone: what a request says of where it was sent to is anybody's word. */
const linkTo = ({ config }: MailDeps, page: string, token: string) =>
  `${config.http.publicUrl}/${page}?token=${token}`;

/** Puts a link that confirms the account's address into the outbox, in the transaction given; earlier links are void. */
export async function sendVerification(deps: MailDeps, unit: Unit, user: UserModel): Promise<void> {
  const token = await issueOneTimeToken(unit, 'verify-email', user.id, VERIFICATION_LIFE_SECONDS);
  await send(deps, unit, user, 'verify-email', { link: linkTo(deps, 'verify-email', token) });
}

/** A mail with a link in it, and the secret of that link, for a statement that writes both together with the account that they are about. */
export function writeVerification(deps: MailDeps, to: Addressee) {
  const { text, secretHash } = makeOneTimeSecret();
  const facts = { link: linkTo(deps, 'verify-email', text) };
  const mail = writeMail(deps, to, deps.templates.write('verify-email', to.firstName, facts));
  const secret = { id: newId(), purpose: 'verify-email' satisfies Purpose, secretHash };
  return { mail, secret: { ...secret, lifeSeconds: VERIFICATION_LIFE_SECONDS } };
}

/** Puts a link that sets a forgotten password anew into the outbox; earlier ones are void. */
export async function sendResetLink(deps: MailDeps, unit: Unit, user: UserModel): Promise<void> {
  await send(deps, unit, user, 'reset-password', { link: await newResetLink(deps, unit, user) });
}

async function newResetLink(deps: MailDeps, unit: Unit, user: UserModel): Promise<string> {
  const token = await issueOneTimeToken(unit, 'reset-password', user.id, RESET_LIFE_SECONDS);
  return linkTo(deps, 'reset-password', token);
}

/** Puts a link that sets an account's first password into the outbox; earlier ones are void. */
export async function sendInvitation(deps: MailDeps, unit: Unit, user: UserModel): Promise<void> {
  const token = await issueOneTimeToken(unit, 'invitation', user.id, INVITATION_LIFE_SECONDS);
  await send(deps, unit, user, 'invitation', { link: linkTo(deps, 'reset-password', token) });
}

/** Tells an account's owner, through the outbox, that somebody tried to sign up with the address. */
export async function sendSignUpNotice(deps: MailDeps, unit: Unit, user: UserModel): Promise<void> {
  await send(deps, unit, user, 'sign-up-notice', {});
}

/** Puts a link that confirms a new address into the outbox, to that address. */
export async function sendChangeConfirmation(
  deps: MailDeps,
  unit: Unit,
  user: UserModel,
  email: string,
  token: string,
): Promise<void> {
  const link = linkTo(deps, 'confirm-email-change', token);
  await send(deps, unit, addressedTo(user, email), 'email-change-confirm', { link });
}

/** Tells the owner of an address that somebody wants to have it for another account. */
export async function sendTakenNotice(deps: MailDeps, unit: Unit, owner: Addressee): Promise<void> {
  await send(deps, unit, owner, 'email-change-taken', {});
}

/** Tells the address of an account that another one was asked for, with the link that undoes it. */
export async function sendChangeNotice(
  deps: NoticeDeps,
  unit: Unit,
  user: UserModel,
  issueUndo: () => Promise<string>,
): Promise<void> {
  await withUndo(deps, user, async () => {
    const link = linkTo(deps, 'undo-email-change', await issueUndo());
    await send(deps, unit, user, 'email-change-asked', { link });
  });
}

/** Tells the address that an account had before that it has another one, with the link that undoes it. */
export async function sendChangedNotice(
  deps: NoticeDeps,
  unit: Unit,
  old: UserModel,
  byAdministrator: boolean,
  issueUndo: () => Promise<string>,
): Promise<void> {
  await withUndo(deps, old, async () => {
    const link = linkTo(deps, 'undo-email-change', await issueUndo());
    await send(deps, unit, old, 'email-changed', { link, byAdministrator });
  });
}

/** A budget of its own: once it is spent, as many links as it holds have come, and each of them undoes what comes after it. */
const withUndo = (deps: NoticeDeps, { emailKey }: UserModel, work: () => Promise<void>) =>
  sparingly(deps.limiters, 'undoLinksToAddress', emailKey, work);

/** Tells an account, at the address that it has again or still, that a change was undone, with a link that sets a new password. */
export async function sendUndoneNotice(
  deps: MailDeps,
  unit: Unit,
  user: UserModel,
  wasMoved: boolean,
): Promise<void> {
  const link = await newResetLink(deps, unit, user);
  await send(deps, unit, user, 'email-change-undone', { link, wasMoved });
}

/** Tells an address that the account has left it, as the change to it was undone. */
export async function sendTakenBackNotice(
  deps: NoticeDeps,
  unit: Unit,
  user: UserModel,
  { email, emailKey }: { email: string; emailKey: string },
): Promise<void> {
  await sparingly(deps.limiters, 'noticesToAddress', emailKey, () =>
    send(deps, unit, addressedTo(user, email), 'email-change-taken-back', {}),
  );
}

/** What may change about the proofs of who somebody is, as its owner is told. */
export type CredentialChange = keyof typeof CREDENTIAL_CHANGES;
const CREDENTIAL_CHANGES = {
  password_changed: 'password-changed',
  password_reset: 'password-reset',
  mfa_enabled: 'mfa-enabled',
  mfa_disabled: 'mfa-disabled',
  mfa_reset: 'mfa-reset',
  passkey_added: 'passkey-added',
  passkey_removed: 'passkey-removed',
  recovery_codes_replaced: 'recovery-codes-replaced',
} as const satisfies Record<string, MailName>;

/**
 * Tells an account's owner, through the outbox, that a credential of theirs has changed; in the transaction that changes
 * it.
 */
export async function sendCredentialNotice(
  deps: NoticeDeps,
  unit: Unit,
  user: UserModel,
  what: CredentialChange,
): Promise<void> {
  await notify(deps, user, () => send(deps, unit, user, CREDENTIAL_CHANGES[what], {}));
}

/** A use of an account that may not have been its owner's; `place` is a location, or a network address without one. */
export type SuspiciousUse =
  { kind: 'new place'; at: Date; place: string | null } | { kind: 'refresh reuse'; at: Date };

/** Tells an account's owner, through the outbox, of a use of the account that may not have been theirs. */
export async function sendSuspicionNotice(
  deps: NoticeDeps,
  unit: Unit,
  user: UserModel,
  use: SuspiciousUse,
): Promise<void> {
  const at = `${use.at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  await notify(deps, user, () =>
    use.kind === 'refresh reuse'
      ? send(deps, unit, user, 'refresh-reuse', { at })
      : send(deps, unit, user, 'new-place', { at, place: use.place ?? '' }),
  );
}

/** A budget apart from the mail that anybody may ask for: whoever spends that one must not silence these. */
const notify = (deps: NoticeDeps, { emailKey }: UserModel, work: () => Promise<void>) =>
  sparingly(deps.limiters, 'noticesToAddress', emailKey, work);

/** Sends, unless the address has had its share of mail: the caller is answered alike, and nobody is flooded. */
export async function mailSparingly(
  limiters: Limiters,
  emailKey: string,
  work: () => Promise<void>,
): Promise<void> {
  await sparingly(limiters, 'mailToAddress', emailKey, work);
}

/** Counts a mail to an address that need not be anybody's. @returns false where it has had its share */
export const countMail = (limiters: Limiters, emailKey: string): Promise<boolean> =>
  hasShare(limiters, 'mailToAddress', emailKey);

type MailBudget = 'mailToAddress' | 'noticesToAddress' | 'undoLinksToAddress';

async function sparingly(
  limiters: Limiters,
  budget: MailBudget,
  emailKey: string,
  work: () => Promise<void>,
): Promise<void> {
  if (await hasShare(limiters, budget, emailKey)) await work();
}

async function hasShare(limiters: Limiters, budget: MailBudget, emailKey: string): Promise<boolean> {
  try {
    await charge(limiters, budget, emailKey);
    return true;
  } catch (error) {
    if (error instanceof AuthError && error.code === 'RATE_LIMITED') return false;
    throw error;
  }
}

/** Whose account a mail is about, and where it goes. */
type Addressee = Pick<UserModel, 'id' | 'email' | 'firstName'>;
const addressedTo = ({ id, firstName }: UserModel, email: string): Addressee => ({ id, firstName, email });

async function send<N extends MailName>(
  deps: MailDeps,
  unit: Unit,
  to: Addressee,
  name: N,
  facts: Facts<N>,
): Promise<void> {
  await post(deps, unit, to, deps.templates.write(name, to.firstName, facts));
}

async function post(deps: MailDeps, unit: Unit, to: Addressee, mail: Mail): Promise<void> {
  const { id, recipient, subject, bodySealed } = writeMail(deps, to, mail);
  await atOnce(unit.trx, POST, [id, to.id, recipient, subject, bodySealed]);
  unit.afterCommit(() => deps.postman.collect());
}

/** As it waits: its words under seal. */
function writeMail({ config }: MailDeps, { email: recipient }: Addressee, mail: Mail): Letter {
  const id = newId();
  return { id, recipient, subject: mail.subject, bodySealed: sealBody(config, { id, recipient }, mail) };
}

const POST: Statement = {
  name: 'post_mail',
  text: `
    insert into mail_outbox (id, account_id, recipient, subject, body_sealed) values ($1, $2, $3, $4, $5)`,
};
