import type { EmailChangeModel } from '../../db/models/email-change.js';
import { UserModel } from '../../db/models/user.js';
import type { Unit } from '../../db/transaction.js';
import { keysOf, tellTaken } from './names.js';
import { now } from './standing.js';

/** Gives an account an address that its owner has just confirmed. @throws {AuthError} CONFLICT */
export async function moveAddress(unit: Unit, id: string, email: string): Promise<void> {
  const patch = { email, ...keysOf({ email }), emailVerifiedAt: now(unit), updatedAt: now(unit) };
  await tellTaken(UserModel.query(unit.trx).findById(id).patch(patch));
}

/**
 * Gives an account the address back that a change has taken from it, and no password where the one that it has was set since.
 * Whoever undoes a change reads the mail of that address, which confirms it.
 * @throws {AuthError} CONFLICT
 */
export async function takeAddressBack(
  unit: Unit,
  id: string,
  { oldEmail, oldVerifiedAt }: EmailChangeModel,
  isPasswordNew: boolean,
): Promise<void> {
  const withoutPassword = isPasswordNew ? { passwordHash: null, passwordChangedAt: null } : {};
  await moveAddress(unit, id, oldEmail);
  await UserModel.query(unit.trx)
    .findById(id)
    .patch({ emailVerifiedAt: oldVerifiedAt ?? now(unit), ...withoutPassword });
}
