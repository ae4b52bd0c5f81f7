import type { Unit } from '../../db/transaction.js';
import type { Client } from '../client.js';
import { openAtOnce, type Opened } from '../sessions.js';
import type { SignInDeps } from './deps.js';

/** All is proved: the account is signed in, with the methods given. In a transaction that holds the account. */
export async function open(
  deps: SignInDeps,
  { trx }: Unit,
  userId: string,
  client: Client,
  amr: string[],
  deviceId?: string,
): Promise<Opened> {
  const opened = await openAtOnce(deps, trx, { userId, client, amr, deviceId });
  if (!opened) throw new Error('An account that is held is not there.');
  return opened;
}
