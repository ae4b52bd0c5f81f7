import { z } from 'zod';
import { description, permissionNames, roleName } from '../input.js';
import { permissionName } from '../permissions.js';
import { serviceName } from '../services.js';

const NO_RANK = 'Must be a whole number from 1 to 99; OWNER alone has 100.';
const optional = description.optional();
const permissions = permissionNames.default([]);

/** The lists that a preset may hold, and what each of their items must be like. What is not said is not compared either. */
const items = {
  permissions: z.strictObject({ name: permissionName, description: optional }),
  roles: z
    .strictObject({
      name: roleName,
      rank: z.number(NO_RANK).int(NO_RANK).min(1, NO_RANK).max(100, NO_RANK),
      description: optional,
      permissions,
    })
    .refine(({ name, rank }) => rank !== 100 || name === 'OWNER', { path: ['rank'], error: NO_RANK }),
  services: z.strictObject({ name: serviceName, description: optional }),
  businessRoles: z.strictObject({
    name: roleName,
    /** Name of the service that it is bound to; a general one without. */
    service: serviceName.optional(),
    description: optional,
    permissions,
  }),
} as const;

type Lists = { [Part in keyof typeof items]: z.infer<(typeof items)[Part]>[] };
export type PresetPermission = Lists['permissions'][number];
export type PresetRole = Lists['roles'][number];
export type PresetService = Lists['services'][number];
export type PresetBusinessRole = Lists['businessRoles'][number];

/** A ready set of roles and what they need; a file for `npm run db:seed -- --file` holds one as JSON. */
export interface Preset extends Lists {
  /** Name of the role that new accounts get from now on. */
  defaultRole?: string;
}

/** What could be read of a preset, and every mistake in the rest. */
export interface Reading {
  preset: Preset;
  /** What it names, sound or not: a reference to something that is wrong is no second mistake. */
  names: Record<keyof Lists, Set<string>>;
  mistakes: string[];
}

const PARTS = Object.keys(items) as (keyof Lists)[];
const KNOWN = [...PARTS, 'defaultRole'];

/** Reads a preset from parsed JSON, as far as it is one. */
export function readPreset(given: unknown): Reading {
  const preset: Preset = { permissions: [], roles: [], services: [], businessRoles: [] };
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given);
  const parts = isObject ? (given as Record<string, unknown>) : {};
  const mistakes = isObject ? [] : ['Must be an object.'];
  for (const part of Object.keys(parts).filter((name) => !KNOWN.includes(name)))
    mistakes.push(`${part}: Is not known; a preset may hold ${KNOWN.join(', ')}.`);
  for (const part of PARTS) mistakes.push(...readList(part, parts[part], preset[part]));
  const names = Object.fromEntries(PARTS.map((part) => [part, namesIn(parts[part])])) as Reading['names'];
  const { defaultRole } = parts;
  if (typeof defaultRole === 'string') preset.defaultRole = defaultRole;
  else if (defaultRole !== undefined) mistakes.push('defaultRole: Must be the name of a role.');
  return { preset, names, mistakes };
}

function namesIn(list: unknown): Set<string> {
  const all = Array.isArray(list) ? list.map((item) => (item as { name?: unknown } | null)?.name) : [];
  return new Set(all.filter((name) => typeof name === 'string').map((name) => name.trim()));
}

/** Fills `good` with the items that are. @returns the mistakes in the others */
function readList(part: keyof Lists, list: unknown, good: unknown[]): string[] {
  if (list === undefined) return [];
  if (!Array.isArray(list)) return [`${part}: Must be a list.`];
  return list.flatMap((item, at) => {
    const parsed = items[part].safeParse(item);
    if (parsed.success) good.push(parsed.data);
    return (parsed.error?.issues ?? []).map(
      ({ path, message }) => `${pathOf([part, at, ...path])}: ${message}`,
    );
  });
}

/** As one would write it in JavaScript: roles[2].permissions[0]. */
const pathOf = (path: readonly PropertyKey[]) =>
  path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
    .join('')
    .slice(1);
