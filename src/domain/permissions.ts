import type { Knex } from 'knex';
import { z } from 'zod';
import { PermissionModel } from '../db/models/permission.js';
import type { Unit } from '../db/transaction.js';
import { AuthError, badInput, conflict } from '../errors.js';
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
import type { Client } from './client.js';
import { description, readFields } from './input.js';
import { revoke, type Feed } from './revocations.js';

export interface PermissionDeps {
  db: Knex;
  feed: Feed;
}

/** A permission that an application asks for. */
export interface NewPermission {
  name: string;
  description: string | null;
}

/** How the names of applications' permissions are spelled; compared exactly, as scopes are (RFC 6749 §3.3). */
export const permissionName = z
  .string('Must not be empty.')
  .trim()
  .regex(/^[A-Za-z][A-Za-z0-9_:-]{0,99}$/, 'Must have 1 to 100 letters, digits, _ : or -, a letter first.');

const fields = z.object({ name: permissionName, description });

/** What the platform's own permissions speak of, now or one day: an application that took such a name would be in the way. */
const PLATFORM_NOUNS: ReadonlySet<string> = new Set([
  ...['users', 'sessions', 'roles', 'permissions', 'business-roles', 'services', 'tokens', 'keys'],
  ...['audit', 'alerts', 'reports', 'factors', 'passkeys', 'issuers', 'platform', 'authgraph'],
]);

/** Said of a name that {@link isReserved}. */
export const RESERVED = 'Is kept for the platform; put another word before the colon.';

/** Whether a name is kept for permissions of the platform, present or to come: a noun of its own before a colon. */
export function isReserved(name: string): boolean {
  const [noun = '', verb] = name.toLowerCase().split(':');
  return verb !== undefined && PLATFORM_NOUNS.has(noun);
}

/** Every permission that a role can carry, by name. */
export async function listPermissions(db: Knex): Promise<PermissionModel[]> {
  return PermissionModel.query(db).orderBy('name');
}

/**
 * Adds a permission of an application. OWNER carries it from the start, as it does all; nobody else does, so only owners
 * can give it to a first role.
 * @throws {AuthError} BAD_USER_INPUT, CONFLICT where the name is taken
 */
export async function createPermission(
  deps: PermissionDeps,
  actor: UserActor,
  given: NewPermission,
  client: Client,
): Promise<PermissionModel> {
  const permission = readFields(fields, given, []);
  const { name } = permission;
  return administration(deps.db, async (unit) => {
    await administer(unit.trx, actor, 'roles:manage');
    if (await exists(unit, name)) throw conflict('name', 'Permission already exists');
    if (isReserved(name)) throw badInput([{ name: 'name', message: RESERVED }]);
    await addPermission(unit, permission);
    const details = { permission: name };
    await record(unit.trx, client, { type: 'permission.created', actor: actor.id, subject: name, details });
    revoke(deps.feed, unit, { kind: 'roles', key: name });
    return PermissionModel.query(unit.trx).findById(name).throwIfNotFound();
  });
}

/** Writes a permission that was checked, and gives it to OWNER. */
export async function addPermission(unit: Unit, permission: NewPermission): Promise<void> {
  await PermissionModel.query(unit.trx).insert(permission).returning([]);
  await completeOwner(unit);
}

/** OWNER carries every permission there is, applications' as well. @returns those that it lacked */
export async function completeOwner(unit: Unit): Promise<string[]> {
  const { rows } = await unit.trx.raw<{ rows: { permission: string }[] }>(
    `insert into role_permissions (role_id, permission)
     select r.id, p.name from roles r, permissions p where r.name = ? and r.built_in
     on conflict do nothing returning permission`,
    [OWNER_ROLE],
  );
  return rows.map(({ permission }) => permission).sort();
}

/**
 * Deletes a permission of an application, and takes it out of every role, business role and service token: for who may
 * edit all of those roles.
 * @throws {AuthError} NOT_FOUND, CONFLICT for one of the platform's, FORBIDDEN
 */
export async function deletePermission(
  deps: PermissionDeps,
  actor: UserActor,
  name: string,
  client: Client,
): Promise<void> {
  await administration(deps.db, async (unit) => {
    const own = await administer(unit.trx, actor, 'roles:manage');
    await requireDeletable(unit, name);
    const carriers = await findCarriers(unit, name);
    requireMayEdit(own, carriers);
    await takeEverywhere(unit, name);
    await PermissionModel.query(unit.trx).deleteById(name);
    await record(unit.trx, client, {
      type: 'permission.deleted',
      actor: actor.id,
      subject: name,
      details: { permission: name, ...namesOf(carriers) },
    });
    revoke(deps.feed, unit, { kind: 'roles', key: name });
  });
}

const exists = async (unit: Unit, name: string) =>
  (await PermissionModel.query(unit.trx).findById(name)) !== undefined;

async function requireDeletable(unit: Unit, name: string): Promise<void> {
  const isName = permissionName.safeParse(name).data === name;
  const permission = isName ? await PermissionModel.query(unit.trx).findById(name) : undefined;
  if (!permission) throw new AuthError('NOT_FOUND');
  if (permission.builtIn) throw conflict('name', 'The platform’s own permissions cannot be deleted.');
}

interface Carrier {
  name: string;
  /** Null for a business role, which has none. */
  rank: number | null;
  permissions: string[];
}

/** The roles and business roles that carry a permission, but for OWNER, which carries all and is left to nobody's choice. */
async function findCarriers(unit: Unit, name: string): Promise<Carrier[]> {
  const { rows } = await unit.trx.raw<{ rows: Carrier[] }>(
    `select r.name, r.rank, array_agg(p.permission) as permissions
     from roles r join role_permissions p on p.role_id = r.id
     where r.name <> ? and r.id in (select role_id from role_permissions where permission = ?) group by r.id
     union all
     select b.name, null, array_agg(p.permission)
     from business_roles b join business_role_permissions p on p.business_role_id = b.id
     where b.id in (select business_role_id from business_role_permissions where permission = ?)
       and not exists (select 1 from services s where s.id = b.service_id and s.deleted_at is not null) group by b.id
     order by 1`,
    [OWNER_ROLE, name, name],
  );
  return rows;
}

function requireMayEdit(own: Authority, carriers: readonly Carrier[]): void {
  for (const { rank, permissions } of carriers) {
    if (rank !== null) requireOutranks(own, rank);
    requireHolds(own, permissions);
  }
}

const namesOf = (carriers: readonly Carrier[]) => ({
  roles: carriers.filter(({ rank }) => rank !== null).map((role) => role.name),
  businessRoles: carriers.filter(({ rank }) => rank === null).map((role) => role.name),
});

async function takeEverywhere(unit: Unit, permission: string): Promise<void> {
  await unit.trx('rolePermissions').where({ permission }).delete();
  await unit.trx('businessRolePermissions').where({ permission }).delete();
  await unit.trx.raw('update service_tokens set scopes = array_remove(scopes, ?) where ? = any(scopes)', [
    permission,
    permission,
  ]);
}
