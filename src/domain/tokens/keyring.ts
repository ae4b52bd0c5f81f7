import { createHash, type KeyObject } from 'node:crypto';
import { importJWK, importPKCS8, type CryptoKey } from 'jose';
import type { Knex } from 'knex';
import type { Logger } from 'pino';
import type { Config } from '../../config.js';
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
  verifying(kid: string): SigningKey | undefined;
  /** The published set as it is served: its JSON text and entity tag. */
  jwks(): { body: string; etag: string };
  reload(): Promise<void>;
  close(): void;
}

interface Loaded {
  signing: SigningKey;
  verifying: Map<string, SigningKey>;
  jwks: { body: string; etag: string };
}

/** Loads the keys, makes the first one where there is none, and keeps rotation going on any number of replicas. */
export async function openKeyring(deps: KeyringDeps): Promise<Keyring> {
  await advanceKeys(deps);
  let loaded = await load(deps);
  const reload = async () => {
    loaded = await load(deps);
  };
  deps.feed.on('keys', reload);

  const tick = () => {
    advanceKeys(deps)
      .then(reload)
      .catch((error: unknown) => deps.log.warn({ err: error }, 'signing keys could not be reloaded'));
  };
  const timer = setInterval(tick, reloadIntervalMs(deps.config)).unref();
  return {
    signing: () => loaded.signing,
    verifying: (kid) => loaded.verifying.get(kid),
    jwks: () => loaded.jwks,
    reload,
    close: () => clearInterval(timer),
  };
}

/** 15 s, and several times within the lead, so that every replica knows a key before another one signs with it. */
function reloadIntervalMs(config: Config): number {
  return Math.min(15_000, Math.max(200, config.signingKeys.leadSeconds * 200));
}

async function load(deps: KeyringDeps): Promise<Loaded> {
  const rows = await SigningKeyModel.query(deps.db)
    .whereIn('state', ['published', 'active', 'retiring'])
    .orderBy('publishedAt');
  const active = rows.find((row) => row.state === 'active');
  if (!active?.privateSealed) throw new Error('There is no active signing key.');
  const pem = unseal(deps.config.encryptionKeys, sealPurpose(active.kid), active.privateSealed).toString(
    'utf8',
  );
  const signing = {
    kid: active.kid,
    algorithm: active.algorithm,
    key: await importPKCS8(pem, active.algorithm),
  };
  const verifying = await Promise.all(
    rows.map(async (row) => ({
      kid: row.kid,
      algorithm: row.algorithm,
      key: await importJWK(row.publicJwk, row.algorithm),
    })),
  );
  return { signing, verifying: new Map(verifying.map((key) => [key.kid, key])), jwks: publish(rows) };
}

function publish(rows: SigningKeyModel[]): Loaded['jwks'] {
  const keys = rows.map((row) => ({ ...row.publicJwk, kid: row.kid, alg: row.algorithm, use: 'sig' }));
  const body = JSON.stringify({ keys });
  return { body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"` };
}
