import { UserModel } from '../../db/models/user.js';
import type { Unit } from '../../db/transaction.js';
import type { Client } from '../client.js';
import { openSession, type Opened } from '../sessions.js';
import type { SignInDeps } from './deps.js';

/** All is proved: the account is signed in, with the methods given. In a transaction that holds the account. */
export async function open(
  deps: SignInDeps,
  unit: Unit,
  { id }: UserModel,
  change: Partial<UserModel>,
  client: Client,
  amr: string[],
  deviceId: string | undefined,
): Promise<Opened> {
  const user = await UserModel.query(unit.trx)
    .findById(id)
    .patch({ lastSignInAt: unit.trx.raw('now()'), ...change })
    .returning('*')
    .first()
    .throwIfNotFound();
  return openSession(deps, unit, user, client, amr, deviceId);
}
