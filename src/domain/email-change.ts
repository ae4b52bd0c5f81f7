import { UserModel } from '../db/models/user.js';
import { transaction, type Unit } from '../db/transaction.js';
import { AuthError, badInput } from '../errors.js';
import type { UserActor } from './access.js';
import {
  lookupKey,
  moveAddress,
  requireFree,
  statusOf,
  takeAddressBack,
  type AccountDeps,
} from './accounts.js';
import {
  completeAddressChange,
  findReserving,
  findUndoable,
  issueUndo,
  noteAddressChange,
  proofsOf,
  undoChanges,
  type AddressChange,
  type NewAddress,
} from './address-changes.js';
import { record } from './audit.js';
import type { Client } from './client.js';
import { newId } from './ids.js';
import { charge } from './limits.js';
import {
  sendChangeConfirmation,
  sendChangedNotice,
  sendChangeNotice,
  sendTakenBackNotice,
  sendTakenNotice,
  sendUndoneNotice,
} from './mail.js';
import { holdProved, prove, voidChallenges, withdrawFactorsSince, type MfaDeps } from './mfa.js';
import { findOneTimeToken, issueOneTimeToken, spendOneTimeToken, voidOneTimeTokens } from './one-time.js';
import { requireFreshFactor } from './passkeys.js';
import { inTheSameTime } from './same-time.js';
import { endSessions } from './sessions.js';

/** What moving an account to another address needs. */
export type EmailChangeDeps = MfaDeps & AccountDeps;

/** How long a link to confirm a new address is good, in seconds. */
const CONFIRMATION_LIFE_SECONDS = 24 * 60 * 60;
const PURPOSES = ['change-email'] as const;

/**
 * Mails a link to a new address, after proving the password and a second factor where there is one; the address as it is
 * hears of it at once. Tells nobody, neither by the answer nor by its time, whether the new one belongs to somebody.
 * @throws {AuthError} BAD_USER_INPUT, RATE_LIMITED, INVALID_CREDENTIALS, INSUFFICIENT_AAL
 */
export async function changeEmail(
  deps: EmailChangeDeps,
  actor: UserActor,
  newEmail: string,
  password: string,
  client: Client,
): Promise<void> {
  const wanted = { email: newEmail.trim(), emailKey: lookupKey(newEmail.trim()) };
  const user = await prove(deps, actor, password, client);
  if (wanted.email === user.email)
    throw badInput([{ name: 'newEmail', message: 'Is the address of this account already.' }]);
  await charge(deps.limiters, 'emailChangesByAccount', user.id);
  await charge(deps.limiters, 'mailToAddress', wanted.emailKey);
  await inTheSameTime(askForChange(deps, actor, user, wanted, client));
}

async function askForChange(
  deps: EmailChangeDeps,
  actor: UserActor,
  proved: UserModel,
  wanted: NewAddress,
  client: Client,
): Promise<void> {
  await transaction(deps.db, async (unit) => {
    await holdProved(unit, actor, proved);
    await requireFreshFactor(unit, actor);
    const user = await UserModel.query(unit.trx).findById(actor.id).throwIfNotFound();
    const id = newId();
    const token = await issueOneTimeToken(unit, 'change-email', user.id, CONFIRMATION_LIFE_SECONDS, id);
    await noteAddressChange(unit, id, user, wanted, actor.sessionId);
    await record(unit.trx, client, { type: 'email.change_asked', actor: user.id, subject: user.id });
    await sendChangeNotice(deps, unit, user, () => issueUndo(unit, id));
    await writeTo(deps, unit, user, wanted, token);
  });
}

/** To the new address, the link; to somebody's who has it already, word of it: the secret is then known to nobody. */
async function writeTo(
  deps: EmailChangeDeps,
  unit: Unit,
  user: UserModel,
  wanted: NewAddress,
  token: string,
): Promise<void> {
  const owner = await findOwner(unit, user, wanted);
  if (!owner) return sendChangeConfirmation(deps, unit, user, wanted.email, token);
  const { id, firstName } = owner;
  if (statusOf(owner) === 'ACTIVE') await sendTakenNotice(deps, unit, { id, firstName, email: wanted.email });
}

/** Whose address it is: who has it, or may yet take it back. */
async function findOwner(
  { trx }: Unit,
  { id }: UserModel,
  { emailKey }: NewAddress,
): Promise<UserModel | undefined> {
  const [reserving] = await findReserving(trx, [emailKey], id);
  const holder = UserModel.query(trx).where({ emailKey }).whereNot({ id });
  if (reserving) void holder.orWhere({ id: reserving.userId });
  return holder.first();
}

/**
 * Moves an account to the address that the secret was mailed to, which confirms it. Every session ends but the one that
 * asked, whatever was mailed before is void, and the old address gets a link that undoes it.
 * @throws {AuthError} ONE_TIME_TOKEN_INVALID, CONFLICT when somebody has the address by now: the link stays good
 */
export async function confirmEmailChange(
  deps: EmailChangeDeps,
  token: string,
  client: Client,
): Promise<void> {
  await transaction(deps.db, async (unit) => {
    const found = await findOneTimeToken(unit.trx, PURPOSES, token);
    // The account before its link, in the order of whoever closes it.
    const user = found && (await UserModel.query(unit.trx).findById(found.userId).forUpdate());
    const spent = user && (await spendOneTimeToken(unit, PURPOSES, token));
    if (!spent || statusOf(user) !== 'ACTIVE') throw new AuthError('ONE_TIME_TOKEN_INVALID');
    const change = await completeAddressChange(unit, spent.id);
    await requireFree(unit.trx, { email: change.newEmail }, user.id);
    await moveAddress(unit, user.id, change.newEmail);
    await closeBehind(deps, unit, user.id, 'email_changed', client, change.sessionId);
    await record(unit.trx, client, {
      type: 'email.changed',
      actor: user.id,
      subject: user.id,
      details: { by: 'link' },
    });
    await sendChangedNotice(deps, unit, user, false, () => issueUndo(unit, change.id));
  });
}

/** What came from how things were ends: sessions but the one named, sign-ins under way, and what was mailed. */
async function closeBehind(
  deps: EmailChangeDeps,
  unit: Unit,
  userId: string,
  reason: 'email_changed' | 'email_change_undone',
  client: Client,
  kept: string | null = null,
): Promise<void> {
  const except = kept === null ? {} : { except: kept };
  await endSessions(deps.feed, unit, userId, undefined, { reason, actor: userId, client, ...except });
  await voidChallenges(unit, userId);
  await voidOneTimeTokens(unit, userId);
}

/**
 * Keeps an account at the address that the secret was mailed to, or puts it back there: the change and every later one are
 * undone. Where it had moved, every session ends, and what proves the account is void as far as it was set since. The
 * address gets a link that sets a new password.
 * @throws {AuthError} ONE_TIME_TOKEN_INVALID, CONFLICT when somebody else has the address by now
 * @see docs/decisions/0015-email-change.md
 */
export async function undoEmailChange(deps: EmailChangeDeps, token: string, client: Client): Promise<void> {
  await transaction(deps.db, async (unit) => {
    const change = await findUndoable(unit.trx, token);
    const user = change && (await UserModel.query(unit.trx).findById(change.userId).forUpdate());
    const undone = user && (await undoChanges(unit, change));
    if (!undone) throw new AuthError('ONE_TIME_TOKEN_INVALID');
    const wasMoved = undone.some(({ changedAt }) => changedAt !== null);
    await (wasMoved
      ? takeBack(deps, unit, user, change, client)
      : voidOneTimeTokens(unit, user.id, PURPOSES));
    const details = { changed: wasMoved };
    await record(unit.trx, client, {
      type: 'email.change_undone',
      actor: user.id,
      subject: user.id,
      details,
    });
    const kept = await UserModel.query(unit.trx).findById(user.id).throwIfNotFound();
    if (statusOf(kept) === 'ACTIVE') await sendUndoneNotice(deps, unit, kept, wasMoved);
  });
}

/** Whoever made the change may have set a password and factors of their own: they are told by what was there when it was asked for. */
async function takeBack(
  deps: EmailChangeDeps,
  unit: Unit,
  user: UserModel,
  change: AddressChange,
  client: Client,
): Promise<void> {
  const { passwordChangedAt } = await proofsOf(unit, user);
  const isPasswordNew = passwordChangedAt?.getTime() !== change.passwordChangedAt?.getTime();
  await takeAddressBack(unit, user.id, change, isPasswordNew);
  await withdrawFactorsSince(unit, user, change);
  await closeBehind(deps, unit, user.id, 'email_change_undone', client);
  if (user.emailKey !== change.oldEmailKey) await sendTakenBackNotice(deps, unit, user, user);
}
