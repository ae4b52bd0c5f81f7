import { createPublicKey, verify, type JsonWebKey, type KeyObject } from 'node:crypto';
import { openCalls } from './calls.js';
import type { Compact } from './compact.js';

/** An algorithm that access tokens may be signed with, and the only kind of key that fits it. */
interface Algorithm {
  readonly kty: string;
  readonly crv?: string;
  readonly digest: string | null;
  readonly dsaEncoding?: 'ieee-p1363';
}

const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  ES256: { kty: 'EC', crv: 'P-256', digest: 'sha256', dsaEncoding: 'ieee-p1363' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519', digest: null },
  RS256: { kty: 'RSA', digest: 'sha256' },
};
const SHORTEST_RSA_BITS = 2048;
const MAX_JWKS_BYTES = 65_536;

/** A key of the service, ready to verify with. */
export interface VerifyingKey {
  readonly algorithm: string;
  readonly verifies: (token: Compact) => boolean;
}

/** How often a kid that nobody knows may cause a fetch. */
const UNKNOWN_KID_MS = 30_000;
/** New keys are published at least a quarter of an hour before they sign. */
const REFRESH_MS = 300_000;
const RETRY_MS = 2000;
/** After word that keys have changed: another replica may answer that has not heard yet. */
const LOOK_AGAIN_MS = [2000, 20_000];

/** What is needed to hold the service's keys. */
export interface KeysDeps {
  readonly jwksUrl: string;
  readonly fetch: typeof fetch;
  readonly timeoutMs: number;
  readonly monotonic: () => number;
  /** Told when fetching begins to fail, and when it succeeds again. */
  readonly onState: (isUp: boolean, cause?: unknown) => void;
}

/** The service's public keys. */
export interface Keys {
  readonly get: (kid: string) => VerifyingKey | undefined;
  /** Counts the sets that were fetched. */
  readonly fetchCount: () => number;
  /** Whether any set was ever fetched, and none is suspected to be outdated. */
  readonly isSure: () => boolean;
  /** Asks for a key that is not known: fetches at most once in 30 s; shared. */
  readonly seek: (kid: string) => Promise<VerifyingKey | undefined>;
  /** A key is trusted no more, whatever set still holds it; and none is relied on until they were fetched again. */
  readonly distrust: (kid: string) => void;
  readonly close: () => void;
}

/** Begins to fetch the service's JWK set, and keeps it up to date. The last good set is kept. */
export function openKeys({ jwksUrl, fetch, timeoutMs, monotonic, onState }: KeysDeps): Keys {
  let held: ReadonlyMap<string, VerifyingKey> = new Map();
  let sureOf = 0;
  let doubt = 1;
  let fetchCount = 0;
  let soughtAt = Number.NEGATIVE_INFINITY;
  let loading: Promise<void> | undefined;
  const calls = openCalls();
  const timers = new Set<NodeJS.Timeout>();
  const distrusted = new Set<string>();
  const get = (kid: string) => (distrusted.has(kid) ? undefined : held.get(kid));

  const later = (milliseconds: number) => {
    if (calls.areOver()) return;
    const timer = setTimeout(() => {
      timers.delete(timer);
      void load();
    }, milliseconds).unref();
    timers.add(timer);
  };
  const read = async (signal: AbortSignal) => {
    const answers = doubt;
    const headers = { accept: 'application/json', 'cache-control': 'no-cache' };
    const response = await fetch(jwksUrl, { headers, signal, redirect: 'error' });
    if (!response.ok) throw new Error(`the key set was answered with HTTP ${response.status}`);
    held = readJwks(await readBounded(response));
    sureOf = answers;
    fetchCount++;
  };
  const load = () =>
    (loading ??= calls
      .run(timeoutMs, read)
      .then(
        () => onState(true),
        (error: unknown) => {
          if (calls.areOver()) return;
          onState(false, error);
          later(RETRY_MS);
        },
      )
      .finally(() => (loading = undefined)));

  void load();
  const refreshing = setInterval(() => void load(), REFRESH_MS).unref();
  return {
    get,
    fetchCount: () => fetchCount,
    isSure: () => sureOf === doubt,
    async seek(kid) {
      if (loading) await loading;
      if (!held.has(kid) && monotonic() - soughtAt >= UNKNOWN_KID_MS) {
        soughtAt = monotonic();
        await load();
      }
      return get(kid);
    },
    distrust(kid) {
      distrusted.add(kid);
      doubt++;
      // A fetch under way may have been answered before.
      void (loading ?? Promise.resolve()).then(load);
      for (const milliseconds of LOOK_AGAIN_MS) later(milliseconds);
    },
    close() {
      calls.close();
      clearInterval(refreshing);
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

async function readBounded(response: Response): Promise<unknown> {
  const text = await response.text();
  if (text.length > MAX_JWKS_BYTES) throw new Error('the key set is too long');
  return JSON.parse(text);
}

/** Keys that cannot be used are left out; a set without any is a mistake. */
function readJwks(document: unknown): ReadonlyMap<string, VerifyingKey> {
  const keys = (document as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys)) throw new Error('this is no JWK set');
  const found = new Map<string, VerifyingKey>();
  for (const jwk of keys as (JsonWebKey & Record<string, unknown>)[]) {
    const key = readKey(jwk);
    if (key && typeof jwk['kid'] === 'string') found.set(jwk['kid'], key);
  }
  if (found.size === 0) throw new Error('the JWK set holds no key that can be used');
  return found;
}

function readKey(jwk: JsonWebKey & Record<string, unknown>): VerifyingKey | undefined {
  const name = String(jwk['alg']);
  const algorithm = Object.hasOwn(ALGORITHMS, name) ? ALGORITHMS[name] : undefined;
  if (!algorithm || jwk.kty !== algorithm.kty || jwk.crv !== algorithm.crv) return undefined;
  if (jwk['use'] !== undefined && jwk['use'] !== 'sig') return undefined;
  try {
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    const bits = key.asymmetricKeyDetails?.modulusLength;
    if (bits !== undefined && bits < SHORTEST_RSA_BITS) return undefined;
    return { algorithm: name, verifies: verifierWith(algorithm, key) };
  } catch {
    return undefined;
  }
}

function verifierWith({ digest, dsaEncoding }: Algorithm, key: KeyObject): VerifyingKey['verifies'] {
  const material = dsaEncoding ? { key, dsaEncoding } : key;
  return ({ input, signature }) => verify(digest, Buffer.from(input, 'latin1'), material, signature);
}
