import { UserModel } from '../../db/models/user.js';
import type { Unit } from '../../db/transaction.js';
import { AuthError, badInput, conflict } from '../../errors.js';
import {
  administer,
  OWNER_ROLE,
  readAuthority,
  requireNotLastOwner,
  requireOutranks,
  type Authority,
  type UserActor,
} from '../access.js';
import { administration } from '../administration.js';
import { record } from '../audit.js';
import type { Client } from '../client.js';
import { completeAddressChange, issueUndo, noteAddressChange } from '../address-changes.js';
import { isId, newId } from '../ids.js';
import { sendChangedNotice, type NoticeDeps } from '../mail.js';
import { changeProfile } from './change-profile.js';
import type { AccountDeps } from './deps.js';
import { findRoles, gainOf, requireMayGrant, requireMayReaddress } from './granting.js';
import { keysOf } from './names.js';
import { readProfileChanges, type ProfileInput } from './profile.js';
import { changeStanding, erasePresence, now, raiseVersion } from './standing.js';

/** Changes somebody's profile. @throws {AuthError} as {@link updateOwnProfile}, and FORBIDDEN, NOT_FOUND */
export async function updateProfile(
  deps: AccountDeps & NoticeDeps,
  actor: UserActor,
  id: string,
  input: ProfileInput,
  client: Client,
): Promise<UserModel> {
  const changes = readProfileChanges(deps, input);
  return manage(deps, actor, id, async (unit, target, own) => {
    requireExisting(target);
    const { emailKey = target.emailKey } = keysOf(changes);
    if (emailKey === target.emailKey) return changeProfile(unit, actor, target.id, changes, client);
    await requireMayReaddress(deps, unit, own, target.id);
    const changed = await changeProfile(unit, actor, target.id, changes, client);
    await tellOfMove(deps, unit, actor, target, changed, client);
    return changed;
  });
}

/**
 * The owner may undo it, as anybody who could move an account could have it for themselves. Whom an invitation went to by
 * mistake is no owner.
 */
async function tellOfMove(
  deps: NoticeDeps,
  unit: Unit,
  actor: UserActor,
  target: UserModel,
  changed: UserModel,
  client: Client,
): Promise<void> {
  const details = { by: 'administrator' };
  await record(unit.trx, client, { type: 'email.changed', actor: actor.id, subject: target.id, details });
  if (isUnclaimed(target)) return;
  const id = newId();
  await noteAddressChange(unit, id, target, changed);
  await completeAddressChange(unit, id);
  await sendChangedNotice(deps, unit, target, true, () => issueUndo(unit, id));
}

/** Nobody has ever proved to read the mail of the account's address, or signed in. */
const isUnclaimed = ({ passwordHash, emailVerifiedAt }: UserModel) =>
  passwordHash === null && emailVerifiedAt === null;

/** Soft delete: every session ends and sign-in is refused; the row stays. @throws {AuthError} NOT_FOUND, FORBIDDEN, CONFLICT */
export async function deleteAccount(
  deps: AccountDeps,
  actor: UserActor,
  id: string,
  client: Client,
): Promise<UserModel> {
  return manage(
    deps,
    actor,
    id,
    (unit, target) =>
      target.deletedAt ? Promise.resolve(target) : erasePresence(deps, unit, actor, target, client),
    { endsStanding: true },
  );
}

/** Undoes {@link deleteAccount}; the account stays suspended if it was. @throws {AuthError} NOT_FOUND, FORBIDDEN, CONFLICT once it is erased */
export async function restoreAccount(
  deps: AccountDeps,
  actor: UserActor,
  id: string,
  client: Client,
): Promise<UserModel> {
  return manage(deps, actor, id, async (unit, target) => {
    if (target.erasedAt) throw conflict('id', 'This account is erased; nothing is left to restore.');
    if (!target.deletedAt) return target;
    const change = { deletedAt: null };
    return changeStanding(deps, unit, target.id, change, { type: 'account.restored', actor, client });
  });
}

/** Blocks sign-in and ends every session. @throws {AuthError} NOT_FOUND, FORBIDDEN, CONFLICT */
export async function suspendAccount(
  deps: AccountDeps,
  actor: UserActor,
  id: string,
  reason: string | null,
  client: Client,
): Promise<UserModel> {
  if (reason !== null && !/^[^\p{Cc}\p{Cs}]{0,500}$/u.test(reason))
    throw badInput([
      { name: 'reason', message: 'Must be at most 500 characters without control characters.' },
    ]);
  return manage(
    deps,
    actor,
    id,
    async (unit, target) => {
      requireExisting(target);
      if (target.suspendedAt) return target;
      const change = { suspendedAt: now(unit), suspensionReason: reason };
      return changeStanding(deps, unit, target.id, change, {
        type: 'account.suspended',
        actor,
        client,
        ends: 'account_suspended',
      });
    },
    { endsStanding: true },
  );
}

/** Undoes {@link suspendAccount}. @throws {AuthError} NOT_FOUND, FORBIDDEN, CONFLICT */
export async function reinstateAccount(
  deps: AccountDeps,
  actor: UserActor,
  id: string,
  client: Client,
): Promise<UserModel> {
  return manage(deps, actor, id, async (unit, target) => {
    requireExisting(target);
    if (!target.suspendedAt) return target;
    return changeStanding(
      deps,
      unit,
      target.id,
      { suspendedAt: null, suspensionReason: null },
      { type: 'account.reinstated', actor, client },
    );
  });
}

/**
 * Replaces an account's roles; an empty list leaves the default one.
 * @throws {AuthError} NOT_FOUND for an unknown account or role, FORBIDDEN, CONFLICT
 */
export async function setRoles(
  deps: AccountDeps,
  actor: UserActor,
  id: string,
  roleIds: readonly string[],
  client: Client,
): Promise<UserModel> {
  return manage(
    deps,
    actor,
    id,
    async (unit, target, own) => {
      const before = await readAuthority(unit.trx, target.id);
      const roles = await findRoles(deps, unit, roleIds);
      const after = roles.map((role) => role.name).sort();
      if (before.roles.includes(OWNER_ROLE) && !after.includes(OWNER_ROLE))
        await requireNotLastOwner(unit.trx, target.id, 'roleIds');
      requireExisting(target, 'userId');
      requireOutranks(own, before.rank);
      await requireMayGrant(deps, unit, own, roles);
      await unit.trx('userRoles').where({ userId: target.id }).delete();
      await unit.trx('userRoles').insert(roles.map((role) => ({ userId: target.id, roleId: role.id })));
      await record(unit.trx, client, {
        type: 'roles.set',
        actor: actor.id,
        subject: target.id,
        details: { before: [...before.roles].sort(), after, ...(await gainOf(unit, target.id, before)) },
      });
      return raiseVersion(deps, unit, target.id, {});
    },
    { checksRank: false },
  );
}

/** @param argument what the caller names the account by. @throws {AuthError} CONFLICT */
export function requireExisting(target: UserModel, argument = 'id'): void {
  if (target.deletedAt) throw conflict(argument, 'This account is deleted; restore it first.');
}

interface Management {
  /** users:manage unless said. */
  permission?: string;
  /** The act would take an owner's standing: the last one stays. */
  endsStanding?: boolean;
  /** False where `work` compares ranks itself. */
  checksRank?: boolean;
}

/** One act of administration on one account: permission, existence, last owner, rank, then the work; all in one transaction. */
export async function manage(
  deps: AccountDeps,
  actor: UserActor,
  id: string,
  work: (unit: Unit, target: UserModel, own: Authority) => Promise<UserModel>,
  { permission = 'users:manage', endsStanding = false, checksRank = true }: Management = {},
): Promise<UserModel> {
  return administration(deps.db, async (unit) => {
    const own = await administer(unit.trx, actor, permission);
    const target = isId(id) ? await UserModel.query(unit.trx).findById(id).forUpdate() : undefined;
    if (!target) throw new AuthError('NOT_FOUND');
    // The id as it is stored from here on: a client may spell it in capitals.
    if (endsStanding) await requireNotLastOwner(unit.trx, target.id, 'id');
    if (checksRank) requireOutranks(own, (await readAuthority(unit.trx, target.id)).rank);
    return work(unit, target, own);
  });
}
