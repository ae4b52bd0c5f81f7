import { UserModel } from '../db/models/user.js';
import { transaction, type Unit } from '../db/transaction.js';
import { AuthError } from '../errors.js';
import { lockAdministration, requireNotLastOwner, requireStanding, type UserActor } from './access.js';
import { erasePresence, type AccountDeps } from './accounts.js';
import { record } from './audit.js';
import type { Client } from './client.js';
import type { Limiters } from './limits.js';
import {
  checkPassword,
  hashPassword,
  requireGoodPassword,
  requireSoundPassword,
  type PasswordDeps,
} from './passwords.js';
import { endSessions } from './sessions.js';

export interface CredentialDeps extends AccountDeps, PasswordDeps {
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
  requireGoodPassword(deps.config, 'newPassword', next, [
    before.username,
    before.email,
    before.firstName,
    before.middleName,
    before.lastName,
  ]);
  const user = await prove(deps, actor, current, client);
  const passwordHash = await hashPassword(deps, next);
  return transaction(deps.db, async (unit) => {
    await requireStanding(unit.trx, actor);
    const changed = await replaceHash(unit, user, passwordHash);
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
    return changed.passwordChangedAt;
  });
}

/** Only over the hash that was proved: of two changes at once, one wins. */
async function replaceHash(
  unit: Unit,
  { id, passwordHash: proved }: UserModel,
  passwordHash: string,
): Promise<UserModel> {
  const now = unit.trx.raw('now()') as unknown as Date;
  const changed = await UserModel.query(unit.trx)
    .where({ id, passwordHash: proved })
    .patch({ passwordHash, passwordChangedAt: now, updatedAt: now });
  if (changed === 0) throw new AuthError('INVALID_CREDENTIALS');
  return UserModel.query(unit.trx).findById(id).throwIfNotFound();
}

/** Deletes one's own account after proving the password. @throws {AuthError} RATE_LIMITED, INVALID_CREDENTIALS, CONFLICT for the last owner */
export async function deleteOwnAccount(
  deps: CredentialDeps,
  actor: UserActor,
  password: string,
  client: Client,
): Promise<void> {
  requireSoundPassword('password', password);
  await prove(deps, actor, password, client);
  await transaction(deps.db, async (unit) => {
    await lockAdministration(unit.trx);
    await requireStanding(unit.trx, actor);
    await requireNotLastOwner(unit.trx, actor.id);
    const user = await UserModel.query(unit.trx).findById(actor.id).forUpdate().throwIfNotFound();
    await erasePresence(deps, unit, actor, user, client);
  });
}

/** Draws on the same budget as signing in, so that a stolen access token is no way to guess a password. */
async function prove(
  deps: CredentialDeps,
  actor: UserActor,
  password: string,
  client: Client,
): Promise<UserModel> {
  const user = await UserModel.query(deps.db).findById(actor.id).throwIfNotFound();
  if (await checkPassword(deps, user.emailKey, password, user.passwordHash)) return user;
  await record(deps.db, client, {
    type: 'password.refused',
    outcome: 'FAILURE',
    actor: actor.id,
    subject: actor.id,
    details: { reason: 'credentials' },
  });
  throw new AuthError('INVALID_CREDENTIALS');
}
