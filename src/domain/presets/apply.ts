import { BusinessRoleModel, queryBusinessRoles } from '../../db/models/business-role.js';
import { PermissionModel } from '../../db/models/permission.js';
import { RoleModel } from '../../db/models/role.js';
import { ServiceModel } from '../../db/models/service.js';
import type { Unit } from '../../db/transaction.js';
import { OWNER_ROLE } from '../access.js';
import { record } from '../audit.js';
import { newId } from '../ids.js';
import { addPermission, completeOwner } from '../permissions.js';
import { addRole } from '../roles.js';
import { close, compare, type Outcome } from './compare.js';
import type { Preset, PresetBusinessRole, PresetPermission, PresetRole, PresetService } from './shape.js';

/** Adds a preset that has no mistakes. What is there already stays, unless `updates` says to bring it to the preset's state. */
export async function applyPreset(unit: Unit, preset: Preset, updates: boolean): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const permission of preset.permissions)
    outcomes.push(await applyPermission(unit, permission, updates));
  for (const role of preset.roles)
    outcomes.push(
      role.name === OWNER_ROLE ? await applyOwner(unit, role) : await applyRole(unit, role, updates),
    );
  for (const service of preset.services) outcomes.push(await applyService(unit, service, updates));
  for (const role of preset.businessRoles) outcomes.push(await applyBusinessRole(unit, role, updates));
  if (preset.defaultRole !== undefined) outcomes.push(await applyDefault(unit, preset.defaultRole));
  return outcomes;
}

async function applyPermission(unit: Unit, wanted: PresetPermission, updates: boolean): Promise<Outcome> {
  const { name, description = null } = wanted;
  const item = `permission ${name}`;
  const stored = await PermissionModel.query(unit.trx).findById(name);
  const details = { permission: name };
  if (!stored) {
    await addPermission(unit, { name, description });
    await record(unit.trx, undefined, { type: 'permission.created', subject: name, details });
    return { item, what: 'created' };
  }
  const gap = compare(stored, { description: wanted.description });
  return close(item, gap, { adds: false, updates }, async ({ columns }) => {
    await PermissionModel.query(unit.trx).findById(name).patch(columns);
    await record(unit.trx, undefined, { type: 'permission.updated', subject: name, details });
  });
}

/** OWNER carries everything, whatever a preset lists. */
async function applyOwner(unit: Unit, { name, rank }: PresetRole): Promise<Outcome> {
  const role = await RoleModel.query(unit.trx).findOne({ name }).throwIfNotFound();
  const before = await permissionsOf(unit, role.id);
  const lacks = await completeOwner(unit);
  return close(`role ${name}`, { columns: {}, lacks, also: [] }, { adds: true, updates: false }, () =>
    record(unit.trx, undefined, {
      type: 'role.updated',
      subject: role.id,
      details: {
        role: name,
        before: { rank, permissions: before },
        after: { rank, permissions: [...before, ...lacks].sort() },
      },
    }),
  );
}

/** A built-in role gets back what it lacks. */
async function applyRole(unit: Unit, wanted: PresetRole, updates: boolean): Promise<Outcome> {
  const { name, rank, description = null } = wanted;
  const item = `role ${name}`;
  const stored = await RoleModel.query(unit.trx).findOne({ nameKey: name.toLowerCase() });
  if (!stored) {
    await addRole(unit, { name, rank, description, permissions: sorted(wanted.permissions) }, {});
    return { item, what: 'created' };
  }
  const before = await permissionsOf(unit, stored.id);
  const { also, ...gap } = compare(
    { rank: stored.rank, description: stored.description, permissions: before },
    wanted,
  );
  const extra = stored.builtIn ? [] : also;
  return close(
    item,
    { ...gap, also: extra },
    { adds: stored.builtIn, updates },
    async ({ columns, lacks }) => {
      const patch = { ...columns, updatedAt: now(unit) };
      await RoleModel.query(unit.trx).findById(stored.id).patch(patch);
      for (const permission of lacks)
        await unit.trx('rolePermissions').insert({ roleId: stored.id, permission });
      const after = { rank: columns.rank ?? stored.rank, permissions: sorted([...before, ...lacks]) };
      const details = { role: name, before: { rank: stored.rank, permissions: before }, after };
      await record(unit.trx, undefined, { type: 'role.updated', subject: stored.id, details });
    },
  );
}

async function applyService(unit: Unit, wanted: PresetService, updates: boolean): Promise<Outcome> {
  const { name, description = null } = wanted;
  const item = `service ${name}`;
  const stored = await findService(unit, name);
  if (!stored) {
    const id = newId();
    await ServiceModel.query(unit.trx).insert({ id, name, description }).returning([]);
    await record(unit.trx, undefined, { type: 'service.created', subject: id, details: { service: name } });
    return { item, what: 'created' };
  }
  return close(item, compare(stored, wanted), { adds: false, updates }, async ({ columns }) => {
    const { id, status } = stored;
    const patch = { ...columns, updatedAt: now(unit) };
    await ServiceModel.query(unit.trx).findById(id).patch(patch);
    const details = { service: name, before: { name, status }, after: { name, status } };
    await record(unit.trx, undefined, { type: 'service.updated', subject: id, details });
  });
}

async function applyBusinessRole(unit: Unit, wanted: PresetBusinessRole, updates: boolean): Promise<Outcome> {
  const { name, description = null } = wanted;
  const item = `business role ${name}${wanted.service === undefined ? '' : ` of ${wanted.service}`}`;
  const serviceId =
    wanted.service === undefined ? null : ((await findService(unit, wanted.service))?.id ?? null);
  const key = { nameKey: name.toLowerCase(), serviceId };
  const stored = await queryBusinessRoles(unit.trx).findOne(key);
  if (!stored) {
    const role = { id: newId(), name, description, ...key };
    await BusinessRoleModel.query(unit.trx).insert(role).returning([]);
    await grant(unit, role.id, wanted.permissions);
    const details = { role: name, service: serviceId, after: { permissions: sorted(wanted.permissions) } };
    await record(unit.trx, undefined, { type: 'business_role.created', subject: role.id, details });
    return { item, what: 'created' };
  }
  const { id, permissions } = stored;
  return close(item, compare(stored, wanted), { adds: false, updates }, async ({ columns, lacks }) => {
    const patch = { ...columns, updatedAt: now(unit) };
    await BusinessRoleModel.query(unit.trx).findById(id).patch(patch);
    await grant(unit, id, lacks);
    const after = { name, permissions: sorted([...permissions, ...lacks]) };
    const details = { role: name, service: serviceId, before: { name, permissions }, after };
    await record(unit.trx, undefined, { type: 'business_role.updated', subject: id, details });
  });
}

/** Accounts that are there keep their roles. */
async function applyDefault(unit: Unit, name: string): Promise<Outcome> {
  const item = `default role ${name}`;
  const before = (await RoleModel.query(unit.trx).findOne({ isDefault: true }))?.name;
  if (before === name) return { item, what: 'unchanged' };
  await RoleModel.query(unit.trx).where({ isDefault: true }).patch({ isDefault: false });
  await RoleModel.query(unit.trx).where({ name }).patch({ isDefault: true });
  const details = { before, after: name };
  await record(unit.trx, undefined, { type: 'default_role.set', details });
  return { item, what: 'changed', ...(before === undefined ? {} : { how: `was ${before}` }) };
}

const now = (unit: Unit) => unit.trx.raw('now()') as unknown as Date;
const sorted = (names: readonly string[]) => [...new Set(names)].sort();

const findService = (unit: Unit, name: string) =>
  ServiceModel.query(unit.trx).findOne({ name }).whereNull('deletedAt');

const permissionsOf = async (unit: Unit, roleId: string) =>
  unit.trx('rolePermissions').where({ roleId }).orderBy('permission').pluck<string[]>('permission');

async function grant(unit: Unit, businessRoleId: string, names: readonly string[]): Promise<void> {
  const rows = sorted(names).map((permission) => ({ businessRoleId, permission }));
  if (rows.length > 0) await unit.trx('businessRolePermissions').insert(rows);
}
