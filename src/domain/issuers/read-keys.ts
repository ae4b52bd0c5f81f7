import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { CallRefused } from '../outgoing.js';

/** A published key with what it may be used for. */
export interface IssuerKey {
  readonly kid: string | undefined;
  readonly algorithms: readonly string[];
  readonly key: KeyObject;
  /** As it was published: the same key is the same object from one reading to the next. */
  readonly text: string;
}

const jwk = z.looseObject({
  kty: z.enum(['RSA', 'EC', 'OKP']),
  kid: z.string().max(64).optional(),
  alg: z.string().optional(),
  use: z.literal('sig').optional(),
  key_ops: z
    .array(z.string())
    .refine((names) => names.includes('verify'))
    .optional(),
});
type PublishedKey = z.output<typeof jwk>;

const MOST_KEYS = 100;
const set = z.object({ keys: z.array(z.unknown()).max(MOST_KEYS) });

/** Members of private and symmetric keys (RFC 7518 §6): whoever publishes one has no secret any more. */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
/** RFC 7518 §3.3; and beyond so many bits a check would cost too much. */
const RSA_BITS = { atLeast: 2048, atMost: 8192 };
const CURVES: Record<string, string> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521', EdDSA: 'Ed25519' };

/**
 * The keys of a published set (RFC 7517 §5) that may sign by one of the algorithms; what cannot is passed over.
 * @throws {CallRefused} for what is no set, or has no such key
 */
export function readKeys(
  body: string,
  algorithms: readonly string[],
  before: readonly IssuerKey[],
): IssuerKey[] {
  const known = new Map(before.map((key) => [key.text, key]));
  const keys = published(body).flatMap((one) => {
    const text = JSON.stringify(one);
    const key = known.get(text) ?? read(one, text, algorithms);
    return key ? [key] : [];
  });
  if (keys.length === 0) throw new CallRefused('the set has no key that may be believed');
  return keys;
}

function published(body: string): unknown[] {
  try {
    return set.parse(JSON.parse(body)).keys;
  } catch {
    throw new CallRefused('what was found is no set of keys');
  }
}

function read(one: unknown, text: string, algorithms: readonly string[]): IssuerKey | undefined {
  const parsed = jwk.safeParse(one);
  if (!parsed.success || SECRET_MEMBERS.some((member) => Object.hasOwn(parsed.data, member)))
    return undefined;
  const fitting = algorithms.filter((algorithm) => fits(parsed.data, algorithm));
  const key = fitting.length === 0 ? undefined : publicKey(parsed.data);
  return key && { kid: parsed.data.kid, algorithms: fitting, key, text };
}

/** Whether a key may sign by an algorithm: its own where it names one, else any of its kind. */
function fits({ kty, crv, alg }: PublishedKey, algorithm: string): boolean {
  if (alg !== undefined && alg !== algorithm) return false;
  const curve = CURVES[algorithm];
  return curve === undefined ? kty === 'RSA' : crv === curve && kty === (curve === 'Ed25519' ? 'OKP' : 'EC');
}

function publicKey(one: PublishedKey): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: one as JsonWebKey, format: 'jwk' });
    const bits = key.asymmetricKeyDetails?.modulusLength;
    return bits === undefined || (bits >= RSA_BITS.atLeast && bits <= RSA_BITS.atMost) ? key : undefined;
  } catch {
    return undefined;
  }
}
