import { PasskeyModel } from '../../db/models/passkey.js';
import type { UserModel } from '../../db/models/user.js';
import type { Unit } from '../../db/transaction.js';
import { proofsOf, type Proofs } from '../address-changes.js';
import { removeFactor } from './factor.js';
import { removeRecoveryCodes } from './recovery-codes.js';

/** Removes what was set up to prove an account since it was proved like that: an app, recovery codes, passkeys. What was there stays. */
export async function withdrawFactorsSince(unit: Unit, user: UserModel, before: Proofs): Promise<void> {
  const now = await proofsOf(unit, user);
  const isAppNew = isOther(now.totpConfirmedAt, before.totpConfirmedAt);
  if (isAppNew || before.totpConfirmedAt === null) await removeFactor(unit, user.id);
  if (isAppNew || isOther(now.codesMadeAt, before.codesMadeAt)) await removeRecoveryCodes(unit, user.id);
  await PasskeyModel.query(unit.trx).where({ userId: user.id }).whereNotIn('id', before.passkeys).delete();
  await unit.trx('webauthnChallenges').where({ userId: user.id }).delete();
}

const isOther = (one: Date | null, other: Date | null) => one?.getTime() !== other?.getTime();
