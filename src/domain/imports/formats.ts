import { z } from 'zod';

/** How the systems that people come from write an account, one a line; docs/import.md says how to get such a file from each. */
export type Format = 'authgraph' | 'auth0' | 'firebase' | 'keycloak' | 'supabase';

/** The parameters of a Firebase project's password hashes, under the names that its console shows. */
export const firebaseConfigShape = z.object({
  base64_signer_key: z.base64().min(1),
  base64_salt_separator: z.base64(),
  rounds: z.int(),
  mem_cost: z.int(),
});
export type FirebaseConfig = z.infer<typeof firebaseConfigShape>;

/** Turns what a line holds into the shape of our own files, unchecked. @throws {z.ZodError} where it is not as that system writes it */
export type Translate = (given: unknown) => unknown;

/** How lines of this format are read. */
export function translator(format: Format, firebase: FirebaseConfig | undefined): Translate {
  return { ...TRANSLATORS, firebase: (given: unknown) => fromFirebase(given, firebase) }[format];
}

const text = z.string().nullish();
const yesOrNo = z.boolean().nullish();

const supabaseUser = z.object({
  email: text,
  encrypted_password: text,
  email_confirmed_at: text,
  created_at: text,
  banned_until: text,
  deleted_at: z.null('is deleted there').optional(),
  raw_user_meta_data: z.record(z.string(), z.unknown()).nullish(),
});

/** As ISO 8601 writes what PostgreSQL shows as 2023-01-31 09:00:00.12+00. */
const ofPostgres = (time: string | null | undefined) =>
  time?.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00');

/** A row of auth.users. */
function fromSupabase(given: unknown): unknown {
  const user = supabaseUser.parse(given);
  const told = user.raw_user_meta_data ?? {};
  return {
    email: user.email,
    passwordHash: user.encrypted_password || null,
    emailVerified: isSet(user.email_confirmed_at),
    suspended: isSet(user.banned_until) && !isPast(user.banned_until ?? ''),
    createdAt: ofPostgres(user.created_at),
    ...names(told['first_name'] ?? told['given_name'], told['last_name'] ?? told['family_name'], [
      told['full_name'],
      told['name'],
    ]),
  };
}

const auth0User = z.object({
  email: text,
  email_verified: yesOrNo,
  username: text,
  given_name: text,
  family_name: text,
  name: text,
  blocked: yesOrNo,
  created_at: text,
  passwordHash: text,
  custom_password_hash: z.object({ hash: z.object({ value: z.string() }) }).nullish(),
});

/** A line of an export of users with their hashes, or of a file for Auth0's own bulk import. */
function fromAuth0(given: unknown): unknown {
  const user = auth0User.parse(given);
  return {
    email: user.email,
    username: user.username,
    passwordHash: user.passwordHash ?? user.custom_password_hash?.hash.value,
    emailVerified: user.email_verified ?? false,
    suspended: user.blocked ?? false,
    createdAt: user.created_at,
    // Where no name was told, Auth0 shows the address.
    ...names(user.given_name, user.family_name, user.name === user.email ? [] : [user.name]),
  };
}

const keycloakUser = z.object({
  email: text,
  emailVerified: yesOrNo,
  username: text,
  firstName: text,
  lastName: text,
  enabled: yesOrNo,
  createdTimestamp: z.number().nullish(),
  credentials: z.array(z.object({ type: text, secretData: text, credentialData: text })).nullish(),
});

/** An element of `users` in an export of a realm. */
function fromKeycloak(given: unknown): unknown {
  const user = keycloakUser.parse(given);
  const password = user.credentials?.find(({ type }) => type === 'password');
  return {
    email: user.email,
    // Keycloak lets an address be the username; here it signs in as it is.
    username: user.username?.includes('@') === true ? null : user.username,
    passwordHash: password && keycloakHash(password.secretData ?? '', password.credentialData ?? ''),
    emailVerified: user.emailVerified ?? false,
    suspended: user.enabled === false,
    createdAt: instant(user.createdTimestamp),
    ...names(user.firstName, user.lastName, []),
  };
}

const first = z
  .array(z.union([z.string(), z.number()]))
  .min(1)
  .transform(([value]) => String(value));
const secret = z.object({ value: z.string(), salt: z.string() });
const credential = z.object({
  hashIterations: z.int(),
  algorithm: z.string(),
  additionalParameters: z
    .object({ memory: first, parallelism: first, type: first, version: first })
    .partial()
    .optional(),
});

/** Keycloak keeps hash, salt and parameters as two texts of JSON. */
function keycloakHash(secretData: string, credentialData: string): string {
  const { value, salt } = secret.parse(parsed(secretData));
  const {
    algorithm,
    hashIterations: rounds,
    additionalParameters = {},
  } = credential.parse(parsed(credentialData));
  if (algorithm === 'argon2') {
    const { type = 'id', version = '1.3', memory = '', parallelism = '' } = additionalParameters;
    const v = version === '1.3' ? 19 : 0;
    return `$argon2${type}$v=${v}$m=${memory},t=${rounds},p=${parallelism}$${salt}$${value}`;
  }
  const name = algorithm === 'pbkdf2' ? 'pbkdf2-sha1' : algorithm;
  return `$${name}$i=${rounds}$${salt}$${value}`;
}

const firebaseUser = z.object({
  email: text,
  emailVerified: yesOrNo,
  displayName: text,
  disabled: yesOrNo,
  createdAt: text,
  passwordHash: text,
  salt: text,
});

/** An element of `users` in what `firebase auth:export` writes. */
function fromFirebase(given: unknown, config: FirebaseConfig | undefined): unknown {
  const user = firebaseUser.parse(given);
  return {
    email: user.email,
    passwordHash:
      user.passwordHash && config ? firebaseHash(user.passwordHash, user.salt ?? '', config) : null,
    emailVerified: user.emailVerified ?? false,
    suspended: user.disabled ?? false,
    createdAt: instant(Number(user.createdAt ?? Number.NaN)),
    ...names(undefined, undefined, [user.displayName]),
  };
}

function firebaseHash(hash: string, salt: string, config: FirebaseConfig): string {
  const { rounds, mem_cost: cost, base64_salt_separator: separator, base64_signer_key: key } = config;
  return `$firebase-scrypt$ln=${cost},r=${rounds},p=1$${salt}$${separator}$${key}$${hash}`;
}

const TRANSLATORS = {
  authgraph: (given: unknown) => given,
  auth0: fromAuth0,
  keycloak: fromKeycloak,
  supabase: fromSupabase,
};

const isSet = (value: string | null | undefined) => value !== undefined && value !== null && value !== '';
// A ban that is over; one without a readable end lasts.
const isPast = (time: string) => Date.parse(time) < performance.timeOrigin + performance.now();
const instant = (ms: number | null | undefined) =>
  ms !== undefined && ms !== null && Math.abs(ms) < 8.64e15 ? new Date(ms).toISOString() : undefined;

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** First and last name as they were told, or a full name cut at its first space. Anything else counts as not told. */
function names(firstName: unknown, lastName: unknown, full: readonly unknown[]) {
  const told = full.find((name) => typeof name === 'string' && name.trim() !== '') as string | undefined;
  const [head, ...rest] = (told ?? '').trim().split(/\s+/);
  const pick = (value: unknown, instead: string | undefined) =>
    (typeof value === 'string' && value.trim() !== '' ? value : instead) || null;
  return { firstName: pick(firstName, head), lastName: pick(lastName, rest.join(' ')) };
}
