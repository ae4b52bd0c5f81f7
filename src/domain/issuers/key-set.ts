import type { KeyObject } from 'node:crypto';
import type { Logger } from 'pino';
import type { TrustedIssuer } from '../../config/trusted-issuers.js';
import type { Clock } from '../clock.js';
import { CallRefused, type Resolve } from '../outgoing.js';
import { fetchKeys } from './fetch-keys.js';
import { readKeys, type IssuerKey } from './read-keys.js';

/** What a signature is checked against. */
export interface Key {
  readonly key: KeyObject | Uint8Array;
}

/** No key of that name and algorithm; or nothing can be said, as there are no keys at all. */
export type NoKey = 'UNTRUSTED_SIGNATURE' | 'ISSUER_UNAVAILABLE';

/** The keys of one issuer. */
export interface KeySet {
  find(kid: string | undefined, algorithm: string): Key | NoKey | Promise<Key | NoKey>;
  /** Whether a key that was found before is still believed. */
  holds(key: Key): boolean;
  /** How long ago the keys were fetched; Infinity before the first time, undefined where none ever are. */
  ageMs(): number | undefined;
  close(): void;
}

export interface KeySetDeps {
  clock: Clock;
  log: Logger;
  resolve?: Resolve | undefined;
}

/** An issuer with a secret of its own has that and no other, whatever a token says of keys. */
export function secretOnly(secret: Uint8Array): KeySet {
  const own = { key: secret };
  return { find: () => own, holds: (key) => key === own, ageMs: () => undefined, close: () => undefined };
}

/** Unknown keys have the set fetched once in so long, and so has a set that could not be fetched; in milliseconds. */
const PATIENCE_MS = 30_000;

interface State {
  keys: readonly IssuerKey[];
  /** Times by the clock that never jumps. */
  fetchedAt: number;
  triedAt: number;
  /** When a key that is not in the set had it fetched. */
  missedAt: number;
  freshForMs: number;
  fetching: Promise<void> | undefined;
  isFailing: boolean;
}

/** Fetches the keys of an issuer, in the background and from now on; the last good set stays until it is too old. */
export function openKeySet(issuer: TrustedIssuer, deps: KeySetDeps): KeySet {
  const never = Number.NEGATIVE_INFINITY;
  const state: State = {
    keys: [],
    fetchedAt: never,
    triedAt: never,
    missedAt: never,
    freshForMs: 0,
    fetching: undefined,
    isFailing: false,
  };
  const now = () => deps.clock.monotonic();
  const fetch = () =>
    (state.fetching ??= refresh(issuer, deps, state).finally(() => (state.fetching = undefined)));
  const isUsable = () => state.keys.length > 0 && now() - state.fetchedAt < issuer.maxStaleSeconds * 1000;
  const mayTry = () => now() - state.triedAt >= PATIENCE_MS;
  const refreshIfDue = () => {
    if (now() - state.fetchedAt >= state.freshForMs && mayTry()) void fetch();
  };
  const look = (kid: string | undefined, algorithm: string): Key | NoKey =>
    isUsable() ? (pick(state.keys, kid, algorithm) ?? 'UNTRUSTED_SIGNATURE') : 'ISSUER_UNAVAILABLE';
  const isWorthFetching = (found: NoKey, kid: string | undefined) => {
    if (state.fetching) return true;
    if (found === 'ISSUER_UNAVAILABLE') return mayTry();
    // A key that is in the set and does not fit is not missed: only a name that is nobody's is looked for.
    if (kid !== undefined && state.keys.some((key) => key.kid === kid)) return false;
    if (now() - state.missedAt < PATIENCE_MS) return false;
    state.missedAt = now();
    return true;
  };
  refreshIfDue();
  const timer = setInterval(refreshIfDue, PATIENCE_MS).unref();
  return {
    find(kid, algorithm) {
      refreshIfDue();
      const found = look(kid, algorithm);
      if (typeof found !== 'string' || !isWorthFetching(found, kid)) return found;
      return fetch().then(() => look(kid, algorithm));
    },
    holds: (key) => isUsable() && state.keys.some((one) => one === key),
    ageMs: () => now() - state.fetchedAt,
    close: () => clearInterval(timer),
  };
}

/** A token that names no key is the only key's, where there is one. */
function pick(keys: readonly IssuerKey[], kid: string | undefined, algorithm: string): IssuerKey | undefined {
  const fitting = keys.filter((key) => key.algorithms.includes(algorithm));
  if (kid !== undefined) return fitting.find((key) => key.kid === kid);
  return fitting.length === 1 ? fitting[0] : undefined;
}

/** Never throws: what could not be fetched leaves what is there. */
async function refresh(
  issuer: TrustedIssuer,
  { clock, log, resolve }: KeySetDeps,
  state: State,
): Promise<void> {
  state.triedAt = clock.monotonic();
  try {
    const { body, freshForMs } = await fetchKeys(issuer, resolve);
    const keys = readKeys(body, issuer.algorithms, state.keys);
    Object.assign(state, { keys, freshForMs, fetchedAt: clock.monotonic(), isFailing: false });
  } catch (error) {
    const reason = error instanceof CallRefused ? error.message : undefined;
    if (!state.isFailing)
      log.warn({ err: error, reason, issuer: issuer.issuer }, 'the keys of an issuer could not be fetched');
    state.isFailing = true;
  }
}
