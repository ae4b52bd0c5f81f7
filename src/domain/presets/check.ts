import { PermissionModel } from '../../db/models/permission.js';
import { RoleModel } from '../../db/models/role.js';
import { ServiceModel } from '../../db/models/service.js';
import type { Unit } from '../../db/transaction.js';
import { OWNER_ROLE } from '../access.js';
import { isReserved, RESERVED } from '../permissions.js';
import type { Preset, Reading } from './shape.js';

/** What there is already, and what the presets before this one, and itself, will have added. */
interface Known {
  /** Whether they are the platform's, by name. */
  permissions: Map<string, boolean>;
  roles: RoleModel[];
  /** Names as presets spell them. */
  newRoles: Set<string>;
  services: Set<string>;
}

/**
 * Every mistake in presets that are to be applied one after the other: their own, and what does not fit the database.
 * @returns a list for each of them
 */
export async function findMistakes(unit: Unit, readings: readonly Reading[]): Promise<string[][]> {
  const known = await readKnown(unit);
  return readings.map(({ preset, names, mistakes }) => {
    const own = permissionsTaken(preset, known);
    for (const name of names.permissions) known.permissions.set(name, known.permissions.get(name) ?? false);
    for (const name of names.roles) known.newRoles.add(name);
    for (const name of names.services) known.services.add(name);
    return [
      ...mistakes,
      ...own,
      ...repeated(preset),
      ...rolesAtOdds(preset, known),
      ...businessRolesAtOdds(preset, known),
      ...defaultAtOdds(preset, known),
    ];
  });
}

async function readKnown({ trx }: Unit): Promise<Known> {
  const permissions = await PermissionModel.query(trx);
  const services = await ServiceModel.query(trx).whereNull('deletedAt');
  return {
    permissions: new Map(permissions.map(({ name, builtIn }) => [name, builtIn])),
    roles: await RoleModel.query(trx),
    newRoles: new Set(),
    services: new Set(services.map(({ name }) => name)),
  };
}

function permissionsTaken({ permissions }: Preset, known: Known): string[] {
  return permissions.flatMap(({ name }) => {
    const isPlatforms = known.permissions.get(name);
    if (isPlatforms === true) return [`permission ${name}: Is the platform’s own.`];
    return isPlatforms === undefined && isReserved(name) ? [`permission ${name}: ${RESERVED}`] : [];
  });
}

function repeated({ permissions, roles, services, businessRoles }: Preset): string[] {
  const labels = [
    ...permissions.map(({ name }) => `permission ${name}`),
    ...roles.map(({ name }) => `role ${name}`),
    ...services.map(({ name }) => `service ${name}`),
    ...businessRoles.map(({ name, service }) => `business role ${name}${service ? ` of ${service}` : ''}`),
  ];
  const key = (label: string) => (label.startsWith('permission') ? label : label.toLowerCase());
  const keys = labels.map(key);
  const twice = labels.filter((label, at) => keys.indexOf(key(label)) < at);
  return [...new Set(twice)].map((label) => `${label}: Is there more than once.`);
}

function rolesAtOdds({ roles }: Preset, known: Known): string[] {
  return roles.flatMap(({ name, rank, permissions }) => {
    const stored = known.roles.find(({ nameKey }) => nameKey === name.toLowerCase());
    const mistakes = unknownPermissions(permissions, known);
    if (stored && stored.name !== name) mistakes.push(`There is a role ${stored.name}; spell it like that.`);
    if (stored?.builtIn && stored.rank !== rank)
      mistakes.push(`Is built in and keeps its rank, which is ${stored.rank}.`);
    return mistakes.map((mistake) => `role ${name}: ${mistake}`);
  });
}

function businessRolesAtOdds({ businessRoles }: Preset, known: Known): string[] {
  return businessRoles.flatMap(({ name, service, permissions }) => {
    const mistakes = unknownPermissions(permissions, known);
    if (service !== undefined && !known.services.has(service))
      mistakes.push(`There is no service ${service}.`);
    const authority = permissions.filter((permission) => known.permissions.get(permission) === true);
    for (const permission of authority)
      mistakes.push(`${permission} is a permission of the platform: it belongs in a role.`);
    return mistakes.map((mistake) => `business role ${name}: ${mistake}`);
  });
}

function defaultAtOdds({ defaultRole }: Preset, { roles, newRoles }: Known): string[] {
  if (defaultRole === undefined) return [];
  if (defaultRole === OWNER_ROLE) return ['defaultRole: Must not make everybody an owner.'];
  const isThere = newRoles.has(defaultRole) || roles.some(({ name }) => name === defaultRole);
  return isThere ? [] : [`defaultRole: There is no role ${defaultRole}.`];
}

const unknownPermissions = (names: readonly string[], { permissions }: Known): string[] =>
  names.filter((name) => !permissions.has(name)).map((name) => `There is no permission ${name}.`);
