import { createHash, randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { processesOf, processVariables } from './config/processes.js';
import { retentionVariables } from './config/retention.js';
import { requiredInProduction, statelessMistakes, statelessVariables } from './config/stateless.js';
import { issuerVariables, readTrustedIssuers, type TrustedIssuer } from './config/trusted-issuers.js';
import { passkeyOrigin, rpId, webauthnMistakes, webauthnOf } from './config/webauthn.js';
import { mailOf, mailVariables } from './config/mail.js';
import { observabilityOf, observabilityVariables } from './config/observability.js';
import { redisUrl } from './config/redis.js';
import { webhookKey, webhookMistakes, webhookOf } from './config/webhook.js';

/** Longest life an access token may have, in seconds; revocations are remembered this long (protocols: one to 120 minutes). */
export const LONGEST_ACCESS_TOKEN_SECONDS = 7200;

/** Says the kind only where the kind is wrong: a number out of range is told its range. */
const wrongKind = (message: string) => ({
  error: (issue: { code?: string | undefined }) => (issue.code === 'invalid_type' ? message : undefined),
});
const seconds = (fallback: number, min: number, max: number) =>
  z.coerce.number(wrongKind('must be a whole number of seconds')).int().min(min).max(max).default(fallback);
const onOff = (fallback: boolean) =>
  z
    .enum(['on', 'off', 'true', 'false', '1', '0'])
    .transform((v) => v === 'on' || v === 'true' || v === '1')
    .default(fallback);
const list = z.string().transform((v) =>
  v
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);
const url = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });
const publicUrl = url
  .refine(isPlainAddress, 'must hold neither a user, a query nor a fragment')
  .transform((v) => v.replace(/\/+$/, ''));
const origins = list.pipe(z.array(url.transform((v) => new URL(v).origin)));
const networks = list.pipe(z.array(z.string().refine(isNetwork, 'must hold IP addresses or CIDR ranges')));
const atLeastOne = (one: z.ZodType<string, string>) =>
  list.pipe(z.array(one).min(1, 'must hold at least one'));
const keys = atLeastOne(z.string().refine(isStrongKey, 'each must be 32 or more random bytes in base64'));
const gatewaySecrets = atLeastOne(z.string());
const number = () => z.coerce.number(wrongKind('must be a number'));
const whole = () => number().int('must be a whole number');
const POSTGRES = /^(postgres(ql)?|socket):/;
const compulsory = list.pipe(
  z.array(z.enum(['middleName', 'lastName', 'country', 'birthDate', 'phone', 'telegram'])),
);

/** Every variable that the service reads, with its check and its default. docs/configuration.md and .env.example say what each is for. */
export const variables = {
  NODE_ENV: z.enum(['development', 'test', 'production']).default('development'),
  PORT: z.coerce.number(wrongKind('must be a port number')).int().min(0).max(65535).default(4000),
  HOST: z.string().optional(),
  ...processVariables,
  DATA_DIR: z.string().default('.data'),
  DATABASE_URL: z.string().regex(POSTGRES, 'must be a PostgreSQL URL').optional(),
  DATABASE_DIRECT_URL: z.string().regex(POSTGRES, 'must be a PostgreSQL URL').optional(),
  DATABASE_OWNER_URL: z.string().regex(POSTGRES, 'must be a PostgreSQL URL').optional(),
  DATABASE_POOL_SIZE: whole().min(2).max(500).default(10),
  REDIS_URL: redisUrl.optional(),
  PUBLIC_URL: publicUrl.optional(),
  OWNER_EMAIL: z.email().optional(),
  OWNER_USERNAME: z
    .string()
    .regex(/^[\p{L}\p{M}\p{N}._+-]{2,64}$/u, 'must have 2 to 64 letters, digits and . _ + -')
    .optional(),
  OWNER_PASSWORD: z.string().min(6, 'must have at least 6 characters').max(256).optional(),
  GATEWAY_SECRETS: gatewaySecrets.optional(),
  LIMITS_SCALE: number().positive('must be more than 0').default(1),
  PASSWORD_HASH_COST: whole().min(10).max(16).default(12),
  PASSWORD_MIN_LENGTH: whole().min(6).max(64).default(8),
  PASSWORD_BLOCKLIST: onOff(true),
  PASSWORD_PEPPERS: keys.optional(),
  ENCRYPTION_KEYS: keys.optional(),
  ...mailVariables,
  WEBHOOK_URL: url.optional(),
  WEBHOOK_SECRET: z
    .string()
    .refine(
      isWebhookSecret,
      'must be whsec_ and 24 or more random bytes in base64, or a random text of 24 or more bytes',
    )
    .optional(),
  WEBHOOK_ALLOW_PRIVATE_NETWORK: onOff(false),
  GEOIP_DATABASE: z.string().optional(),
  LOCATION_HEADER: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,64}$/, 'must be the name of a header')
    .optional(),
  ACCESS_TOKEN_TTL_SECONDS: seconds(900, 60, LONGEST_ACCESS_TOKEN_SECONDS),
  ACCESS_TOKEN_CLAIMS: z.enum(['slim', 'default', 'full']).default('default'),
  REFRESH_TOKEN_TTL_SECONDS: seconds(604_800, 1, 31_536_000),
  SESSION_TTL_SECONDS: seconds(2_592_000, 1, 31_536_000),
  REFRESH_REPLAY_WINDOW_SECONDS: seconds(60, 0, 300),
  TOKEN_ISSUER: url.optional(),
  TOKEN_AUDIENCE: z.string().min(1).max(200).default('authgraph'),
  MFA_ISSUER: z
    .string()
    .regex(/^[^\p{Cc}\p{Cs}:]{1,64}$/u, 'must have 1 to 64 characters and no colon')
    .default('authgraph'),
  MFA_REQUIRED_FROM: z.string().min(1).max(64).optional(),
  WEBAUTHN_RP_ID: rpId.optional(),
  WEBAUTHN_ORIGINS: list.pipe(z.array(passkeyOrigin)).optional(),
  SIGNING_ALGORITHM: z.enum(['ES256', 'EdDSA', 'RS256']).default('ES256'),
  SIGNING_KEY_LEAD_SECONDS: seconds(900, 1, 604_800),
  SIGNING_KEY_ROTATION_SECONDS: seconds(2_592_000, 1, 31_536_000),
  SIGNING_KEY_KEEP_SECONDS: seconds(7800, 1, 31_536_000),
  SIGN_UP_REQUIRED: compulsory.default(['lastName', 'country', 'birthDate']),
  MIN_AGE: whole().min(0).max(120).default(13),
  REQUIRE_EMAIL_VERIFICATION: onOff(false),
  DEFAULT_ROLE: z
    .string()
    .max(64)
    .refine((name) => name !== 'OWNER', 'must not make everybody an owner')
    .optional(),
  FRONTEND_URL: origins.default([]),
  TRUSTED_PROXIES: networks.default([]),
  ROUTER_NETWORKS: networks.default([]),
  ...retentionVariables,
  ...issuerVariables,
  ...statelessVariables,
  ...observabilityVariables,
} as const;

type Variables = z.infer<z.ZodObject<typeof variables>>;
interface Secrets {
  encryptionKeys: readonly string[];
  peppers: readonly string[];
}

/** All that can be set about the service; made once by {@link loadConfig} and handed down. */
export type Config = ReturnType<typeof group>;

/** Every mistake in the environment, said at once. */
export class ConfigError extends Error {
  constructor(readonly mistakes: readonly string[]) {
    super(
      `The configuration has ${mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`}:\n${mistakes.map((m) => `  - ${m}`).join('\n')}\nEach variable is explained in docs/configuration.md.`,
    );
    this.name = 'ConfigError';
  }
}

/**
 * Reads and checks the environment. In development, secrets that are missing are made once and kept in DATA_DIR;
 * in production their absence is a mistake.
 * @throws {ConfigError} with every mistake found
 */
export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const given = Object.fromEntries(
    Object.entries(env).filter(
      ([name, value]) => value !== undefined && (value !== '' || MAY_BE_EMPTY.has(name)),
    ),
  );
  const parsed = z.object(variables).safeParse(given);
  const production = given['NODE_ENV'] === 'production';
  // A list says the same of each of its parts.
  const mistakes = parsed.success ? [] : [...new Set(parsed.error.issues.map(describeIssue))];
  const { issuers, mistakes: wrongIssuers } = readTrustedIssuers(given);
  mistakes.push(...webhookMistakes(given), ...wrongIssuers, ...statelessMistakes(given));
  if (parsed.success) mistakes.push(...webauthnMistakes(parsed.data));
  if (production) mistakes.push(...productionMistakes(given));
  if (!parsed.success || mistakes.length > 0) throw new ConfigError(mistakes);
  return group(parsed.data, production, secretsOf(parsed.data), issuers);
}

function describeIssue(issue: z.core.$ZodIssue): string {
  return `${issue.path.slice(0, 1).join('.')}: ${issue.message}`;
}

/** Lists for which empty means none, rather than the default. */
const MAY_BE_EMPTY: ReadonlySet<string> = new Set(['SIGN_UP_REQUIRED']);

function productionMistakes(given: Record<string, string | undefined>): string[] {
  const missing = Object.entries(requiredInProduction(given)).filter(([name]) => given[name] === undefined);
  const mistakes = missing.map(([name, why]) => `${name} must be set in production: ${why}`);
  if (given['PUBLIC_URL'] !== undefined && !given['PUBLIC_URL'].startsWith('https://'))
    mistakes.push('PUBLIC_URL must be https in production');
  if (given['GATEWAY_SECRETS']?.split(',').some((secret) => isWeakSecret(secret.trim())) === true)
    mistakes.push(
      'GATEWAY_SECRETS: each must be at least 16 random characters in production, of 6 kinds or more',
    );
  return mistakes;
}

function group(v: Variables, production: boolean, secrets: Secrets, issuers: readonly TrustedIssuer[]) {
  const processes = processesOf(v);
  const publicUrl = v.PUBLIC_URL ?? `http://127.0.0.1:${v.PORT}`;
  return Object.freeze({
    production,
    processes: { workers: processes.workers },
    http: {
      port: v.PORT,
      host: v.HOST ?? (production ? '::' : '127.0.0.1'),
      publicUrl,
      frontendOrigins: v.FRONTEND_URL,
      trustedProxies: v.TRUSTED_PROXIES,
      routerNetworks: v.ROUTER_NETWORKS,
      gatewaySecrets: v.GATEWAY_SECRETS ?? [],
    },
    data: {
      dir: resolve(v.DATA_DIR),
      databaseUrl: v.DATABASE_URL,
      directUrl: v.DATABASE_DIRECT_URL,
      ownerUrl: v.DATABASE_OWNER_URL ?? v.DATABASE_URL,
      poolSize: v.DATABASE_POOL_SIZE,
      redis: v.REDIS_URL,
    },
    owner: {
      email: v.OWNER_EMAIL ?? 'owner@localhost.test',
      username: v.OWNER_USERNAME ?? 'owner',
      password: v.OWNER_PASSWORD,
    },
    encryptionKeys: secrets.encryptionKeys.map((key) => Buffer.from(key, 'base64')),
    passwords: {
      hashCost: v.PASSWORD_HASH_COST,
      hashProcesses: processes.hashersEach,
      minLength: v.PASSWORD_MIN_LENGTH,
      blocklist: v.PASSWORD_BLOCKLIST,
      peppers: secrets.peppers.map((key) => Buffer.from(key, 'base64')),
    },
    tokens: {
      issuer: v.TOKEN_ISSUER ?? publicUrl,
      audience: v.TOKEN_AUDIENCE,
      ttlSeconds: v.ACCESS_TOKEN_TTL_SECONDS,
      claims: v.ACCESS_TOKEN_CLAIMS,
    },
    mfa: { issuer: v.MFA_ISSUER, requiredFrom: v.MFA_REQUIRED_FROM },
    webauthn: webauthnOf(v),
    signingKeys: {
      algorithm: v.SIGNING_ALGORITHM,
      leadSeconds: v.SIGNING_KEY_LEAD_SECONDS,
      rotationSeconds: v.SIGNING_KEY_ROTATION_SECONDS,
      keepSeconds: Math.max(v.SIGNING_KEY_KEEP_SECONDS, v.ACCESS_TOKEN_TTL_SECONDS + 60),
    },
    sessions: {
      ttlSeconds: v.SESSION_TTL_SECONDS,
      refreshTtlSeconds: v.REFRESH_TOKEN_TTL_SECONDS,
      replayWindowSeconds: v.REFRESH_REPLAY_WINDOW_SECONDS,
    },
    accounts: {
      required: v.SIGN_UP_REQUIRED,
      minAge: v.MIN_AGE,
      requireEmailVerification: v.REQUIRE_EMAIL_VERIFICATION,
      defaultRole: v.DEFAULT_ROLE,
    },
    webhook: webhookOf(v),
    location: { databaseFile: v.GEOIP_DATABASE, header: v.LOCATION_HEADER?.toLowerCase() },
    mail: mailOf(v, production),
    limits: { scale: v.LIMITS_SCALE },
    audit: { retentionDays: v.AUDIT_RETENTION_DAYS },
    alerts: { retentionDays: v.ALERT_RETENTION_DAYS },
    issuers,
    stateless: { on: v.STATELESS, serviceTokens: v.SERVICE_TOKEN_HASHES },
    ...observabilityOf(v, production),
  });
}

/** What the environment gives, else what an earlier development start made, else made now and kept (file mode 0600). */
function secretsOf(v: Variables): Secrets {
  const { ENCRYPTION_KEYS: encryptionKeys = [], PASSWORD_PEPPERS: peppers = [] } = v;
  if (v.STATELESS || (encryptionKeys.length > 0 && peppers.length > 0)) return { encryptionKeys, peppers };
  const kept = keptSecrets(resolve(v.DATA_DIR));
  return {
    encryptionKeys: v.ENCRYPTION_KEYS ?? kept.encryptionKeys,
    peppers: v.PASSWORD_PEPPERS ?? kept.peppers,
  };
}

function keptSecrets(dir: string): Secrets {
  const file = join(dir, 'secrets.json');
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (!existsSync(file)) makeSecrets(file);
  const kept = keptShape.safeParse(parseJson(readFileSync(file, 'utf8')));
  if (kept.success) return kept.data;
  throw new ConfigError([
    `${file} is damaged. Bring it back from a backup: without it no password in this database is right and no signing key opens.`,
  ]);
}

const keptShape = z.object({
  encryptionKeys: z.array(z.string()).min(1),
  peppers: z.array(z.string()).min(1),
});

/** Of several processes that start at once, one makes the file, whole; the others read it. */
function makeSecrets(file: string): void {
  const secret = () => [randomBytes(32).toString('base64')];
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, `${JSON.stringify({ encryptionKeys: secret(), peppers: secret() }, null, 2)}\n`, {
    mode: 0o600,
  });
  try {
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(draft);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isPlainAddress(text: string): boolean {
  if (!URL.canParse(text)) return true; // which is said elsewhere
  const { username, password, search, hash } = new URL(text);
  return [username, password, search, hash].every((part) => part === '');
}

function isNetwork(text: string): boolean {
  return text.includes('/') ? ipaddr.isValidCIDR(text) : ipaddr.isValid(text);
}

function isStrongKey(text: string): boolean {
  const bytes = Buffer.from(text, 'base64');
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) && bytes.length >= 32 && new Set(bytes).size > 8;
}

function isWebhookSecret(text: string): boolean {
  const isReadable = !text.startsWith('whsec_') || /^whsec_[A-Za-z0-9+/]+={0,2}$/.test(text);
  return isReadable && webhookKey(text).length >= 24 && !isWeakSecret(text);
}

/** Short, monotonous or copied from a manual. */
function isWeakSecret(text: string): boolean {
  return (
    text !== '' &&
    (text.length < 16 || new Set(text).size < 6 || /change.?me|example|placeholder|default/i.test(text))
  );
}

const fingerprints = new WeakMap<Buffer, string>();

/** A short name for a secret, safe to store and log: the first eight hex digits of its SHA-256. */
export function fingerprint(secret: Buffer): string {
  const known = fingerprints.get(secret);
  const name = known ?? createHash('sha256').update(secret).digest('hex').slice(0, 8);
  if (known === undefined) fingerprints.set(secret, name);
  return name;
}
