import { RoleModel } from '../../db/models/role.js';
import type { Unit } from '../../db/transaction.js';
import { AuthError } from '../../errors.js';
import { OWNER_ROLE, readAuthority, requireHolds, requireOutranks, type Authority } from '../access.js';
import { isId } from '../ids.js';
import type { AccountDeps } from './deps.js';

/** The roles with these ids; without any the default one. @throws {AuthError} NOT_FOUND when one of them is unknown */
export async function findRoles(
  { catalogue }: Pick<AccountDeps, 'catalogue'>,
  unit: Unit,
  ids: readonly string[],
): Promise<RoleModel[]> {
  const wanted = [...new Set(ids.map((id) => id.toLowerCase()))];
  if (wanted.length === 0) return RoleModel.query(unit.trx).where({ name: catalogue.defaultRole });
  if (!wanted.every(isId)) throw new AuthError('NOT_FOUND');
  const roles = await RoleModel.query(unit.trx).findByIds(wanted);
  if (roles.length < wanted.length) throw new AuthError('NOT_FOUND');
  return roles;
}

/**
 * Nobody gives a role of their own rank, or one that carries more than they hold. What the default role carries is no
 * more than anybody gets by signing up.
 * @throws {AuthError} FORBIDDEN
 */
export async function requireMayGrant(
  { catalogue }: Pick<AccountDeps, 'catalogue'>,
  unit: Unit,
  own: Authority,
  roles: readonly RoleModel[],
): Promise<void> {
  for (const role of roles) {
    requireOutranks(own, role.rank);
    if (role.name === catalogue.defaultRole) continue;
    const granted = unit.trx('rolePermissions').where({ roleId: role.id });
    requireHolds(own, await granted.pluck<string[]>('permission'));
  }
}

/** {@link findRoles} that the actor may grant. @throws {AuthError} NOT_FOUND, FORBIDDEN */
export async function findGrantable(
  deps: Pick<AccountDeps, 'catalogue'>,
  unit: Unit,
  own: Authority,
  ids: readonly string[],
): Promise<RoleModel[]> {
  const roles = await findRoles(deps, unit, ids);
  await requireMayGrant(deps, unit, own, roles);
  return roles;
}

/**
 * Whoever chooses an account's address can have its password set anew from there: they must hold what the account may do,
 * inside applications as well. What the default role carries is anybody's.
 * @throws {AuthError} FORBIDDEN
 */
export async function requireMayReaddress(
  { catalogue }: Pick<AccountDeps, 'catalogue'>,
  unit: Unit,
  own: Authority,
  userId: string,
): Promise<void> {
  const { rows } = await unit.trx.raw<{ rows: { permission: string }[] }>(
    `select p.permission from role_permissions p join roles r on r.id = p.role_id join user_roles u on u.role_id = r.id
     where u.user_id = ? and r.name <> ?
     union
     select p.permission from business_role_permissions p join service_access a on a.business_role_id = p.business_role_id
     where a.user_id = ?`,
    [userId, catalogue.defaultRole, userId],
  );
  const beyond = rows.find(({ permission }) => !own.permissions.has(permission));
  if (beyond && !own.roles.includes(OWNER_ROLE))
    throw new AuthError('FORBIDDEN', {
      message: `You cannot move this account to another address, as it holds ${beyond.permission} and you do not.`,
    });
}

/** What a change of roles brought, for the record: roles can be renamed or gone by the time that somebody looks. */
export interface Gain {
  /** The account's before and after. */
  ranks: [before: number, after: number];
  /** Permissions of the platform that it did not hold before, by name. */
  gained: string[];
}

/** What an account has gained over `before`, within the transaction that changed its roles. */
export async function gainOf(
  { trx }: Unit,
  userId: string,
  before: Pick<Authority, 'rank' | 'permissions'>,
): Promise<Gain> {
  const after = await readAuthority(trx, userId);
  const added = [...after.permissions].filter((permission) => !before.permissions.has(permission));
  const gained = await trx('permissions')
    .whereIn('name', added)
    .where({ builtIn: true })
    .orderBy('name')
    .pluck<string[]>('name');
  return { ranks: [before.rank, after.rank], gained };
}

/** What anybody is who signs up: what a new account's roles are measured by. */
export function authorityOfNewcomers({
  catalogue,
}: Pick<AccountDeps, 'catalogue'>): Pick<Authority, 'rank' | 'permissions'> {
  const role = catalogue.role(catalogue.defaultRole);
  return { rank: role?.rank ?? 0, permissions: new Set(role?.permissions) };
}
