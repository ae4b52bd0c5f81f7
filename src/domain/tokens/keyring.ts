import { createHash, createPrivateKey, type KeyObject } from 'node:crypto';
import { importJWK, type CryptoKey } from 'jose';
import type { Knex } from 'knex';
import type { Logger } from 'pino';
import { ConfigError, type Config } from '../../config.js';
import { SigningKeyModel } from '../../db/models/signing-key.js';
import type { Feed } from '../revocations.js';
import { unseal } from '../sealing.js';
import { advanceKeys, sealPurpose } from './rotation.js';

export interface KeyringDeps {
  db: Knex;
  feed: Feed;
  config: Config;
  log: Logger;
}

interface SigningKey {
  kid: string;
  algorithm: string;
  key: CryptoKey | KeyObject | Uint8Array;
}

/** The keys of this process: one that signs, all that are still trusted. */
export interface Keyring {
  signing(): SigningKey;
  /** Since when that one has been signing. */
  signingSince(): Date;
  verifying(kid: string): SigningKey | undefined;
  /** The published set as it is served: its JSON text and entity tag. */
  jwks(): { body: string; etag: string };
  /** The algorithms of the published set, which may be two after SIGNING_ALGORITHM was changed. */
  algorithms(): readonly string[];
  reload(): Promise<void>;
  close(): Promise<void>;
}

interface Loaded {
  signing: SigningKey & { since: Date };
  verifying: Map<string, SigningKey>;
  jwks: { body: string; etag: string };
  algorithms: readonly string[];
}

/** Loads the keys, makes the first one where there is none, and keeps rotation going on any number of replicas. */
export async function openKeyring(deps: KeyringDeps): Promise<Keyring> {
  await advanceKeys(deps);
  let loaded = await load(deps);
  let begun = 0;
  let applied = 0;
  // Two may run at once; the one that began later has read what is newer, and it stays.
  const reload = async () => {
    const mine = ++begun;
    const found = await load(deps, loaded.signing);
    if (mine > applied) [loaded, applied] = [found, mine];
  };
  deps.feed.on('keys', reload);

  let running: Promise<void> | undefined;
  const tick = () => {
    running ??= advanceKeys(deps)
      .then(reload)
      .catch((error: unknown) => deps.log.warn({ err: error }, 'signing keys could not be reloaded'))
      .finally(() => (running = undefined));
  };
  const timer = setInterval(tick, reloadIntervalMs(deps.config)).unref();
  return {
    signing: () => loaded.signing,
    signingSince: () => loaded.signing.since,
    verifying: (kid) => loaded.verifying.get(kid),
    jwks: () => loaded.jwks,
    algorithms: () => loaded.algorithms,
    reload,
    async close() {
      clearInterval(timer);
      await running;
    },
  };
}

/** 15 s, and several times within the lead, so that every replica knows a key before another one signs with it. */
function reloadIntervalMs(config: Config): number {
  return Math.min(15_000, Math.max(200, config.signingKeys.leadSeconds * 200));
}

/** @param before what signed until now; it goes on where the active key was sealed under a key that only newer replicas have */
async function load(deps: KeyringDeps, before?: Loaded['signing']): Promise<Loaded> {
  const rows = await SigningKeyModel.query(deps.db)
    .whereIn('state', ['published', 'active', 'retiring'])
    .orderBy('publishedAt');
  const active = rows.find((row) => row.state === 'active');
  if (!active?.privateSealed) throw new Error('There is no active signing key.');
  const signing = openOrKeep(deps, active, active.privateSealed, rows, before);
  const verifying = await Promise.all(
    rows.map(async (row) => ({
      kid: row.kid,
      algorithm: row.algorithm,
      key: await importJWK(row.publicJwk, row.algorithm),
    })),
  );
  return {
    signing,
    verifying: new Map(verifying.map((key) => [key.kid, key])),
    jwks: publish(rows),
    algorithms: [...new Set(rows.map((row) => row.algorithm))],
  };
}

function openOrKeep(
  { config, log }: KeyringDeps,
  active: SigningKeyModel,
  sealed: string,
  rows: SigningKeyModel[],
  before: Loaded['signing'] | undefined,
): Loaded['signing'] {
  try {
    return openSigner(config, active, sealed);
  } catch (error) {
    if (!before || !rows.some((row) => row.kid === before.kid)) throw error;
    log.error({ err: error }, 'the active signing key does not open here; the one before goes on signing');
    return before;
  }
}

function openSigner(
  config: Config,
  { kid, algorithm, activatesAt: since }: SigningKeyModel,
  sealed: string,
): Loaded['signing'] {
  return { kid, algorithm, since, key: createPrivateKey(openPrivateKey(config, kid, sealed)) };
}

/** @throws {ConfigError} for whoever changed ENCRYPTION_KEYS and left the one out that it was sealed under */
function openPrivateKey(config: Config, kid: string, sealed: string): string {
  try {
    return unseal(config.encryptionKeys, sealPurpose(kid), sealed).toString('utf8');
  } catch (error) {
    throw new ConfigError([
      `ENCRYPTION_KEYS: the signing key in the database does not open. ${(error as Error).message} Add the key it was sealed under behind the others, separated by a comma.`,
    ]);
  }
}

function publish(rows: SigningKeyModel[]): Loaded['jwks'] {
  const keys = rows.map((row) => ({ ...row.publicJwk, kid: row.kid, alg: row.algorithm, use: 'sig' }));
  const body = JSON.stringify({ keys });
  return { body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"` };
}
