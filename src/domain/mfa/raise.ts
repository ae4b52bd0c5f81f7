import { UserModel } from '../../db/models/user.js';
import type { Unit } from '../../db/transaction.js';
import type { UserActor } from '../access.js';
import { record } from '../audit.js';
import type { Client } from '../client.js';
import { trialInSession } from '../secret-checks.js';
import { completeTokens, raiseAssurance, reissue, type Tokens } from '../sessions.js';
import { refuseCode, tryCode } from './code.js';
import type { MfaDeps } from './deps.js';
import { hold } from './hold.js';

/**
 * Raises the actor's session to aal 2 by what `check` finds proved, and hands out its tokens anew.
 * @param check answers the methods by which the session is known from then on, or undefined for a wrong proof
 * @throws {AuthError} RATE_LIMITED, MFA_CODE_INVALID, and what `check` throws
 */
export async function raiseSession(
  deps: MfaDeps,
  actor: UserActor,
  client: Client,
  check: (unit: Unit, user: UserModel) => Promise<readonly string[] | undefined>,
): Promise<Tokens> {
  const account = await UserModel.query(deps.db).findById(actor.id).throwIfNotFound();
  const trial = await trialInSession(deps.db, account, actor.sessionId, client);
  const opened = await tryCode(deps, trial, async (unit) => {
    const user = await hold(unit, actor);
    const methods = await check(unit, user);
    if (!methods) return refuseCode(unit, user.id, 'step_up', client);
    const session = await raiseAssurance(unit, actor.sessionId, methods);
    await record(unit.trx, client, {
      type: 'session.stepped_up',
      actor: user.id,
      subject: user.id,
      details: { session: session.id, amr: session.amr },
    });
    return reissue(unit, session, user);
  });
  return completeTokens(deps, opened);
}
