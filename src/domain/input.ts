import { z } from 'zod';
import { badInput } from '../errors.js';

/** What something is for, in a few sentences; null for nothing said. */
export const description = z
  .string()
  .trim()
  .max(500, 'Must have at most 500 characters.')
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'Must not hold control characters.')
  .nullable();

/** The name of a role, of the platform or inside an application. */
export const roleName = z
  .string('Must not be empty.')
  .trim()
  .regex(/^[A-Za-z][A-Za-z0-9_-]{1,63}$/, 'Must have 2 to 64 letters, digits, _ or -, a letter first.');

/** Names of permissions, which may or may not exist. */
export const permissionNames = z
  .array(z.string('Must be the name of a permission.'), 'Must be a list.')
  .max(500, 'Must have at most 500 names.');

/** The same fields, each left out or there, but never undefined. */
type Given<T> = { [Field in keyof T]: Exclude<T[Field], undefined> };

/**
 * Reads the fields of an input; one that is left out stays out.
 * @throws {AuthError} BAD_USER_INPUT naming every field that is missing or wrong
 */
export function readFields<T extends object>(
  shape: z.ZodType<T>,
  input: object,
  compulsory: readonly (keyof T & string)[],
): Given<T> {
  const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
  const missing = compulsory.filter((name) => given[name] === undefined || given[name] === null);
  const parsed = shape.safeParse(given);
  const faults = (parsed.error?.issues ?? []).map(({ path, message }) => ({ name: path.join('.'), message }));
  if (!parsed.success || missing.length > 0)
    throw badInput([...missing.map((name) => ({ name, message: 'Is compulsory.' })), ...faults]);
  return parsed.data as Given<T>;
}
