import { z } from 'zod';

const isOn = (text: string | undefined) => text === 'on' || text === 'true' || text === '1';

/** A service that may ask, by its name and the SHA-256 of its token. */
export interface StaticServiceToken {
  readonly name: string;
  readonly hash: Buffer;
}

const SERVICE_TOKEN = /^([a-z][a-z0-9-]{0,62}):([0-9a-f]{64})$/i;

const staticToken = z
  .string()
  .regex(SERVICE_TOKEN, 'must be a list of name:hash, each hash the SHA-256 of a token in hex')
  .transform((text): StaticServiceToken => {
    const [name = '', hash] = text.split(':');
    return { name: name.toLowerCase(), hash: Buffer.from(hash ?? '', 'hex') };
  });

/** The variables of a service that keeps nothing and signs nothing. */
export const statelessVariables = {
  STATELESS: z
    .enum(['on', 'off', 'true', 'false', '1', '0'])
    .transform((text) => isOn(text))
    .default(false),
  SERVICE_TOKEN_HASHES: z
    .string()
    .transform((text) => text.split(',').flatMap((part) => part.trim() || []))
    .pipe(z.array(staticToken))
    .default([]),
};

type Given = Partial<Record<string, string | undefined>>;

/** What a stateless service cannot have, and cannot do without. */
export function statelessMistakes(given: Given): string[] {
  const { STATELESS: on, TRUSTED_ISSUERS: list, SUPABASE_URL: supabase } = given;
  if (!isOn(on))
    return given['SERVICE_TOKEN_HASHES'] === undefined
      ? []
      : ['SERVICE_TOKEN_HASHES is for STATELESS; issueServiceToken issues tokens of services otherwise'];
  const mistakes = ['DATABASE_URL', 'DATABASE_OWNER_URL', 'REDIS_URL']
    .filter((name) => given[name] !== undefined)
    .map((name) => `${name}: a stateless service has none; leave it out, or STATELESS`);
  if (list === undefined && supabase === undefined)
    mistakes.push('STATELESS needs TRUSTED_ISSUERS or SUPABASE_URL: it verifies the tokens of others alone');
  return mistakes;
}

/** Which variables production asks for, and why. */
export function requiredInProduction(given: Given): Record<string, string> {
  const GATEWAY_SECRETS = 'the gateway proves itself with it';
  if (isOn(given['STATELESS'])) return given['SERVICE_TOKEN_HASHES'] === undefined ? { GATEWAY_SECRETS } : {};
  return {
    PUBLIC_URL: 'the https address people reach the service at',
    ENCRYPTION_KEYS: 'it seals signing keys',
    PASSWORD_PEPPERS: 'it is mixed into every password hash',
    GATEWAY_SECRETS,
  };
}
