import { PasskeyModel } from '../db/models/passkey.js';
import { UserModel } from '../db/models/user.js';
import { transaction, type Unit } from '../db/transaction.js';
import type { UserActor } from './access.js';
import { manage, raiseVersion, requireExisting } from './accounts.js';
import { record, type EventType } from './audit.js';
import type { Client } from './client.js';
import { refuseCode, requireCodeMethod, spendCode, tryCode, type GivenCode } from './mfa/code.js';
import { voidChallenges } from './mfa/challenge.js';
import type { MfaDeps } from './mfa/deps.js';
import { confirmFactor, proposeFactor, removeFactor, requireFactor } from './mfa/factor.js';
import { endOthers, hold, holdProved, prove } from './mfa/hold.js';
import { qrCode } from './mfa/qr-code.js';
import { raiseSession } from './mfa/raise.js';
import { issueRecoveryCodes, removeRecoveryCodes } from './mfa/recovery-codes.js';
import { base32, newSeed, otpauthUri } from './mfa/totp.js';
import { sendCredentialNotice } from './mail.js';
import { trialInSession } from './secret-checks.js';
import {
  endSessions,
  raiseAssurance,
  requireFreshAssurance,
  SECOND_FACTOR,
  TOTP_METHODS,
  withdrawMethods,
  type Tokens,
} from './sessions.js';

export {
  closeChallenge,
  countTry,
  findChallenge,
  openChallenge,
  purgeChallenges,
  voidChallenges,
  type Challenge,
  type StoredChallenge,
} from './mfa/challenge.js';
export {
  refuseCode,
  requireCodeMethod,
  spendCode,
  tryCode,
  type GivenCode,
  type Refused,
} from './mfa/code.js';
export type { MfaDeps } from './mfa/deps.js';
export { hasFactor } from './mfa/factor.js';
export { withdrawFactorsSince } from './mfa/withdraw.js';
export { endOthers, hold, holdProved, prove } from './mfa/hold.js';
export { raiseSession } from './mfa/raise.js';

/** What a person needs to set up an authenticator app; shown once. */
export interface Enrollment {
  secret: string;
  otpauthUri: string;
  qrCode: string;
}

/**
 * Proposes an authenticator app, which asks for nothing until {@link confirmTotp}; an earlier proposal is replaced.
 * @throws {AuthError} BAD_USER_INPUT, RATE_LIMITED, INVALID_CREDENTIALS, CONFLICT when there is one already
 */
export async function enrollTotp(
  deps: MfaDeps,
  actor: UserActor,
  password: string,
  client: Client,
): Promise<Enrollment> {
  const user = await prove(deps, actor, password, client);
  const seed = newSeed();
  await transaction(deps.db, async (unit) => {
    await holdProved(unit, actor, user);
    await proposeFactor(deps, unit, user.id, seed);
    await note(unit, 'mfa.enrolled', actor, client);
  });
  const uri = otpauthUri(deps.config.mfa.issuer, user.email, seed);
  return { secret: base32(seed), otpauthUri: uri, qrCode: qrCode(uri) };
}

/**
 * Confirms the proposed app by its first code: from now on signing in asks for one. This session has proved both factors;
 * every other one ends.
 * @returns the recovery codes, to be shown this once
 * @throws {AuthError} RATE_LIMITED, MFA_CODE_INVALID, CONFLICT when nothing waits for confirmation
 */
export async function confirmTotp(
  deps: MfaDeps,
  actor: UserActor,
  code: string,
  client: Client,
): Promise<string[]> {
  const trial = await trialInSession(deps.db, await accountOf(deps, actor), actor.sessionId, client);
  return tryCode(deps, trial, async (unit) => {
    const user = await hold(unit, actor);
    if (!(await confirmFactor(deps, unit, actor.id, code)))
      return refuseCode(unit, actor.id, 'confirm', client);
    const codes = await issueRecoveryCodes(unit, actor.id);
    await endOthers(deps, unit, actor, client);
    await raiseAssurance(unit, actor.sessionId, SECOND_FACTOR);
    await raiseVersion(deps, unit, actor.id, {});
    await note(unit, 'mfa.confirmed', actor, client);
    await sendCredentialNotice(deps, unit, user, 'mfa_enabled');
    return codes;
  });
}

/**
 * Removes the second factor, proved once more, from a session that proved it lately. Every other session ends, and this
 * one has proved what it proved besides: a password, and a passkey if it did. Passkeys stay.
 * @throws {AuthError} BAD_USER_INPUT, RATE_LIMITED, INVALID_CREDENTIALS, MFA_CODE_INVALID, INSUFFICIENT_AAL, CONFLICT when there is none
 */
export async function disableMfa(
  deps: MfaDeps,
  actor: UserActor,
  password: string,
  code: string,
  client: Client,
): Promise<void> {
  const user = await prove(deps, actor, password, client);
  const trial = await trialInSession(deps.db, user, actor.sessionId, client);
  await tryCode(deps, trial, async (unit) => {
    await holdProved(unit, actor, user);
    await requireFactor(unit.trx, user.id);
    await requireFreshAssurance(unit, actor);
    if (!(await spendCode(deps, unit, user.id, { code }, client)))
      return refuseCode(unit, user.id, 'disable', client);
    await removeFactors(unit, user.id);
    await endOthers(deps, unit, actor, client);
    await withdrawMethods(unit, actor.sessionId, TOTP_METHODS);
    await raiseVersion(deps, unit, actor.id, {});
    await note(unit, 'mfa.disabled', actor, client);
    await sendCredentialNotice(deps, unit, user, 'mfa_disabled');
    return {};
  });
}

/**
 * Gives new recovery codes, from a session that proved both factors lately; the earlier codes are void and every other
 * session ends.
 * @throws {AuthError} BAD_USER_INPUT, RATE_LIMITED, INVALID_CREDENTIALS, INSUFFICIENT_AAL, CONFLICT without a second factor
 */
export async function regenerateRecoveryCodes(
  deps: MfaDeps,
  actor: UserActor,
  password: string,
  client: Client,
): Promise<string[]> {
  const user = await prove(deps, actor, password, client);
  return transaction(deps.db, async (unit) => {
    await holdProved(unit, actor, user);
    await requireFactor(unit.trx, user.id);
    await requireFreshAssurance(unit, actor);
    const codes = await issueRecoveryCodes(unit, user.id);
    await endOthers(deps, unit, actor, client);
    await note(unit, 'recovery_codes.regenerated', actor, client);
    await sendCredentialNotice(deps, unit, user, 'recovery_codes_replaced');
    return codes;
  });
}

/**
 * Raises the actor's session to aal 2 by a code, and hands out its tokens anew.
 * @throws {AuthError} BAD_USER_INPUT, RATE_LIMITED, MFA_CODE_INVALID, CONFLICT without a second factor
 */
export async function stepUp(
  deps: MfaDeps,
  actor: UserActor,
  given: GivenCode,
  client: Client,
): Promise<Tokens> {
  requireCodeMethod(given);
  return raiseSession(deps, actor, client, async (unit, user) => {
    await requireFactor(unit.trx, user.id);
    return (await spendCode(deps, unit, user.id, given, client)) ? SECOND_FACTOR : undefined;
  });
}

/**
 * Takes an account's second factor and passkeys off, for who has lost them: they, codes and open challenges go and every
 * session ends.
 * What has none is left as it is.
 * @throws {AuthError} NOT_FOUND, FORBIDDEN, CONFLICT for a deleted account
 */
export async function resetMfa(
  deps: MfaDeps,
  actor: UserActor,
  userId: string,
  client: Client,
): Promise<UserModel> {
  return manage(deps, actor, userId, async (unit, target) => {
    requireExisting(target, 'userId');
    const passkeys = await PasskeyModel.query(unit.trx).where({ userId: target.id }).delete();
    if (!(await removeFactors(unit, target.id)) && passkeys === 0) return target;
    await endSessions(deps.feed, unit, target.id, undefined, {
      reason: 'factors_changed',
      actor: actor.id,
      client,
    });
    await record(unit.trx, client, { type: 'mfa.reset', actor: actor.id, subject: target.id });
    await sendCredentialNotice(deps, unit, target, 'mfa_reset');
    return raiseVersion(deps, unit, target.id, {});
  });
}

const accountOf = (deps: MfaDeps, actor: UserActor) =>
  UserModel.query(deps.db).findById(actor.id).throwIfNotFound();

/** @returns whether there was anything to remove */
async function removeFactors(unit: Unit, userId: string): Promise<boolean> {
  const factors = await removeFactor(unit, userId);
  const codes = await removeRecoveryCodes(unit, userId);
  await voidChallenges(unit, userId);
  return factors + codes > 0;
}

async function note(unit: Unit, type: EventType, actor: UserActor, client: Client): Promise<void> {
  await record(unit.trx, client, { type, actor: actor.id, subject: actor.id });
}
