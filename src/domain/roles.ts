import type { Knex } from 'knex';
import { z } from 'zod';
import { RoleModel } from '../db/models/role.js';
import { UserModel } from '../db/models/user.js';
import type { Unit } from '../db/transaction.js';
import { AuthError, badInput, conflict } from '../errors.js';
import { statusOf } from './accounts.js';
import {
  administer,
  OWNER_ROLE,
  requireHolds,
  requireOutranks,
  type Authority,
  type UserActor,
} from './access.js';
import { administration } from './administration.js';
import { record } from './audit.js';
import type { Catalogue } from './catalogue.js';
import type { Client } from './client.js';
import { isId, newId } from './ids.js';
import { description, permissionNames, readFields, roleName } from './input.js';
import { readPage, type Order, type Page, type PageRequest } from './pages.js';
import { revoke, type Feed } from './revocations.js';

export type { RoleModel as StoredRole } from '../db/models/role.js';

export interface RoleDeps {
  catalogue: Catalogue;
  db: Knex;
  feed: Feed;
}

export interface RoleInput {
  name?: string | null;
  description?: string | null;
  rank?: number | null;
  permissions?: readonly string[] | null;
}

const changes = z
  .object({
    name: roleName,
    description,
    rank: z
      .number('Must be a number.')
      .int('Must be a whole number.')
      .min(1, 'Must be from 1 to 99; 100 is the owners’.')
      .max(99, 'Must be from 1 to 99; 100 is the owners’.'),
    permissions: permissionNames,
  })
  .partial();
interface RoleChanges {
  name?: string;
  description?: string | null;
  rank?: number;
  permissions?: readonly string[];
}

const highestFirst: Order<RoleModel> = {
  name: 'rank',
  column: 'rank',
  type: 'integer',
  value: (role) => String(role.rank),
  descending: true,
};

/** Roles, highest rank first. */
export async function listRoles(db: Knex, request: PageRequest): Promise<Page<RoleModel>> {
  return readPage(RoleModel.query(db), highestFirst, request);
}

/** @throws {AuthError} BAD_USER_INPUT, CONFLICT, FORBIDDEN for a rank or permission beyond one's own */
export async function createRole(
  deps: RoleDeps,
  actor: UserActor,
  input: RoleInput,
  client: Client,
): Promise<RoleModel> {
  const {
    name = '',
    rank = 0,
    description = null,
    permissions = [],
  } = readFields(changes, input, ['name', 'rank', 'permissions']);
  return change(deps, actor, async (unit, own) => {
    requireOutranks(own, rank);
    const granted = await knownPermissions(unit, permissions);
    requireHolds(own, granted);
    return addRole(unit, { name, rank, description, permissions: granted }, { actor: actor.id, client });
  });
}

/** A role that was checked. */
export interface NewRole {
  name: string;
  rank: number;
  description: string | null;
  permissions: readonly string[];
}

/** Writes a new role and the record of it; nobody has acted where the service itself does. @throws {AuthError} CONFLICT */
export async function addRole(
  unit: Unit,
  { name, rank, description, permissions }: NewRole,
  by: { actor?: string; client?: Client },
): Promise<{ id: string }> {
  const id = newId();
  await tellTaken(
    RoleModel.query(unit.trx)
      .insert({ id, name, nameKey: name.toLowerCase(), rank, description })
      .returning([]),
  );
  await setPermissions(unit, id, permissions);
  await record(unit.trx, by.client, {
    type: 'role.created',
    ...(by.actor === undefined ? {} : { actor: by.actor }),
    subject: id,
    details: { role: name, after: { rank, permissions: [...permissions] } },
  });
  return { id };
}

/** @throws {AuthError} NOT_FOUND, BAD_USER_INPUT, CONFLICT, FORBIDDEN for a rank or permission beyond one's own, before or after */
export async function updateRole(
  deps: RoleDeps,
  actor: UserActor,
  id: string,
  input: RoleInput,
  client: Client,
): Promise<RoleModel> {
  const { permissions, ...columns } = readFields(changes, input, []);
  return change(deps, actor, async (unit, own) => {
    const role = await getRole(unit, id);
    requireOutranks(own, Math.max(role.rank, columns.rank ?? 0));
    requireChangeable(deps, role, columns, permissions);
    const before = await permissionsOf(unit, role.id);
    const after = permissions ? await knownPermissions(unit, permissions) : before;
    requireHolds(own, [...before, ...after]);
    const patch: Partial<RoleModel> = { ...columns, updatedAt: unit.trx.raw('now()') as unknown as Date };
    if (columns.name !== undefined) patch.nameKey = columns.name.toLowerCase();
    // Not role.$query().patch(), which would make `role` what it becomes: from here on it is what it was.
    await tellTaken(RoleModel.query(unit.trx).findById(role.id).patch(patch));
    if (permissions) await setPermissions(unit, role.id, after);
    if (columns.name !== undefined && columns.name !== role.name) await raiseHolders(deps, unit, role.id);
    const details = {
      role: role.name,
      before: { rank: role.rank, permissions: before },
      after: { rank: columns.rank ?? role.rank, permissions: after },
    };
    await record(unit.trx, client, { type: 'role.updated', actor: actor.id, subject: role.id, details });
    return role;
  });
}

/** Takes a role from everybody who has it. @throws {AuthError} NOT_FOUND, FORBIDDEN, CONFLICT for a built-in one */
export async function deleteRole(
  deps: RoleDeps,
  actor: UserActor,
  id: string,
  client: Client,
): Promise<void> {
  await change(deps, actor, async (unit, own) => {
    const role = await getRole(unit, id);
    requireOutranks(own, role.rank);
    const { defaultRole } = deps.catalogue;
    if (role.builtIn || role.isDefault || role.name === defaultRole)
      throw conflict('id', 'Built-in roles and the default role cannot be deleted.');
    const before = await permissionsOf(unit, role.id);
    requireHolds(own, before);
    await releaseHolders(deps, unit, role.id, defaultRole);
    await role.$query(unit.trx).delete();
    await record(unit.trx, client, {
      type: 'role.deleted',
      actor: actor.id,
      subject: role.id,
      details: { role: role.name, before: { rank: role.rank, permissions: before } },
    });
    return role;
  });
}

/** One change to the roles: permission, then the work, then word to every process that the roles are others now. */
async function change(
  deps: RoleDeps,
  actor: UserActor,
  work: (unit: Unit, own: Authority) => Promise<{ id: string }>,
): Promise<RoleModel> {
  return administration(deps.db, async (unit) => {
    const own = await administer(unit.trx, actor, 'roles:manage');
    const { id } = await work(unit, own);
    revoke(deps.feed, unit, { kind: 'roles', key: id });
    return (await RoleModel.query(unit.trx).findById(id)) as RoleModel;
  });
}

/** Access tokens name roles, so a name that changes hands must not bring its old holders along. */
async function raiseHolders(deps: RoleDeps, unit: Unit, roleId: string): Promise<void> {
  const holders = unit.trx('userRoles').select('userId').where({ roleId });
  const raised = await UserModel.query(unit.trx)
    .whereIn('id', holders)
    .patch({ authzVersion: unit.trx.raw('authz_version + 1') })
    .returning(['id', 'authzVersion', 'suspendedAt', 'deletedAt']);
  revoke(
    deps.feed,
    unit,
    ...raised.map((user) => ({
      kind: 'subject' as const,
      key: user.id,
      status: statusOf(user),
      version: user.authzVersion,
    })),
  );
}

/** Whoever had only this role falls back to the default one. */
async function releaseHolders(
  deps: RoleDeps,
  unit: Unit,
  roleId: string,
  defaultRole: string,
): Promise<void> {
  await raiseHolders(deps, unit, roleId);
  await unit.trx.raw(
    `insert into user_roles (user_id, role_id)
     select h.user_id, d.id from user_roles h, roles d
     where h.role_id = ? and d.name = ? and not exists (select 1 from user_roles o where o.user_id = h.user_id and o.role_id <> h.role_id)`,
    [roleId, defaultRole],
  );
}

async function getRole(unit: Unit, id: string): Promise<RoleModel> {
  const role = isId(id) ? await RoleModel.query(unit.trx).findById(id).forUpdate() : undefined;
  if (!role) throw new AuthError('NOT_FOUND');
  return role;
}

/** Built-in roles keep name and rank, and OWNER keeps everything, so that nobody can lock the last door behind themselves. */
function requireChangeable(
  { catalogue }: RoleDeps,
  role: RoleModel,
  columns: RoleChanges,
  permissions: readonly string[] | undefined,
): void {
  const renamed = columns.name !== undefined && columns.name !== role.name;
  const moved = columns.rank !== undefined && columns.rank !== role.rank;
  if (role.builtIn && (renamed || moved))
    throw conflict(renamed ? 'name' : 'rank', 'Built-in roles keep their name and rank.');
  if ([catalogue.defaultRole, catalogue.mfaRole].includes(role.name) && renamed)
    throw conflict('name', 'This role keeps its name, which the configuration knows.');
  if (role.name === OWNER_ROLE && permissions) throw conflict('permissions', 'OWNER keeps every permission.');
}

/** So many unknown permissions are named to whoever asked for them. */
const MOST_NAMED = 5;

const isSpelled = (name: string) => /^[\w:-]{1,100}$/.test(name);

/** These names without repetition, in order. @throws {AuthError} BAD_USER_INPUT when there is no such permission */
export async function knownPermissions(unit: Unit, names: readonly string[]): Promise<string[]> {
  const wanted = [...new Set(names)].sort();
  const known = await unit
    .trx('permissions')
    .whereIn('name', wanted.filter(isSpelled))
    .pluck<string[]>('name');
  const unknown = wanted.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw badInput([{ name: 'permissions', message: unknownMessage(unknown) }]);
  return wanted;
}

/** Names what might be a slip of the pen; what cannot be a name at all is not repeated. */
function unknownMessage(names: readonly string[]): string {
  const spelled = names.filter(isSpelled);
  if (spelled.length === 0) return 'Holds what is no name of a permission.';
  const more = spelled.length > MOST_NAMED ? ' and others' : '';
  return `There is no permission ${spelled.slice(0, MOST_NAMED).join(', ')}${more}.`;
}

async function permissionsOf(unit: Unit, roleId: string): Promise<string[]> {
  return unit.trx('rolePermissions').where({ roleId }).orderBy('permission').pluck<string[]>('permission');
}

async function setPermissions(unit: Unit, roleId: string, names: readonly string[]): Promise<void> {
  await unit.trx('rolePermissions').where({ roleId }).delete();
  if (names.length > 0)
    await unit.trx('rolePermissions').insert(names.map((permission) => ({ roleId, permission })));
}

async function tellTaken<T>(write: PromiseLike<T>): Promise<T> {
  try {
    return await write;
  } catch (error) {
    throw (error as { constraint?: string }).constraint === 'roles_name_taken'
      ? conflict('name', 'Role name already exists')
      : error;
  }
}
