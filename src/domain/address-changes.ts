import { createHash, randomBytes } from 'node:crypto';
import type { Knex } from 'knex';
import { EmailChangeModel } from '../db/models/email-change.js';
import { PasskeyModel } from '../db/models/passkey.js';
import { RecoveryCodeModel } from '../db/models/recovery-code.js';
import { TotpFactorModel } from '../db/models/totp-factor.js';
import type { UserModel } from '../db/models/user.js';
import type { Unit } from '../db/transaction.js';

export type { EmailChangeModel as AddressChange } from '../db/models/email-change.js';

/** How long a change can be undone, from when it was asked for and again from when it was made, in seconds. */
const UNDO_SECONDS = 7 * 24 * 60 * 60;
const FORM = /^[A-Za-z0-9_-]{43}$/;
const digest = (token: string) => createHash('sha256').update(token).digest();
const undoEnd = ({ trx }: Unit) =>
  trx.raw("now() + ? * interval '1 second'", [UNDO_SECONDS]) as unknown as Date;

/** What is to be an account's address. */
export interface NewAddress {
  email: string;
  /** As addresses are compared. */
  emailKey: string;
}

/**
 * Notes that an account's address is to change, with how the account is proved now. In a transaction that holds the account.
 * @param id of the secret that confirms it, where it has to be confirmed
 */
export async function noteAddressChange(
  unit: Unit,
  id: string,
  user: UserModel,
  { email, emailKey }: NewAddress,
  sessionId: string | null = null,
): Promise<void> {
  await EmailChangeModel.query(unit.trx)
    .insert({
      id,
      userId: user.id,
      oldEmail: user.email,
      oldEmailKey: user.emailKey,
      oldVerifiedAt: user.emailVerifiedAt,
      newEmail: email,
      newEmailKey: emailKey,
      sessionId,
      ...(await proofsOf(unit, user)),
      undoExpiresAt: undoEnd(unit),
    })
    .returning([]);
}

/** The change is made, in this transaction: from now on the old address is kept for its owner. */
export async function completeAddressChange(unit: Unit, id: string): Promise<EmailChangeModel> {
  const changedAt = unit.trx.raw('now()') as unknown as Date;
  await EmailChangeModel.query(unit.trx)
    .findById(id)
    .patch({ changedAt, undoExpiresAt: undoEnd(unit) });
  return EmailChangeModel.query(unit.trx).findById(id).throwIfNotFound();
}

/** Makes a secret of 256 bits that undoes a change; several may. */
export async function issueUndo(unit: Unit, changeId: string): Promise<string> {
  const token = randomBytes(32).toString('base64url');
  await unit.trx('emailChangeUndos').insert({ secretHash: digest(token), changeId });
  return token;
}

/** The change that a secret undoes, if it could be undone now. It may be done the next moment: {@link undoChanges} decides. */
export async function findUndoable(db: Knex, token: string): Promise<EmailChangeModel | undefined> {
  if (!FORM.test(token)) return undefined;
  const named = db('emailChangeUndos')
    .where({ secretHash: digest(token) })
    .select('changeId');
  return undoable(db).whereIn('id', named).first();
}

/**
 * Undoes a change and every later one of the account: one conditional update lets one of any number of parallel uses win.
 * @returns the changes undone, or undefined where it was too late
 */
export async function undoChanges(
  unit: Unit,
  { id, userId }: EmailChangeModel,
): Promise<EmailChangeModel[] | undefined> {
  const undoneAt = unit.trx.raw('now()') as unknown as Date;
  if ((await undoable(unit.trx).findById(id).patch({ undoneAt })) === 0) return undefined;
  const later = EmailChangeModel.query(unit.trx).findById(id).select('askedAt');
  await EmailChangeModel.query(unit.trx)
    .where({ userId })
    .whereNull('undoneAt')
    .where('askedAt', '>=', later)
    .patch({ undoneAt });
  return EmailChangeModel.query(unit.trx).where({ userId }).where('askedAt', '>=', later).orderBy('askedAt');
}

const undoable = (db: Knex) =>
  EmailChangeModel.query(db).whereNull('undoneAt').where('undoExpiresAt', '>', db.raw('now()'));

/** How an account is proved, as far as an undo has to know. */
export type Proofs = Pick<
  EmailChangeModel,
  'passwordChangedAt' | 'totpConfirmedAt' | 'codesMadeAt' | 'passkeys'
>;

/** How an account is proved now. */
export async function proofsOf({ trx }: Unit, user: UserModel): Promise<Proofs> {
  const totp = await TotpFactorModel.query(trx).findById(user.id);
  const code = await RecoveryCodeModel.query(trx)
    .where({ userId: user.id })
    .orderBy('createdAt', 'desc')
    .first();
  const passkeys = await PasskeyModel.query(trx).where({ userId: user.id }).select('id');
  return {
    passwordChangedAt: user.passwordChangedAt,
    totpConfirmedAt: totp?.confirmedAt ?? null,
    codesMadeAt: code?.createdAt ?? null,
    passkeys: passkeys.map(({ id }) => id),
  };
}

/** The account that may yet take this address back, by the key that addresses are compared by; nobody else gets it meanwhile. */
export async function findReserving(
  db: Knex,
  emailKeys: readonly string[],
  except?: string,
): Promise<EmailChangeModel[]> {
  const found = undoable(db).whereIn('oldEmailKey', emailKeys).whereNotNull('changedAt');
  return except === undefined ? found : found.whereNot({ userId: except });
}

/** The same in SQL, of email_changes: whether the address with this key is kept for somebody. */
export const isReserving = (emailKey: string): string =>
  `old_email_key = ${emailKey} and changed_at is not null and undone_at is null and undo_expires_at > now()`;

/** Forgets changes that can be undone no more. */
export async function purgeAddressChanges({ db }: { db: Knex }): Promise<void> {
  await EmailChangeModel.query(db).where('undoExpiresAt', '<', db.raw("now() - interval '1 day'")).delete();
}
