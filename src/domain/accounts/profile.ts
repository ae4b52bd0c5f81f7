import { z } from 'zod';
import type { Config } from '../../config.js';
import { AuthError, badInput, type FieldError } from '../../errors.js';
import { passwordFault, passwordWeakness } from '../passwords.js';
import type { Clock } from '../clock.js';

/** What a person tells of themselves; dates as YYYY-MM-DD, countries as ISO 3166-1 alpha-2. */
export interface ProfileInput {
  username?: string | null;
  email?: string | null;
  firstName?: string | null;
  middleName?: string | null;
  lastName?: string | null;
  phone?: string | null;
  telegram?: string | null;
  country?: string | null;
  birthDate?: string | null;
}

export interface ProfileDeps {
  config: Config;
  clock: Clock;
}

const OLDEST_BIRTH_YEAR = 1900;
const unprintable = /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
const text = (max: number) =>
  z
    .string()
    .trim()
    .min(1, 'Must not be empty.')
    .refine((v) => [...v].length <= max, `Must have at most ${max} characters.`)
    .refine((v) => !unprintable.test(v), 'Must not hold control characters.')
    .refine((v) => /[\p{L}\p{N}\p{S}]/u.test(v), 'Must hold a letter.');

const username = z
  .string()
  .transform((v) => v.normalize('NFKC').trim())
  .refine((v) => [...v].length >= 2 && [...v].length <= 64, 'Must have 2 to 64 characters.')
  .refine((v) => /^[\p{L}\p{M}\p{N}._+-]*$/u.test(v), 'May hold letters, digits and . _ + - only.');

const shape = {
  username,
  email: z
    .string()
    .trim()
    .max(254, 'Must have at most 254 characters.')
    .refine((v) => !unprintable.test(v), 'Must not hold control characters.'),
  firstName: text(100),
  middleName: text(100).nullable(),
  lastName: text(100).nullable(),
  phone: z
    .string()
    .trim()
    .regex(/^\+?[0-9 ().-]{4,32}$/, 'Must be a telephone number.')
    .nullable(),
  telegram: z
    .string()
    .trim()
    .regex(/^@?[A-Za-z0-9_]{3,64}$/, 'Must be a Telegram name.')
    .nullable(),
  country: z
    .string()
    .regex(/^[A-Z]{2}$/, 'Must be a country code of two letters.')
    .nullable(),
  birthDate: z.string().nullable(),
};
const changes = z.object(shape).partial();

/** A profile that keeps every rule; absent fields were not given. */
export interface Profile {
  username?: string;
  email?: string;
  firstName?: string;
  middleName?: string | null;
  lastName?: string | null;
  phone?: string | null;
  telegram?: string | null;
  country?: string | null;
  birthDate?: string | null;
}

/** A profile with all that an account must have. */
export type NewProfile = Profile & { username: string; email: string; firstName: string };

/** Compared without regard to case or to Unicode spelling. */
export const lookupKey = (login: string) => login.normalize('NFKC').trim().toLowerCase();

/** What somebody's password must not be: their own names and address. */
export const ownNames = (of: ProfileInput) => [
  of.username,
  of.email,
  of.firstName,
  of.middleName,
  of.lastName,
];

/**
 * Checks a whole new profile with its password.
 * @throws {AuthError} BAD_USER_INPUT, UNDERAGE or WEAK_PASSWORD, with every field that is wrong
 */
export function readNewProfile(deps: ProfileDeps, input: ProfileInput, password: string): NewProfile {
  const missing = (['email', 'username', 'firstName', ...deps.config.accounts.required] as const).filter(
    (name) => input[name] === undefined || input[name] === null,
  );
  const read = readFields(deps, withoutNulls(input));
  const faults = [...missing.map((name) => ({ name, message: 'Is compulsory.' })), ...read.faults];
  const fault = passwordFault(password);
  if (fault !== undefined) faults.push({ name: 'password', message: fault });
  const weakness = fault === undefined ? passwordWeakness(deps.config, password, ownNames(input)) : undefined;
  refuse(faults, read.underage, weakness === undefined ? [] : [{ name: 'password', message: weakness }]);
  return read.profile as NewProfile;
}

/**
 * Checks the profile of an account that an administrator opens: what only sign-up demands may be told later.
 * @throws {AuthError} BAD_USER_INPUT or UNDERAGE, with every field that is wrong
 */
export function readInvitedProfile(deps: ProfileDeps, input: ProfileInput): NewProfile {
  const missing = (['email', 'username', 'firstName'] as const)
    .filter((name) => input[name] === undefined || input[name] === null)
    .map((name) => ({ name, message: 'Is compulsory.' }));
  const { profile, faults, underage } = readFields(deps, withoutNulls(input));
  refuse([...missing, ...faults], underage, []);
  return profile as NewProfile;
}

/**
 * Checks what is to change about a profile; null clears a field where the deployment does not demand it.
 * @throws {AuthError} BAD_USER_INPUT or UNDERAGE, with every field that is wrong
 */
export function readProfileChanges(deps: ProfileDeps, input: ProfileInput): Profile {
  const kept = ['username', 'email', 'firstName', ...deps.config.accounts.required] as const;
  const cleared = kept
    .filter((name) => input[name] === null)
    .map((name) => ({ name, message: 'Must not be cleared.' }));
  const given = Object.fromEntries(
    Object.entries(input).filter(([name]) => !cleared.some((field) => field.name === name)),
  );
  const { profile, faults, underage } = readFields(deps, given);
  refuse([...cleared, ...faults], underage, []);
  return profile;
}

function readFields(deps: ProfileDeps, input: ProfileInput) {
  const parsed = changes.safeParse(
    Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)),
  );
  const faults: FieldError[] = parsed.success
    ? []
    : parsed.error.issues.map((issue) => ({ name: issue.path.join('.'), message: issue.message }));
  const age = typeof input.birthDate === 'string' ? judgeBirthDate(deps, input.birthDate) : 'fine';
  if (age === 'impossible')
    faults.push({ name: 'birthDate', message: 'Must be a date of birth that can be.' });
  const underage: FieldError[] =
    age === 'underage'
      ? [{ name: 'birthDate', message: `You must be at least ${deps.config.accounts.minAge} years old.` }]
      : [];
  return { profile: (parsed.success ? parsed.data : {}) as Profile, faults: firstOfEach(faults), underage };
}

/** Counts by the calendar in UTC; someone born on 29 February has their birthday on 1 March of other years. */
function judgeBirthDate(
  { config, clock }: ProfileDeps,
  birthDate: string,
): 'fine' | 'underage' | 'impossible' {
  const [year = 0, month = 0, day = 0] = birthDate.split('-').map(Number);
  const born = Date.UTC(year, month - 1, day);
  if (
    Number.isNaN(born) ||
    new Date(born).toISOString().slice(0, 10) !== birthDate ||
    year < OLDEST_BIRTH_YEAR ||
    born > clock.now()
  )
    return 'impossible';
  return Date.UTC(year + config.accounts.minAge, month - 1, day) > clock.now() ? 'underage' : 'fine';
}

function refuse(faults: FieldError[], underage: FieldError[], weak: FieldError[]): void {
  if (faults.length > 0) throw badInput([...faults, ...underage, ...weak]);
  if (underage.length > 0) throw new AuthError('UNDERAGE', { fields: [...underage, ...weak] });
  if (weak.length > 0)
    throw new AuthError('WEAK_PASSWORD', { message: weak[0]?.message ?? '', fields: weak });
}

function firstOfEach(faults: FieldError[]): FieldError[] {
  return faults.filter((fault, at) => faults.findIndex((other) => other.name === fault.name) === at);
}

function withoutNulls(input: ProfileInput): ProfileInput {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null));
}
