import { UserModel } from '../../db/models/user.js';
import type { Unit } from '../../db/transaction.js';
import type { UserActor } from '../access.js';
import { record } from '../audit.js';
import type { Client } from '../client.js';
import { voidOneTimeTokens } from '../one-time.js';
import { keysOf, requireFree, tellTaken } from './names.js';
import type { Profile } from './profile.js';
import { now } from './standing.js';

/** Writes changes that were checked, in the transaction that checked who may. @throws {AuthError} CONFLICT */
export async function changeProfile(
  unit: Unit,
  actor: UserActor,
  id: string,
  changes: Profile,
  client: Client,
): Promise<UserModel> {
  await requireFree(unit.trx, changes, id);
  const keys = keysOf(changes);
  const patch: Partial<UserModel> = { ...changes, ...keys, updatedAt: now(unit) };
  const { emailKey } = await UserModel.query(unit.trx).findById(id).forUpdate().throwIfNotFound();
  if (keys.emailKey !== undefined && keys.emailKey !== emailKey) {
    // What was mailed to the old address proves nothing about the new one.
    patch.emailVerifiedAt = null;
    await voidOneTimeTokens(unit, id);
  }
  await tellTaken(UserModel.query(unit.trx).findById(id).patch(patch));
  await record(unit.trx, client, {
    type: 'account.updated',
    actor: actor.id,
    subject: id,
    details: { changed: Object.keys(changes).sort() },
  });
  return UserModel.query(unit.trx).findById(id).throwIfNotFound();
}
