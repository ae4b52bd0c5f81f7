import type { Knex } from 'knex';
import type { Config } from '../../config.js';
import { TotpFactorModel } from '../../db/models/totp-factor.js';
import type { Unit } from '../../db/transaction.js';
import { AuthError } from '../../errors.js';
import type { Clock } from '../clock.js';
import { seal, unseal } from '../sealing.js';
import { matchingSteps } from './totp.js';

export interface FactorDeps {
  config: Config;
  clock: Clock;
}

/** How long an app that was proposed can be confirmed, in seconds. */
const PROPOSAL_LIFE_SECONDS = 60 * 60;
const sealPurpose = (userId: string) => `totp:${userId}`;

/** Keeps a seed until its first code confirms it; an earlier proposal is replaced. @throws {AuthError} CONFLICT */
export async function proposeFactor(
  { config }: FactorDeps,
  unit: Unit,
  userId: string,
  seed: Buffer,
): Promise<void> {
  const secretSealed = seal(config.encryptionKeys, sealPurpose(userId), seed);
  const proposed: unknown[] = await unit
    .trx('totpFactors')
    .insert({ userId, secretSealed })
    .onConflict('userId')
    .merge({ secretSealed, createdAt: unit.trx.raw('now()') })
    .whereNull('totpFactors.confirmedAt')
    .returning('userId');
  if (proposed.length === 0)
    throw new AuthError('CONFLICT', { message: 'This account has an authenticator app; disable it first.' });
}

/** Confirms what was proposed by its first code, which is spent by that. @throws {AuthError} CONFLICT when nothing waits */
export async function confirmFactor(
  deps: FactorDeps,
  unit: Unit,
  userId: string,
  code: string,
): Promise<boolean> {
  const factor = await TotpFactorModel.query(unit.trx)
    .findById(userId)
    .whereNull('confirmedAt')
    .whereRaw("created_at > now() - ? * interval '1 second'", [PROPOSAL_LIFE_SECONDS]);
  if (!factor) throw new AuthError('CONFLICT', { message: 'No authenticator app waits for confirmation.' });
  if (!(await spendStep(deps, unit, factor, code))) return false;
  await TotpFactorModel.query(unit.trx)
    .findById(userId)
    .patch({ confirmedAt: unit.trx.raw('now()') });
  return true;
}

/** Whether this is a code of the account's app that was not taken before; from now on it is. */
export async function spendTotp(
  deps: FactorDeps,
  unit: Unit,
  userId: string,
  code: string,
): Promise<boolean> {
  const factor = await confirmed(unit.trx, userId);
  return factor !== undefined && spendStep(deps, unit, factor, code);
}

/** Each step once (RFC 6238 §5.2): one conditional update decides who of many was first. */
async function spendStep(
  { config, clock }: FactorDeps,
  unit: Unit,
  { userId, secretSealed }: TotpFactorModel,
  code: string,
): Promise<boolean> {
  const seed = unseal(config.encryptionKeys, sealPurpose(userId), secretSealed);
  for (const step of matchingSteps(seed, code.replace(/\s/g, ''), clock.now())) {
    const spent = await TotpFactorModel.query(unit.trx)
      .where({ userId, secretSealed })
      .where('lastStep', '<', step)
      .patch({ lastStep: step });
    if (spent === 1) return true;
  }
  return false;
}

const confirmed = (db: Knex, userId: string) =>
  TotpFactorModel.query(db).findById(userId).whereNotNull('confirmedAt');

/** Whether signing in to this account asks for a second factor. */
export async function hasFactor(db: Knex, userId: string): Promise<boolean> {
  return (await confirmed(db, userId).select('userId')) !== undefined;
}

/** @throws {AuthError} CONFLICT unless {@link hasFactor} */
export async function requireFactor(db: Knex, userId: string): Promise<void> {
  if (!(await hasFactor(db, userId)))
    throw new AuthError('CONFLICT', { message: 'This account has no second factor; enrol one first.' });
}

/** Removes the app, confirmed or proposed. @returns how many there were */
export async function removeFactor(unit: Unit, userId: string): Promise<number> {
  return TotpFactorModel.query(unit.trx).where({ userId }).delete();
}
