import { compactVerify } from 'jose';
import type { Config } from '../../config.js';
import type { Compact } from './compact.js';
import type { Keyring } from './keyring.js';
import type { Rejection } from './rejection.js';

const ACCESS_TOKEN_TYPES = new Set(['at+jwt', 'application/at+jwt']);

/** Whether a token says that it was signed for a service (RFC 9068 §2.2, client_id): no account's ever does. */
export const isForService = ({ claims }: Compact, { tokens }: Pick<Config, 'tokens'>): boolean =>
  claims['iss'] === tokens.issuer && 'client_id' in claims && !('sid' in claims);

/** Why the type, key, algorithm or signature of a token is not good; undefined where all are. */
export async function faultOfSignature(
  keyring: Keyring,
  text: string,
  { header: { alg, kid, typ } }: Compact,
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
