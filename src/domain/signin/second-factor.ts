import type { Knex } from 'knex';
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
import { askForPasskey, provePasskey, readAssertion, type PasskeyOptions } from '../passkeys.js';
import { completeTokens, SECOND_FACTOR, type Opened, type Tokens } from '../sessions.js';
import type { SignInDeps } from './deps.js';
import { deviceOf } from './entry.js';
import { open } from './open.js';
import { requireActive } from './refusal.js';

/** Which sign-in is to be finished, and on which device. */
interface Waiting {
  challengeToken: string;
  deviceToken?: string | null | undefined;
}

/**
 * Finishes a sign-in that waits for the second factor. Each try is counted before its code is looked at; the fifth wrong
 * one ends the challenge.
 * @throws {AuthError} BAD_USER_INPUT, RATE_LIMITED, MFA_CODE_INVALID, MFA_CHALLENGE_EXPIRED, ACCOUNT_DELETED, ACCOUNT_SUSPENDED
 */
export async function verifyMfa(
  deps: SignInDeps,
  { challengeToken, deviceToken, ...given }: GivenCode & Waiting,
  client: Client,
): Promise<Tokens> {
  requireCodeMethod(given);
  return finish(deps, { challengeToken, deviceToken }, client, async (unit, { id }) =>
    (await spendCode(deps, unit, id, given, client)) ? SECOND_FACTOR : undefined,
  );
}

/**
 * Asks for a passkey to finish a sign-in with that waits for the second factor.
 * @throws {AuthError} MFA_CHALLENGE_EXPIRED, CONFLICT when the account has no passkey
 */
export async function passkeyChallengeOptions(
  deps: SignInDeps,
  challengeToken: string,
): Promise<PasskeyOptions> {
  const { challenge, user } = await findWaiting(deps.db, challengeToken);
  return askForPasskey(deps, user.id, passkeyOf(challenge));
}

const passkeyOf = ({ id }: StoredChallenge) => ({ purpose: 'second-factor', boundTo: id }) as const;

/** {@link verifyMfa}, by a passkey. @throws {AuthError} as that does */
export async function verifyMfaWithPasskey(
  deps: SignInDeps,
  waiting: Waiting,
  response: unknown,
  client: Client,
): Promise<Tokens> {
  const assertion = readAssertion(response);
  return finish(deps, waiting, client, (unit, _user, challenge) =>
    provePasskey(deps, unit, assertion, { ...passkeyOf(challenge), act: 'second_factor' }, client),
  );
}

/** Answers the methods by which the session is known, or undefined for a wrong proof. */
type Check = (
  unit: Unit,
  user: UserModel,
  challenge: StoredChallenge,
) => Promise<readonly string[] | undefined>;

async function finish(
  deps: SignInDeps,
  { challengeToken, deviceToken }: Waiting,
  client: Client,
  check: Check,
): Promise<Tokens> {
  const { challenge, user } = await findWaiting(deps.db, challengeToken);
  await requireActive(deps, client, user);
  const from = await deviceOf(deps, deps.db, user, deviceToken);
  const opened = await tryCode(deps, { account: user.emailKey, from, client }, (unit) =>
    meet(deps, unit, challenge, from?.id, client, check),
  );
  return completeTokens(deps, opened);
}

/** The sign-in that a token speaks of, and whose it is. @throws {AuthError} MFA_CHALLENGE_EXPIRED */
async function findWaiting(
  db: Knex,
  challengeToken: string,
): Promise<{ challenge: StoredChallenge; user: UserModel }> {
  const challenge = await findChallenge(db, challengeToken);
  const user = challenge && (await UserModel.query(db).findById(challenge.userId));
  if (!user) throw new AuthError('MFA_CHALLENGE_EXPIRED');
  return { challenge, user };
}

async function meet(
  deps: SignInDeps,
  unit: Unit,
  challenge: StoredChallenge,
  deviceId: string | undefined,
  client: Client,
  check: Check,
): Promise<Opened | Refused> {
  const user = await UserModel.query(unit.trx)
    .findById(challenge.userId)
    .whereNull('deletedAt')
    .whereNull('suspendedAt')
    .forNoKeyUpdate();
  if (!user || !(await countTry(unit, challenge, user))) return { refused: 'MFA_CHALLENGE_EXPIRED' };
  const methods = await check(unit, user, challenge);
  if (!methods) return refuseCode(unit, user.id, 'sign_in', client);
  await closeChallenge(unit, challenge);
  return open(deps, unit, user.id, client, ['pwd', ...methods], deviceId);
}
