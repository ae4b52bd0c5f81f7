import { UserModel } from '../../db/models/user.js';
import type { Unit } from '../../db/transaction.js';
import type { UserActor } from '../access.js';
import { record, type EventType } from '../audit.js';
import type { Client } from '../client.js';
import { voidOneTimeTokens } from '../one-time.js';
import { revoke, type SubjectStatus } from '../revocations.js';
import { endSessions } from '../sessions.js';
import type { AccountDeps } from './deps.js';

/** How an account stands: deleted outweighs suspended. */
export function statusOf(user: Pick<UserModel, 'deletedAt' | 'suspendedAt'>): SubjectStatus {
  if (user.deletedAt) return 'DELETED';
  return user.suspendedAt ? 'SUSPENDED' : 'ACTIVE';
}

export const now = (unit: Unit) => unit.trx.raw('now()') as unknown as Date;

/** Deletes an account within a transaction that has checked who may. */
export async function erasePresence(
  deps: AccountDeps,
  unit: Unit,
  actor: UserActor,
  target: UserModel,
  client: Client,
): Promise<UserModel> {
  return changeStanding(
    deps,
    unit,
    target.id,
    { deletedAt: now(unit) },
    { type: 'account.deleted', actor, client, ends: 'account_deleted' },
  );
}

interface Standing {
  type: EventType;
  actor: UserActor;
  client: Client;
  /** Why its sessions end, if they do. */
  ends?: 'account_deleted' | 'account_suspended';
}

/** Changes how an account stands, everywhere and on record. */
export async function changeStanding(
  deps: AccountDeps,
  unit: Unit,
  id: string,
  change: Partial<UserModel>,
  { type, actor, client, ends }: Standing,
): Promise<UserModel> {
  const changed = await raiseVersion(deps, unit, id, change);
  if (ends) {
    await endSessions(deps.feed, unit, id, undefined, { reason: ends, actor: actor.id, client });
    await voidOneTimeTokens(unit, id);
  }
  const details =
    changed.suspensionReason === null || type !== 'account.suspended'
      ? {}
      : { details: { reason: changed.suspensionReason } };
  await record(unit.trx, client, { type, actor: actor.id, subject: id, ...details });
  return changed;
}

/** Changes an account so that tokens issued before are looked at anew, everywhere. */
export async function raiseVersion(
  deps: AccountDeps,
  unit: Unit,
  id: string,
  change: Partial<UserModel>,
): Promise<UserModel> {
  const raised = unit.trx.raw('authz_version + 1') as unknown as number;
  await UserModel.query(unit.trx)
    .findById(id)
    .patch({ ...change, authzVersion: raised, updatedAt: now(unit) });
  const user = await UserModel.query(unit.trx).findById(id).throwIfNotFound();
  revoke(deps.feed, unit, { kind: 'subject', key: id, status: statusOf(user), version: user.authzVersion });
  return user;
}
