import { UserModel } from '../../db/models/user.js';
import type { Unit } from '../../db/transaction.js';
import { AuthError } from '../../errors.js';
import type { Client } from '../client.js';
import {
  closeChallenge,
  countTry,
  findChallenge,
  refuseCode,
  requireCodeMethod,
  spendCode,
  tryCode,
  type GivenCode,
  type Refused,
  type StoredChallenge,
} from '../mfa.js';
import { completeTokens, SECOND_FACTOR, type Opened, type Tokens } from '../sessions.js';
import type { SignInDeps } from './deps.js';
import { open } from './open.js';
import { requireActive } from './refusal.js';

/**
 * Finishes a sign-in that waits for the second factor. Each try is counted before its code is looked at; the fifth wrong
 * one ends the challenge.
 * @throws {AuthError} BAD_USER_INPUT, RATE_LIMITED, MFA_CODE_INVALID, MFA_CHALLENGE_EXPIRED, ACCOUNT_DELETED, ACCOUNT_SUSPENDED
 */
export async function verifyMfa(
  deps: SignInDeps,
  { challengeToken, ...given }: GivenCode & { challengeToken: string },
  client: Client,
): Promise<Tokens> {
  requireCodeMethod(given);
  const challenge = await findChallenge(deps.db, challengeToken);
  const user = challenge && (await UserModel.query(deps.db).findById(challenge.userId));
  if (!user) throw new AuthError('MFA_CHALLENGE_EXPIRED');
  await requireActive(deps, client, user);
  const opened = await tryCode(deps, user.emailKey, (unit) => meet(deps, unit, challenge, given, client));
  return completeTokens(deps, opened);
}

async function meet(
  deps: SignInDeps,
  unit: Unit,
  challenge: StoredChallenge,
  given: GivenCode,
  client: Client,
): Promise<Opened | Refused> {
  const user = await UserModel.query(unit.trx)
    .findById(challenge.userId)
    .whereNull('deletedAt')
    .whereNull('suspendedAt')
    .forNoKeyUpdate();
  if (!user || !(await countTry(unit, challenge, user))) return { refused: 'MFA_CHALLENGE_EXPIRED' };
  if (!(await spendCode(deps, unit, user.id, given, client)))
    return refuseCode(unit, user.id, 'sign_in', client);
  await closeChallenge(unit, challenge);
  return open(deps, unit, user, {}, client, ['pwd', ...SECOND_FACTOR]);
}
