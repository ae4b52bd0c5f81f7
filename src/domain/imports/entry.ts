import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Config } from '../../config.js';
import { AuthError } from '../../errors.js';
import { OWNER_ROLE } from '../access.js';
import { readInvitedProfile, type ProfileDeps, type ProfileInput } from '../accounts.js';
import { foreignFault, keepForeignHash } from '../passwords.js';
import type { Translate } from './formats.js';
import type { Line } from './lines.js';

/** An account that can be written as it is. */
export interface Entry {
  line: number;
  profile: ReturnType<typeof readInvitedProfile>;
  /** Sealed; null for an account that has to choose one by mail. */
  passwordHash: string | null;
  isVerified: boolean;
  isSuspended: boolean;
  createdAt: Date | undefined;
  /** Ids. */
  roles: string[];
  /** Names, where the line gives any. */
  namedRoles: string[] | undefined;
}

/** A line that is no account; the reason holds nothing of the line. */
export interface Refusal {
  line: number;
  reason: string;
}

export interface EntryDeps extends ProfileDeps {
  config: Config;
  translate: Translate;
  /** Ids of the roles that an import may give, by name. */
  roles: ReadonlyMap<string, string>;
  defaultRole: string;
}

const text = z.string().nullish();
const account = z.strictObject({
  email: z.email('Must be an email address.'),
  username: text,
  firstName: text,
  middleName: text,
  lastName: text,
  phone: text,
  telegram: text,
  country: text,
  birthDate: text,
  passwordHash: text,
  emailVerified: z.boolean().nullish(),
  suspended: z.boolean().nullish(),
  createdAt: z.iso.datetime({ offset: true, local: true, error: 'Must be a time in ISO 8601.' }).nullish(),
  roles: z.array(z.string()).max(20).nullish(),
});
type Account = z.infer<typeof account>;

/** Checks one line. Its reasons are sentences of ours: a line that is refused is not repeated. */
export function readEntry(deps: EntryDeps, line: Line): Entry | Refusal {
  const refuse = (reason: string) => ({ line: line.number, reason });
  if (line.text === undefined) return refuse(line.fault ?? '');
  try {
    return entryOf(deps, line.number, account.parse(deps.translate(parseJson(line.text))));
  } catch (error) {
    if (error instanceof z.ZodError) return refuse(describe(error));
    if (error instanceof AuthError) return refuse(describeFields(error));
    if (error instanceof Fault) return refuse(error.message);
    throw error;
  }
}

class Fault extends Error {}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line.replace(/^\ufeff/, ''));
  } catch {
    throw new Fault('The line is not JSON.');
  }
}

function entryOf(deps: EntryDeps, line: number, given: Account): Entry {
  const { passwordHash, emailVerified, suspended, createdAt, roles, ...profile } = given;
  const username = profile.username ?? inventUsername();
  const input: ProfileInput = {
    ...profile,
    username,
    firstName: profile.firstName ?? username,
  } as ProfileInput;
  return {
    line,
    profile: readInvitedProfile(deps, input),
    passwordHash: passwordHash === null || passwordHash === undefined ? null : keep(deps, passwordHash),
    isVerified: emailVerified ?? false,
    isSuspended: suspended ?? false,
    createdAt: readTime(deps, createdAt),
    roles: roleIds(deps, roles ?? []),
    namedRoles: roles && roles.length > 0 ? [...new Set(roles)] : undefined,
  };
}

/** Nothing of the address, which people may see in a username and not elsewhere. */
const inventUsername = () => `user-${randomBytes(6).toString('hex')}`;

function keep({ config }: EntryDeps, hash: string): string {
  const fault = foreignFault(hash);
  if (fault !== undefined) throw new Fault(`passwordHash: The hash ${fault}.`);
  return keepForeignHash(config, hash);
}

const EARLIEST = Date.UTC(1970, 0, 1);

function readTime({ clock }: EntryDeps, time: string | null | undefined): Date | undefined {
  if (time === null || time === undefined) return undefined;
  const at = new Date(/(Z|[+-]\d\d:?\d\d)$/.test(time) ? time : `${time}Z`);
  if (!(at.getTime() >= EARLIEST && at.getTime() <= clock.now()))
    throw new Fault('createdAt: Must be a time between 1970 and now.');
  return at;
}

function roleIds({ roles, defaultRole }: EntryDeps, names: readonly string[]): string[] {
  const wanted = names.length > 0 ? new Set(names) : new Set([defaultRole]);
  if (wanted.has(OWNER_ROLE)) throw new Fault(`roles: ${OWNER_ROLE} is not given by a file.`);
  return [...wanted].map((name) => {
    const id = roles.get(name);
    if (id === undefined) throw new Fault('roles: There is no role of one of these names.');
    return id;
  });
}

/** Names of fields that are ours to name, and what is wrong with each. */
function describe({ issues }: z.ZodError): string {
  return issues
    .slice(0, 5)
    .map(({ code, path, message }) => {
      if (code === 'unrecognized_keys') return 'There are fields that an account does not have.';
      if (path.length === 0) return 'The line is not a JSON object.';
      return `${path.filter((part) => typeof part === 'string').join('.')}: ${code === 'invalid_type' ? 'Is missing or of the wrong kind.' : message}`;
    })
    .join(' ');
}

function describeFields({ extensions, message }: AuthError): string {
  const fields = extensions['fields'] as { name: string; message: string }[] | undefined;
  return fields?.map((field) => `${field.name}: ${field.message}`).join(' ') ?? message;
}
