import { calculateJwkThumbprint, exportJWK, exportPKCS8, generateKeyPair } from 'jose';
import type { Knex } from 'knex';
import type { Config } from '../../config.js';
import { SigningKeyModel } from '../../db/models/signing-key.js';
import { transaction, type Unit } from '../../db/transaction.js';
import { AuthError } from '../../errors.js';
import { record } from '../audit.js';
import type { Client } from '../client.js';
import { revoke, type Announced } from '../revocations.js';
import { seal } from '../sealing.js';

export interface RotationDeps {
  db: Knex;
  feed: Announced;
  config: Config;
}

type Signing = Pick<RotationDeps, 'feed' | 'config'>;

/** Who asked, where it was not the calendar. */
export interface Asked {
  by: string;
  client: Client;
}

const ROTATION_LOCK = 7_203_110_003;

/** What a key's private part is sealed for, so that it cannot be swapped with another's. */
export const sealPurpose = (kid: string) => `signing-key:${kid}`;

type Step = { do: 'create'; lead: number } | { do: 'activate'; kid: string } | { do: 'remove'; kid: string };

/**
 * Takes every step of the keys' lives that is due: publish before signing, activate, retire, remove. Safe on any number
 * of replicas, as one at a time decides and the database's clock counts.
 */
export async function advanceKeys(deps: RotationDeps): Promise<void> {
  if ((await dueSteps(deps.db, deps.config)).length === 0) return;
  await transaction(deps.db, async (unit) => {
    await lock(unit);
    for (const step of await dueSteps(unit.trx, deps.config)) await take(deps, unit, step);
  });
}

/** Publishes the next key now; it signs after the lead. Answers the one that is already waiting, if there is one. */
export async function publishNextKey(deps: RotationDeps, asked: Asked): Promise<SigningKeyModel> {
  return transaction(deps.db, async (unit) => {
    await lock(unit);
    const waiting = await SigningKeyModel.query(unit.trx).findOne({ state: 'published' });
    return waiting ?? create(deps, unit, deps.config.signingKeys.leadSeconds, asked);
  });
}

/** SHA-256 in base64url; what cannot be a key's name is an unknown one. */
const KID = /^[\w-]{43}$/;

/** Emergency: nothing signed by this key is trusted any more; where it was the active one, a new one signs at once. */
export async function compromiseKey(deps: RotationDeps, kid: string, asked: Asked): Promise<SigningKeyModel> {
  return transaction(deps.db, async (unit) => {
    await lock(unit);
    const key = KID.test(kid) ? await SigningKeyModel.query(unit.trx).findById(kid) : undefined;
    if (!key) throw new AuthError('NOT_FOUND');
    const wasActive = key.state === 'active';
    // Changes `key` as well.
    const gone = await key
      .$query(unit.trx)
      .patchAndFetch({ state: 'compromised', privateSealed: null, removedAt: now(unit.trx) });
    if (wasActive) await replaceActive(deps, unit, asked);
    await record(unit.trx, asked.client, { type: 'signing_key.revoked', actor: asked.by, details: { kid } });
    revoke(deps.feed, unit, { kind: 'keys', key: kid, status: 'COMPROMISED' });
    return gone;
  });
}

/**
 * After a restore, when it is not known any more what was revoked: nothing that was ever signed is trusted, and a new key
 * signs at once. @returns how many keys are void
 */
export async function replaceKeys(deps: Signing, unit: Unit): Promise<number> {
  await lock(unit);
  const live = SigningKeyModel.query(unit.trx).whereIn('state', ['published', 'active', 'retiring']);
  const gone = await live
    .patch({ state: 'compromised', privateSealed: null, removedAt: now(unit.trx) })
    .returning('kid');
  for (const { kid } of gone) {
    await record(unit.trx, undefined, { type: 'signing_key.revoked', details: { kid } });
    revoke(deps.feed, unit, { kind: 'keys', key: kid, status: 'COMPROMISED' });
  }
  await activate(deps, unit, (await create(deps, unit, 0)).kid);
  return gone.length;
}

async function replaceActive(deps: RotationDeps, unit: Unit, asked: Asked): Promise<void> {
  const waiting = await SigningKeyModel.query(unit.trx).findOne({ state: 'published' });
  await activate(deps, unit, (waiting ?? (await create(deps, unit, 0, asked))).kid);
}

const lock = (unit: Unit) => unit.trx.raw('select pg_advisory_xact_lock(?)', [ROTATION_LOCK]);
const now = (db: Knex) => db.raw('now()') as unknown as Date;

async function dueSteps(db: Knex, config: Config): Promise<Step[]> {
  const { leadSeconds, rotationSeconds, keepSeconds } = config.signingKeys;
  const keys = await SigningKeyModel.query(db)
    .whereIn('state', ['published', 'active', 'retiring'])
    .select(
      '*',
      db.raw('extract(epoch from now() - activates_at)::float8 as active_for'),
      db.raw('extract(epoch from now() - retired_at)::float8 as retired_for'),
    );
  const rows = keys as (SigningKeyModel & { activeFor: number; retiredFor: number | null })[];
  const active = rows.find((key) => key.state === 'active');
  const waiting = rows.find((key) => key.state === 'published');
  const steps: Step[] = [];
  if (!active && !waiting) steps.push({ do: 'create', lead: 0 });
  if (active && !waiting && active.activeFor >= rotationSeconds - leadSeconds)
    steps.push({ do: 'create', lead: Math.max(leadSeconds, rotationSeconds - active.activeFor) });
  if (waiting && (!active || waiting.activeFor >= 0)) steps.push({ do: 'activate', kid: waiting.kid });
  for (const key of rows)
    if (key.state === 'retiring' && (key.retiredFor ?? 0) >= keepSeconds)
      steps.push({ do: 'remove', kid: key.kid });
  return steps;
}

async function take(deps: RotationDeps, unit: Unit, step: Step): Promise<void> {
  if (step.do === 'create') {
    const key = await create(deps, unit, step.lead);
    if (step.lead === 0) await activate(deps, unit, key.kid);
  }
  if (step.do === 'activate') await activate(deps, unit, step.kid);
  if (step.do === 'remove')
    await SigningKeyModel.query(unit.trx)
      .findById(step.kid)
      .patch({ state: 'removed', removedAt: now(unit.trx) });
  revoke(deps.feed, unit, { kind: 'keys', key: 'kid' in step ? step.kid : 'new' });
}

/** Publishes a new key that will sign `leadSeconds` from now. */
async function create(
  deps: Signing,
  unit: Unit,
  leadSeconds: number,
  asked?: Asked,
): Promise<SigningKeyModel> {
  const { algorithm } = deps.config.signingKeys;
  const pair = await generateKeyPair(algorithm, { extractable: true });
  const publicJwk = (await exportJWK(pair.publicKey)) as Record<string, string>;
  const kid = await calculateJwkThumbprint(publicJwk);
  const privateSealed = seal(
    deps.config.encryptionKeys,
    sealPurpose(kid),
    Buffer.from(await exportPKCS8(pair.privateKey)),
  );
  const activatesAt = unit.trx.raw("now() + ? * interval '1 second'", [leadSeconds]) as unknown as Date;
  await SigningKeyModel.query(unit.trx)
    .insert({ kid, algorithm, publicJwk, privateSealed, state: 'published', activatesAt })
    .returning([]);
  await record(unit.trx, asked?.client, {
    type: 'signing_key.published',
    ...(asked ? { actor: asked.by } : {}),
    details: { kid },
  });
  revoke(deps.feed, unit, { kind: 'keys', key: kid });
  return SigningKeyModel.query(unit.trx).findById(kid).throwIfNotFound();
}

/** Lets a published key sign; the one before it retires, and its private part is erased. */
async function activate(deps: Signing, unit: Unit, kid: string): Promise<void> {
  await SigningKeyModel.query(unit.trx)
    .where({ state: 'active' })
    .patch({ state: 'retiring', retiredAt: now(unit.trx), privateSealed: null });
  await SigningKeyModel.query(unit.trx)
    .findById(kid)
    .patch({ state: 'active', activatesAt: now(unit.trx) });
  await record(unit.trx, undefined, { type: 'signing_key.activated', details: { kid } });
  revoke(deps.feed, unit, { kind: 'keys', key: kid });
}
