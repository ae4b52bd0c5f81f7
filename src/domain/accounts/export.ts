import { UserModel } from '../../db/models/user.js';
import { transaction, type Unit } from '../../db/transaction.js';
import { AuthError } from '../../errors.js';
import { readAuthority, requireStanding, type UserActor } from '../access.js';
import { record } from '../audit.js';
import type { Client } from '../client.js';
import { isId } from '../ids.js';
import { charge, type Limiters } from '../limits.js';
import type { AccountDeps } from './deps.js';
import { readHoldings, type Holdings } from './holdings.js';

/** What exporting accounts needs. */
export interface ExportDeps extends AccountDeps {
  limiters: Limiters;
}

/**
 * Exports everything that is held about an account: one's own, or with users:export anybody's.
 * @throws {AuthError} RATE_LIMITED, UNAUTHENTICATED, FORBIDDEN, NOT_FOUND
 */
export async function exportAccount(
  deps: ExportDeps,
  actor: UserActor,
  id: string,
  client: Client,
): Promise<Holdings> {
  await charge(deps.limiters, 'exportsByAccount', actor.id);
  return transaction(deps.db, async (unit) => {
    await requireStanding(unit.trx, actor);
    await requireMayExport(unit, actor, id);
    const user = isId(id) ? await UserModel.query(unit.trx).findById(id) : undefined;
    if (!user) throw new AuthError('NOT_FOUND');
    const holdings = await readHoldings(unit.trx, user);
    await record(unit.trx, client, { type: 'account.exported', actor: actor.id, subject: user.id });
    return { exportedAt: new Date(deps.clock.now()).toISOString(), ...holdings };
  });
}

async function requireMayExport({ trx }: Unit, actor: UserActor, id: string): Promise<void> {
  if (id.toLowerCase() === actor.id) return;
  if (!(await readAuthority(trx, actor.id)).permissions.has('users:export')) throw new AuthError('FORBIDDEN');
}
