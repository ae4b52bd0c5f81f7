import { RoleModel } from '../../db/models/role.js';
import { UserModel } from '../../db/models/user.js';
import { transaction, type Unit } from '../../db/transaction.js';
import { AuthError, badInput } from '../../errors.js';
import {
  administer,
  OWNER_ROLE,
  readAuthority,
  requireHolds,
  requireNotLastOwner,
  requireOutranks,
  type Authority,
  type UserActor,
} from '../access.js';
import { record } from '../audit.js';
import type { Client } from '../client.js';
import { isId } from '../ids.js';
import { changeProfile } from './change-profile.js';
import type { AccountDeps } from './deps.js';
import { readProfileChanges, type ProfileInput } from './profile.js';
import { changeStanding, erasePresence, now, raiseVersion } from './standing.js';

/** Changes somebody's profile. @throws {AuthError} as {@link updateOwnProfile}, and FORBIDDEN, NOT_FOUND */
export async function updateProfile(
  deps: AccountDeps,
  actor: UserActor,
  id: string,
  input: ProfileInput,
  client: Client,
): Promise<UserModel> {
  const changes = readProfileChanges(deps, input);
  return manage(deps, actor, id, async (unit, target) => {
    requireExisting(target);
    return changeProfile(unit, actor, target.id, changes, client);
  });
}

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

/** Undoes {@link deleteAccount}; the account stays suspended if it was. */
export async function restoreAccount(
  deps: AccountDeps,
  actor: UserActor,
  id: string,
  client: Client,
): Promise<UserModel> {
  return manage(deps, actor, id, (unit, target) =>
    target.deletedAt
      ? changeStanding(
          deps,
          unit,
          target.id,
          { deletedAt: null },
          { type: 'account.restored', actor, client },
        )
      : Promise.resolve(target),
  );
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
        await requireNotLastOwner(unit.trx, target.id);
      requireExisting(target);
      requireOutranks(own, before.rank);
      for (const role of roles) await requireMayGrant(unit, own, role);
      await unit.trx('userRoles').where({ userId: target.id }).delete();
      await unit.trx('userRoles').insert(roles.map((role) => ({ userId: target.id, roleId: role.id })));
      await record(unit.trx, client, {
        type: 'roles.set',
        actor: actor.id,
        subject: target.id,
        details: { before: [...before.roles].sort(), after },
      });
      return raiseVersion(deps, unit, target.id, {});
    },
    { checksRank: false },
  );
}

async function findRoles(deps: AccountDeps, unit: Unit, ids: readonly string[]): Promise<RoleModel[]> {
  const wanted = [...new Set(ids.map((id) => id.toLowerCase()))];
  if (wanted.length === 0) return RoleModel.query(unit.trx).where({ name: deps.config.accounts.defaultRole });
  if (!wanted.every(isId)) throw new AuthError('NOT_FOUND');
  const roles = await RoleModel.query(unit.trx).findByIds(wanted);
  if (roles.length < wanted.length) throw new AuthError('NOT_FOUND');
  return roles;
}

async function requireMayGrant(unit: Unit, own: Authority, role: RoleModel): Promise<void> {
  requireOutranks(own, role.rank);
  const granted = await unit.trx('rolePermissions').where({ roleId: role.id }).pluck<string[]>('permission');
  requireHolds(own, granted);
}

function requireExisting(target: UserModel): void {
  if (target.deletedAt)
    throw new AuthError('CONFLICT', { message: 'This account is deleted; restore it first.' });
}

interface Management {
  /** The act would take an owner's standing: the last one stays. */
  endsStanding?: boolean;
  /** False where `work` compares ranks itself. */
  checksRank?: boolean;
}

/** One act of administration on one account: permission, existence, last owner, rank, then the work; all in one transaction. */
async function manage(
  deps: AccountDeps,
  actor: UserActor,
  id: string,
  work: (unit: Unit, target: UserModel, own: Authority) => Promise<UserModel>,
  { endsStanding = false, checksRank = true }: Management = {},
): Promise<UserModel> {
  return transaction(deps.db, async (unit) => {
    const own = await administer(unit.trx, actor, 'users:manage');
    const target = isId(id) ? await UserModel.query(unit.trx).findById(id).forUpdate() : undefined;
    if (!target) throw new AuthError('NOT_FOUND');
    // The id as it is stored from here on: a client may spell it in capitals.
    if (endsStanding) await requireNotLastOwner(unit.trx, target.id);
    if (checksRank) requireOutranks(own, (await readAuthority(unit.trx, target.id)).rank);
    return work(unit, target, own);
  });
}
