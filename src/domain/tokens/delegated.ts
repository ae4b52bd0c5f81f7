import { randomUUID } from 'node:crypto';
import type { Config } from '../../config.js';
import type { Clock } from '../clock.js';
import type { Keyring } from './keyring.js';
import { signJwt } from './sign.js';

/** What a JWT of ours says of a subject to the one service that it is for (RFC 8693 §4). Times in seconds. */
export interface DelegatedClaims {
  readonly iss: string;
  /** Name of the service that it is for. */
  readonly aud: string;
  /** Id of an account, or `issuer#name`. */
  readonly sub: string;
  /** Name of whoever shows it. */
  readonly client_id: string;
  /** Who acts for the subject (RFC 8693 §4.1). */
  readonly act: { readonly sub: string; readonly client_id: string };
  readonly subject_type: 'USER' | 'EXTERNAL';
  /** The session of the token that was given for it, so that its end can be heard of. */
  readonly sid?: string;
  readonly role: string | null;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  /** The same as a text, where it is short enough. */
  readonly scope?: string;
  /** The business role at that service. */
  readonly service_role?: string;
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
}

/** So long may somebody be believed who was shut out meanwhile. */
const LIFE_SECONDS = 300;

/**
 * Signs a JWT that ends after five minutes, or earlier where what it was given for does. Its `typ` is that of no access token: at
 * our own doors, and wherever access tokens of ours are verified, it is nothing.
 * @param endsAt in seconds @returns its text and life in seconds
 */
export async function signDelegated(
  { keyring, clock, config }: { keyring: Keyring; clock: Clock; config: Config },
  said: Omit<DelegatedClaims, 'iss' | 'jti' | 'iat' | 'exp'>,
  endsAt: number,
): Promise<{ text: string; seconds: number }> {
  const iat = Math.floor(clock.now() / 1000);
  const life = Math.min(LIFE_SECONDS, Math.max(60, config.signingKeys.keepSeconds - 60));
  const exp = Math.min(iat + life, Math.floor(endsAt));
  const claims: DelegatedClaims = { iss: config.tokens.issuer, ...said, jti: randomUUID(), iat, exp };
  return { text: await signJwt(keyring, 'JWT', claims), seconds: exp - iat };
}
