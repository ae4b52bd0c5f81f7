import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { claimMap, type ClaimMap } from './claim-map.js';

/** An issuer whose tokens are believed, and how they are told from forged ones. Times in seconds. */
export interface TrustedIssuer {
  /** The `iss` of its tokens, exactly. */
  readonly issuer: string;
  readonly audiences: readonly string[];
  /** Of one kind: HS256 alone, or asymmetric ones. */
  readonly algorithms: readonly string[];
  /** A secret of its own, or the address of its keys; undefined where its discovery document tells that. */
  readonly keys: { readonly secret: Buffer } | { readonly jwksUrl: string | undefined };
  readonly allowPrivateNetwork: boolean;
  /** Whether tokens that name neither issuer nor audience are this one's. */
  readonly allowMissingIssuer: boolean;
  readonly allowIdTokens: boolean;
  readonly claims: ClaimMap;
  /** Values of the header `typ`, in lower case; '' for a token without one. */
  readonly types: readonly string[];
  readonly requiredClaims: readonly string[];
  readonly maxLifeSeconds: number;
  /** How long keys are used that cannot be fetched again. */
  readonly maxStaleSeconds: number;
  /** Names or ids of the services at which its tokens are good; `*` for every one. */
  readonly services: readonly string[];
}

const ASYMMETRIC = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA'],
] as const;

interface Preset {
  readonly algorithms: readonly string[];
  readonly audiences?: readonly string[];
  /** Where the keys are, below the issuer; undefined where the discovery document tells. */
  readonly jwks?: string;
  readonly claims: z.input<typeof claimMap>;
}

const SCOPES = ['permissions', 'scope', 'scp'];

/** What is known of each kind of issuer. What an entry says itself goes before it. */
const presets: Record<'oidc' | 'supabase' | 'auth0' | 'keycloak', Preset> = {
  oidc: {
    algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    claims: { username: 'preferred_username', role: 'role', roles: 'roles', permissions: SCOPES },
  },
  supabase: {
    algorithms: ['ES256', 'RS256', 'EdDSA'],
    audiences: ['authenticated'],
    jwks: '/.well-known/jwks.json',
    claims: {
      role: ['app_metadata.role', 'user_role', 'role'],
      roles: ['app_metadata.roles'],
      permissions: ['app_metadata.permissions', 'permissions'],
    },
  },
  auth0: {
    algorithms: ['RS256'],
    jwks: '.well-known/jwks.json',
    claims: { permissions: SCOPES },
  },
  keycloak: {
    algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
    claims: { username: 'preferred_username', roles: 'realm_access.roles', permissions: SCOPES },
  },
};

/** Where a token says no more than ours must. */
const REQUIRED = ['iss', 'aud', 'sub', 'exp'];
/** RFC 9068 §4, and what everybody else writes. */
const TYPES = ['', 'jwt', 'at+jwt', 'application/at+jwt'];
const DAY = 86_400;

const text = z.string().min(1, 'must not be empty').max(2000);
const texts = z.union([text.transform((one) => [one]), z.array(text).min(1, 'must hold at least one')]);
const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });

const entry = z.strictObject({
  issuer: text.refine((issuer) => !/[\s#?\p{Cc}]/u.test(issuer), 'must have no spaces, query or fragment'),
  preset: z.enum(['oidc', 'supabase', 'auth0', 'keycloak']).default('oidc'),
  audiences: texts.optional(),
  algorithms: z
    .array(z.enum(['HS256', ...ASYMMETRIC]))
    .min(1)
    .optional(),
  jwksUrl: httpUrl.optional(),
  secret: z.string().optional(),
  secretEncoding: z.enum(['utf8', 'base64']).default('utf8'),
  allowPrivateNetwork: z.boolean().default(false),
  allowMissingIssuer: z.boolean().default(false),
  allowIdTokens: z.boolean().default(false),
  claims: claimMap.default({}),
  types: z.array(z.string().max(100)).min(1).optional(),
  requiredClaims: z.array(text).default([]),
  maxLifeSeconds: z
    .int()
    .min(60)
    .max(30 * DAY)
    .default(DAY),
  maxStaleSeconds: z
    .int()
    .min(60)
    .max(30 * DAY)
    .default(DAY),
  services: z.array(text).default([]),
});
type Entry = z.output<typeof entry>;

/** The variables that say whose tokens are believed besides ours. */
export const issuerVariables = {
  TRUSTED_ISSUERS: z.string().optional(),
  SUPABASE_URL: httpUrl.optional(),
  SUPABASE_JWT_SECRET: z.string().optional(),
};

type Given = Partial<Record<string, string | undefined>>;

/** Reads the issuers that are trusted. @param given the environment, as it is written @returns them, or every mistake in them */
export function readTrustedIssuers(given: Given): { issuers: TrustedIssuer[]; mistakes: string[] } {
  const { entries, mistakes } = readEntries(given['TRUSTED_ISSUERS']);
  const isProduction = given['NODE_ENV'] === 'production';
  const named = entries.map((one, at) => ({ name: `TRUSTED_ISSUERS: issuer ${at + 1}`, ...check(one) }));
  named.push(...supabaseOf(given));
  mistakes.push(
    ...named.flatMap(({ name, issuer, faults }) =>
      [...faults, ...(issuer ? faultsOf(issuer, isProduction) : [])].map((fault) => `${name}: ${fault}`),
    ),
  );
  const issuers = named.flatMap(({ issuer }) => issuer ?? []);
  mistakes.push(...clashes(issuers, given));
  return { issuers, mistakes };
}

/** JSON text, or the path of a file that holds it. */
function readEntries(source: string | undefined): { entries: unknown[]; mistakes: string[] } {
  if (source === undefined) return { entries: [], mistakes: [] };
  const none = (mistake: string) => ({ entries: [], mistakes: [`TRUSTED_ISSUERS: ${mistake}`] });
  let json = source;
  try {
    if (!/^\s*[[{]/.test(source)) json = readFileSync(source.trim(), 'utf8');
  } catch {
    return none('must be JSON, or the path of a file that can be read');
  }
  try {
    const parsed: unknown = JSON.parse(json);
    return Array.isArray(parsed)
      ? { entries: parsed, mistakes: [] }
      : none('must be a list of issuers: [{ "issuer": … }]');
  } catch {
    return none('is not JSON');
  }
}

interface Checked {
  issuer: TrustedIssuer | undefined;
  faults: string[];
}

function check(one: unknown): Checked {
  const parsed = entry.safeParse(one);
  if (!parsed.success) return { issuer: undefined, faults: [...new Set(parsed.error.issues.map(describe))] };
  const faults = contradictions(parsed.data);
  return { issuer: faults.length === 0 ? complete(parsed.data) : undefined, faults };
}

/** Names the member, and never its value. */
function describe(issue: z.core.$ZodIssue): string {
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys')
    return `${path === '' ? '' : `${path} `}has a member that is not known`;
  return path === '' ? 'must be an object' : `${path}: ${messageOf(issue)}`;
}

/** Of several forms none fits: what was said beyond the form says more. */
function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_union') return issue.message;
  const told = issue.errors.flat().map((inner) => (inner.code === 'custom' ? inner.message : undefined));
  return told.find((message) => message !== undefined) ?? 'is not of the right form';
}

/** What no entry can be at once. */
function contradictions({ preset, ...one }: Entry): string[] {
  const hasSecret = one.secret !== undefined;
  const isUnknownAudience = !one.audiences && !presets[preset].audiences && !one.allowMissingIssuer;
  const fetched = one.jwksUrl ?? one.issuer;
  const rules: [boolean, string][] = [
    [hasSecret && one.jwksUrl !== undefined, 'has either a secret or a jwksUrl'],
    [hasSecret && one.algorithms?.some((name) => name !== 'HS256') === true, 'a secret is for HS256 alone'],
    [!hasSecret && one.algorithms?.includes('HS256') === true, 'HS256 needs a secret of its own'],
    [isUnknownAudience, 'audiences must say for whom its tokens are issued'],
    [one.allowMissingIssuer && !hasSecret, 'allowMissingIssuer is for an issuer with a secret'],
    [!hasSecret && !URL.canParse(fetched), 'issuer: must be a URL, or jwksUrl must be given'],
    [
      !hasSecret && URL.canParse(fetched) && !mayFetch(fetched, one.allowPrivateNetwork),
      'keys are fetched by https, unless allowPrivateNetwork is true',
    ],
    [preset === 'auth0' && !one.issuer.endsWith('/'), 'issuer: that of Auth0 ends with a slash'],
  ];
  return rules.filter(([isWrong]) => isWrong).map(([, fault]) => fault);
}

function mayFetch(address: string, allowPrivateNetwork: boolean): boolean {
  const { protocol } = new URL(address);
  return protocol === 'https:' || (allowPrivateNetwork && protocol === 'http:');
}

function complete({ preset, secret, jwksUrl, ...one }: Entry): TrustedIssuer {
  const known = presets[preset];
  const keys =
    secret === undefined
      ? { jwksUrl: jwksUrl ?? (known.jwks === undefined ? undefined : one.issuer + known.jwks) }
      : { secret: Buffer.from(secret, one.secretEncoding) };
  const missable = one.allowMissingIssuer
    ? REQUIRED.filter((name) => name !== 'iss' && name !== 'aud')
    : REQUIRED;
  return {
    issuer: one.issuer,
    audiences: one.audiences ?? known.audiences ?? [],
    algorithms: one.algorithms ?? (secret === undefined ? known.algorithms : ['HS256']),
    keys,
    allowPrivateNetwork: one.allowPrivateNetwork,
    allowMissingIssuer: one.allowMissingIssuer,
    allowIdTokens: one.allowIdTokens,
    claims: { subject: [['sub']], email: [['email']], ...claimMap.parse(known.claims), ...one.claims },
    types: one.types?.map((type) => type.toLowerCase()) ?? TYPES,
    requiredClaims: [...new Set([...missable, ...one.requiredClaims])],
    maxLifeSeconds: one.maxLifeSeconds,
    maxStaleSeconds: one.maxStaleSeconds,
    services: one.services,
  };
}

/** The short form: a project by its address, with its secret where it still signs by HS256. */
function supabaseOf({ SUPABASE_URL: url, SUPABASE_JWT_SECRET: secret }: Given) {
  if (url === undefined)
    return secret === undefined
      ? []
      : [
          {
            name: 'SUPABASE_JWT_SECRET',
            issuer: undefined,
            faults: ['needs SUPABASE_URL, which says whose it is'],
          },
        ];
  // What is no URL is told by the check of the variable.
  if (!URL.canParse(url)) return [];
  const issuer = `${url.replace(/\/+$/, '').replace(/\/auth\/v1$/, '')}/auth/v1`;
  const given = { issuer, preset: 'supabase', ...(secret === undefined ? {} : { secret }) };
  return [{ name: secret === undefined ? 'SUPABASE_URL' : 'SUPABASE_JWT_SECRET', ...check(given) }];
}

/** Words that stand where somebody meant to put a secret, the one that every local Supabase starts with among them. */
const PLACEHOLDER = /change.?me|placeholder|example|default|your-|^super-secret-jwt-token-with-at-least/i;

function faultsOf({ keys }: TrustedIssuer, isProduction: boolean): string[] {
  if (!('secret' in keys)) return [];
  const isWeak = keys.secret.length < 32 || new Set(keys.secret).size < 8;
  const isPlaceholder = isProduction && PLACEHOLDER.test(keys.secret.toString());
  return isWeak || isPlaceholder ? ['the secret must be 32 or more random bytes'] : [];
}

/** What no two issuers may share: a name, a secret, tokens without a name; and none bears ours. */
function clashes(issuers: readonly TrustedIssuer[], given: Given): string[] {
  const names = issuers.map(({ issuer }) => issuer);
  const secrets = issuers.flatMap(({ keys }) => ('secret' in keys ? [keys.secret.toString('hex')] : []));
  const own = given['TOKEN_ISSUER'] ?? given['PUBLIC_URL']?.replace(/\/+$/, '');
  const rules: [boolean, string][] = [
    [new Set(names).size < names.length, 'each issuer may be there once, and has one kind of key'],
    [new Set(secrets).size < secrets.length, 'each secret may be of one issuer only'],
    [own !== undefined && names.includes(own), 'our own issuer, TOKEN_ISSUER, cannot be another one'],
    [
      issuers.filter((one) => one.allowMissingIssuer).length > 1,
      'allowMissingIssuer is for one issuer at most',
    ],
  ];
  return rules.filter(([isWrong]) => isWrong).map(([, fault]) => `TRUSTED_ISSUERS: ${fault}`);
}
