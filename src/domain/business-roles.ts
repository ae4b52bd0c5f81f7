import type { Knex } from 'knex';
import { z } from 'zod';
import { BusinessRoleModel, queryBusinessRoles, type BusinessRoleRow } from '../db/models/business-role.js';
import { ServiceModel } from '../db/models/service.js';
import type { Unit } from '../db/transaction.js';
import { AuthError, badInput, conflict } from '../errors.js';
import { administer, requireHolds, type Authority, type UserActor } from './access.js';
import { administration } from './administration.js';
import { record } from './audit.js';
import type { Client } from './client.js';
import { isId, newId } from './ids.js';
import { description, permissionNames, readFields, roleName } from './input.js';
import { readPage, type Order, type Page, type PageRequest } from './pages.js';
import { revoke, type Feed } from './revocations.js';
import { knownPermissions } from './roles.js';
import { getService } from './services.js';

export type { BusinessRoleRow as StoredBusinessRole } from '../db/models/business-role.js';

export interface BusinessRoleDeps {
  db: Knex;
  feed: Feed;
}

export interface BusinessRoleInput {
  name?: string | null;
  description?: string | null;
  /** Only when it is made: what is bound to one service stays so. */
  serviceId?: string | null;
  permissions?: readonly string[] | null;
}

const changes = z.object({ name: roleName, description, permissions: permissionNames }).partial();

const byName: Order<BusinessRoleRow> = {
  name: 'name',
  column: 'nameKey',
  type: 'text',
  value: (role) => role.nameKey,
  descending: false,
};

/**
 * Business roles by name; with a service, those that can be given there: its own and the general ones.
 * @throws {AuthError} NOT_FOUND for an unknown service, BAD_USER_INPUT
 */
export async function listBusinessRoles(
  db: Knex,
  request: PageRequest,
  serviceId: string | null,
): Promise<Page<BusinessRoleRow>> {
  const query = queryBusinessRoles(db);
  if (serviceId === null) return readPage(query, byName, request);
  const service = isId(serviceId)
    ? await ServiceModel.query(db).findById(serviceId).whereNull('deletedAt')
    : undefined;
  if (!service) throw new AuthError('NOT_FOUND');
  void query.where((either) => void either.whereNull('serviceId').orWhere({ serviceId: service.id }));
  return readPage(query, byName, request);
}

/**
 * Adds a business role with permissions that the actor holds.
 * @throws {AuthError} NOT_FOUND for an unknown service, BAD_USER_INPUT, CONFLICT, FORBIDDEN for a permission beyond one's own
 */
export async function createBusinessRole(
  deps: BusinessRoleDeps,
  actor: UserActor,
  input: BusinessRoleInput,
  client: Client,
): Promise<BusinessRoleRow> {
  const { serviceId = null, ...fields } = input;
  const {
    name = '',
    description = null,
    permissions = [],
  } = readFields(changes, fields, ['name', 'permissions']);
  return change(deps, actor, async (unit, own) => {
    const service = serviceId === null ? null : await getService(unit, serviceId);
    const granted = await permissionsOfApplications(unit, permissions);
    requireHolds(own, granted);
    const role = { id: newId(), serviceId: service?.id ?? null, name, nameKey: keyOf(name), description };
    await tellTaken(BusinessRoleModel.query(unit.trx).insert(role).returning([]));
    await setPermissions(unit, role.id, granted);
    await record(unit.trx, client, {
      type: 'business_role.created',
      actor: actor.id,
      subject: role.id,
      details: { role: name, service: role.serviceId, after: { permissions: granted } },
    });
    return role.id;
  });
}

/**
 * Changes a business role for everybody who has it.
 * @throws {AuthError} NOT_FOUND, BAD_USER_INPUT, CONFLICT, FORBIDDEN for a permission beyond one's own, before or after
 */
export async function updateBusinessRole(
  deps: BusinessRoleDeps,
  actor: UserActor,
  id: string,
  input: BusinessRoleInput,
  client: Client,
): Promise<BusinessRoleRow> {
  const { permissions, ...columns } = readFields(changes, input, []);
  return change(deps, actor, async (unit, own) => {
    const role = await getBusinessRole(unit, id);
    const after = permissions ? await permissionsOfApplications(unit, permissions) : role.permissions;
    requireHolds(own, [...role.permissions, ...after]);
    const key = columns.name === undefined ? {} : { nameKey: keyOf(columns.name) };
    const patch = { ...columns, ...key, updatedAt: unit.trx.raw('now()') as unknown as Date };
    await tellTaken(BusinessRoleModel.query(unit.trx).findById(role.id).patch(patch));
    if (permissions) await setPermissions(unit, role.id, after);
    await record(unit.trx, client, {
      type: 'business_role.updated',
      actor: actor.id,
      subject: role.id,
      details: {
        role: role.name,
        service: role.serviceId,
        before: { name: role.name, permissions: role.permissions },
        after: { name: columns.name ?? role.name, permissions: after },
      },
    });
    return role.id;
  });
}

/**
 * Deletes a business role; whoever had it keeps access to the service, as nothing in particular.
 * @throws {AuthError} NOT_FOUND, FORBIDDEN for a permission beyond one's own
 */
export async function deleteBusinessRole(
  deps: BusinessRoleDeps,
  actor: UserActor,
  id: string,
  client: Client,
): Promise<void> {
  await change(deps, actor, async (unit, own) => {
    const { id: roleId, name, serviceId, permissions } = await getBusinessRole(unit, id);
    requireHolds(own, permissions);
    await BusinessRoleModel.query(unit.trx).deleteById(roleId);
    await record(unit.trx, client, {
      type: 'business_role.deleted',
      actor: actor.id,
      subject: roleId,
      details: { role: name, service: serviceId, before: { permissions } },
    });
    return roleId;
  });
}

/** One change to the business roles: permission, then the work, then word to every process that they are others now. */
async function change(
  deps: BusinessRoleDeps,
  actor: UserActor,
  work: (unit: Unit, own: Authority) => Promise<string>,
): Promise<BusinessRoleRow> {
  return administration(deps.db, async (unit) => {
    const own = await administer(unit.trx, actor, 'roles:manage');
    const id = await work(unit, own);
    revoke(deps.feed, unit, { kind: 'roles', key: id, status: 'SERVICES' });
    return (await queryBusinessRoles(unit.trx).findById(id)) as BusinessRoleRow;
  });
}

async function getBusinessRole(unit: Unit, id: string): Promise<BusinessRoleRow> {
  const role = isId(id) ? await queryBusinessRoles(unit.trx).findById(id).forUpdate() : undefined;
  if (!role) throw new AuthError('NOT_FOUND');
  return role;
}

/** What a business role permits counts only at its service, so none of it can be an authority over the platform. */
async function permissionsOfApplications(unit: Unit, names: readonly string[]): Promise<string[]> {
  const known = await knownPermissions(unit, names);
  const [reserved] = await unit
    .trx('permissions')
    .whereIn('name', known)
    .where({ builtIn: true })
    .orderBy('name')
    .pluck<string[]>('name');
  if (reserved === undefined) return known;
  const message = `${reserved} is a permission of the platform: it belongs in a role, not in a business role.`;
  throw badInput([{ name: 'permissions', message }]);
}

async function setPermissions(unit: Unit, businessRoleId: string, names: readonly string[]): Promise<void> {
  const rows = names.map((permission) => ({ businessRoleId, permission }));
  await unit.trx('businessRolePermissions').where({ businessRoleId }).delete();
  if (rows.length > 0) await unit.trx('businessRolePermissions').insert(rows);
}

const keyOf = (name: string) => name.toLowerCase();

const TAKEN = new Set(['business_roles_name_taken', 'business_roles_general_name_taken']);

async function tellTaken<T>(write: PromiseLike<T>): Promise<T> {
  try {
    return await write;
  } catch (error) {
    throw TAKEN.has((error as { constraint?: string }).constraint ?? '')
      ? conflict('name', 'Business role name already exists')
      : error;
  }
}
