import type { Knex } from 'knex';
import { RoleModel } from '../db/models/role.js';
import { UserModel } from '../db/models/user.js';
import { transaction, type Unit } from '../db/transaction.js';
import { requireStanding, type UserActor } from './access.js';
import { changeProfile } from './accounts/change-profile.js';
import type { AccountDeps } from './accounts/deps.js';
import { keysOf, tellTaken } from './accounts/names.js';
import { lookupKey, readProfileChanges, type NewProfile, type ProfileInput } from './accounts/profile.js';
import type { Client } from './client.js';
import { newId } from './ids.js';

export type { UserModel as StoredAccount } from '../db/models/user.js';
export type { AccountDeps } from './accounts/deps.js';
export { listAccounts, type AccountFilter, type AccountOrder } from './accounts/list.js';
export { eraseAccount } from './accounts/erase.js';
export { exportAccount } from './accounts/export.js';
export { authorityOfNewcomers, findGrantable, gainOf } from './accounts/granting.js';
export {
  deleteAccount,
  manage,
  reinstateAccount,
  requireExisting,
  restoreAccount,
  setRoles,
  suspendAccount,
  updateProfile,
} from './accounts/manage.js';
export { moveAddress, takeAddressBack } from './accounts/move.js';
export { keysOf, requireFree, tellTaken } from './accounts/names.js';
export {
  lookupKey,
  ownNames,
  readInvitedProfile,
  readNewProfile,
  type NewProfile,
  type ProfileDeps,
  type ProfileInput,
} from './accounts/profile.js';
export { erasePresence, raiseVersion, statusOf } from './accounts/standing.js';

/** The account with this email address or username, which can never be the same text: usernames hold no "@". */
export async function findByLogin(db: Knex, login: string): Promise<UserModel | undefined> {
  const key = lookupKey(login);
  if (key.includes('\0') || !key.isWellFormed()) return undefined;
  return UserModel.query(db).findOne(key.includes('@') ? { emailKey: key } : { usernameKey: key });
}

/** Adds an account with the role of that name. @throws {AuthError} CONFLICT naming the field */
export async function createAccount(
  unit: Unit,
  profile: NewProfile,
  passwordHash: string,
  roleName: string,
): Promise<UserModel> {
  const role = await RoleModel.query(unit.trx).findOne({ name: roleName }).throwIfNotFound();
  // Awaited, so that it stands in the stack of what goes wrong inside.
  return await addAccount(unit, { ...profile, passwordHash }, [role]);
}

/** Adds an account that has no password yet. @throws {AuthError} CONFLICT naming the field */
export async function createInvitedAccount(
  unit: Unit,
  profile: NewProfile,
  roles: readonly RoleModel[],
): Promise<UserModel> {
  return addAccount(unit, { ...profile, passwordHash: null, passwordChangedAt: null }, roles);
}

async function addAccount(
  unit: Unit,
  columns: NewProfile & Partial<UserModel>,
  roles: readonly RoleModel[],
): Promise<UserModel> {
  const id = newId();
  const user = await tellTaken(
    UserModel.query(unit.trx)
      .insert({ id, ...columns, ...keysOf(columns) })
      .returning('*'),
  );
  await unit.trx('userRoles').insert(roles.map((role) => ({ userId: id, roleId: role.id })));
  return user;
}

/** Changes one's own profile. @throws {AuthError} BAD_USER_INPUT, UNDERAGE, CONFLICT */
export async function updateOwnProfile(
  deps: AccountDeps,
  actor: UserActor,
  input: ProfileInput,
  client: Client,
): Promise<UserModel> {
  const changes = readProfileChanges(deps, input);
  return transaction(deps.db, async (unit) => {
    await requireStanding(unit.trx, actor);
    return changeProfile(unit, actor, actor.id, changes, client);
  });
}
