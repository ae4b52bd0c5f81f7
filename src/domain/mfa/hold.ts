import { UserModel } from '../../db/models/user.js';
import type { Unit } from '../../db/transaction.js';
import { AuthError } from '../../errors.js';
import { requireStanding, type UserActor } from '../access.js';
import type { Client } from '../client.js';
import { provePassword, requireSoundPassword } from '../passwords.js';
import { endSessions } from '../sessions.js';
import type { MfaDeps } from './deps.js';

/** The actor's account, once its password is proved. @throws {AuthError} BAD_USER_INPUT, RATE_LIMITED, INVALID_CREDENTIALS */
export async function prove(
  deps: MfaDeps,
  actor: UserActor,
  password: string,
  client: Client,
): Promise<UserModel> {
  requireSoundPassword('password', password);
  return provePassword(deps, actor, password, client);
}

/** The actor's account, held until the transaction ends: factors change one at a time, and never beside a sign-in. */
export async function hold(unit: Unit, actor: UserActor): Promise<UserModel> {
  const user = await UserModel.query(unit.trx).findById(actor.id).forNoKeyUpdate().throwIfNotFound();
  await requireStanding(unit.trx, actor);
  return user;
}

/** {@link hold}, while the password is the one that was proved. @throws {AuthError} INVALID_CREDENTIALS */
export async function holdProved(unit: Unit, actor: UserActor, proved: UserModel): Promise<void> {
  const user = await hold(unit, actor);
  if (user.passwordHash !== proved.passwordHash) throw new AuthError('INVALID_CREDENTIALS');
}

/** Factors have changed: only the session that changed them goes on. */
export async function endOthers(deps: MfaDeps, unit: Unit, actor: UserActor, client: Client): Promise<void> {
  await endSessions(deps.feed, unit, actor.id, undefined, {
    reason: 'factors_changed',
    actor: actor.id,
    client,
    except: actor.sessionId,
  });
}
