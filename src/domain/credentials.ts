import { UserModel } from '../db/models/user.js';
import { transaction, type Unit } from '../db/transaction.js';
import { AuthError } from '../errors.js';
import { lockAdministration, requireNotLastOwner, requireStanding, type UserActor } from './access.js';
import { erasePresence, ownNames, type AccountDeps } from './accounts.js';
import { administration } from './administration.js';
import { record } from './audit.js';
import type { Client } from './client.js';
import type { Limiters } from './limits.js';
import { sendCredentialNotice, type NoticeDeps } from './mail.js';
import { VOID_WITH_PASSWORD, voidOneTimeTokens } from './one-time.js';
import {
  hashPassword,
  provePassword,
  requireGoodPassword,
  requireSoundPassword,
  type PasswordDeps,
} from './passwords.js';
import { endSessions } from './sessions.js';

export interface CredentialDeps extends AccountDeps, PasswordDeps, NoticeDeps {
  limiters: Limiters;
}

/**
 * Sets a new password after proving the current one; every other session ends, and this one too unless it is kept.
 * @throws {AuthError} BAD_USER_INPUT, WEAK_PASSWORD, RATE_LIMITED, INVALID_CREDENTIALS
 */
export async function changePassword(
  deps: CredentialDeps,
  actor: UserActor,
  current: string,
  next: string,
  keepSession: boolean,
  client: Client,
): Promise<Date> {
  requireSoundPassword('currentPassword', current);
  const before = await UserModel.query(deps.db).findById(actor.id).throwIfNotFound();
  requireGoodPassword(deps.config, 'newPassword', next, ownNames(before));
  const user = await provePassword(deps, actor, current, client);
  const passwordHash = await hashPassword(deps, next);
  return transaction(deps.db, async (unit) => {
    await requireStanding(unit.trx, actor);
    const changedAt = await replaceHash(unit, user, passwordHash);
    await voidOneTimeTokens(unit, user.id, VOID_WITH_PASSWORD);
    const except = keepSession ? { except: actor.sessionId } : {};
    await endSessions(deps.feed, unit, user.id, undefined, {
      reason: 'password_changed',
      actor: actor.id,
      client,
      ...except,
    });
    await record(unit.trx, client, {
      type: 'password.changed',
      actor: actor.id,
      subject: actor.id,
      details: { keptSession: keepSession },
    });
    await sendCredentialNotice(deps, unit, user, 'password_changed');
    return changedAt;
  });
}

/** Only over the hash that was proved: of two changes at once, one wins. */
async function replaceHash(
  unit: Unit,
  { id, passwordHash: proved }: UserModel,
  passwordHash: string,
): Promise<Date> {
  const now = unit.trx.raw('now()') as unknown as Date;
  const [changed] = await UserModel.query(unit.trx)
    .where({ id, passwordHash: proved })
    .patch({ passwordHash, passwordChangedAt: now, updatedAt: now })
    .returning('passwordChangedAt');
  if (!changed?.passwordChangedAt) throw new AuthError('INVALID_CREDENTIALS');
  return changed.passwordChangedAt;
}

/** Deletes one's own account after proving the password. @throws {AuthError} RATE_LIMITED, INVALID_CREDENTIALS, CONFLICT for the last owner */
export async function deleteOwnAccount(
  deps: CredentialDeps,
  actor: UserActor,
  password: string,
  client: Client,
): Promise<void> {
  requireSoundPassword('password', password);
  await provePassword(deps, actor, password, client);
  await administration(deps.db, async (unit) => {
    await lockAdministration(unit.trx);
    await requireStanding(unit.trx, actor);
    await requireNotLastOwner(unit.trx, actor.id);
    const user = await UserModel.query(unit.trx).findById(actor.id).forUpdate().throwIfNotFound();
    await erasePresence(deps, unit, actor, user, client);
  });
}
