import { compactVerify } from 'jose';
import type { Config } from '../../config.js';
import { parseCompact, type Compact } from '../compact.js';
import type { Keyring } from './keyring.js';
import type { Rejection } from './rejection.js';

const ACCESS_TOKEN_TYPES = new Set(['at+jwt', 'application/at+jwt']);

/** A token that names its key, as every one of ours does. */
export interface Signed extends Compact {
  readonly header: Compact['header'] & { readonly kid: string };
}

/** Reads the form of a token that may be one of ours; undefined for what cannot be. */
export function parseOurs(text: string): Signed | undefined {
  const compact = parseCompact(text);
  return compact && isSigned(compact) ? compact : undefined;
}

const isSigned = (compact: Compact): compact is Signed => compact.header.kid !== undefined;

/** Whether a token says that it was signed for a service (RFC 9068 §2.2, client_id): no account's ever does. */
export const isForService = ({ claims }: Compact, { tokens }: Pick<Config, 'tokens'>): boolean =>
  claims['iss'] === tokens.issuer && 'client_id' in claims && !('sid' in claims);

/** Why the type, key, algorithm or signature of a token is not good; undefined where all are. */
export async function faultOfSignature(
  keyring: Keyring,
  text: string,
  { header: { alg, kid, typ } }: Signed,
): Promise<Rejection | undefined> {
  if (!ACCESS_TOKEN_TYPES.has(typ ?? '')) return 'WRONG_TYPE';
  const key = keyring.verifying(kid);
  if (key?.algorithm !== alg) return 'UNTRUSTED_SIGNATURE';
  try {
    await compactVerify(text, key.key, { algorithms: [key.algorithm] });
    return undefined;
  } catch {
    return 'UNTRUSTED_SIGNATURE';
  }
}
