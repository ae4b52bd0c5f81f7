import { PasskeyModel } from '../db/models/passkey.js';
import { transaction, type Unit } from '../db/transaction.js';
import { AuthError } from '../errors.js';
import type { UserActor } from './access.js';
import { raiseVersion } from './accounts.js';
import { record } from './audit.js';
import type { Client } from './client.js';
import { isId } from './ids.js';
import { endOthers, hold, holdProved, prove, raiseSession, type MfaDeps } from './mfa.js';
import { issueChallenge, type Purpose } from './passkeys/challenge.js';
import { judge, keepUse, recordFault, type Act } from './passkeys/judge.js';
import { noteChange, passkeysOf, readName, requireFreshFactor } from './passkeys/own.js';
import { readAssertion, type Assertion } from './passkeys/response.js';
import { describePasskey, library, requestOptions, type PasskeyOptions } from './passkeys/webauthn.js';
import { PASSKEY_METHODS, passkeyMethods, withdrawMethods, type Tokens } from './sessions.js';

export type { PasskeyModel as StoredPasskey } from '../db/models/passkey.js';
export { issueChallenge, purgePasskeyChallenges } from './passkeys/challenge.js';
export { pretendPasskeys } from './passkeys/decoy.js';
export { judge, keepUse, recordFault, type Fault } from './passkeys/judge.js';
export { passkeysOf, requireFreshFactor } from './passkeys/own.js';
export { passkeyRegistrationOptions, registerPasskey } from './passkeys/register.js';
export { readAssertion } from './passkeys/response.js';
export { describePasskey, requestOptions, type PasskeyOptions } from './passkeys/webauthn.js';

/** Where there are passkeys, loads what reads them before anybody waits for it. */
export async function preparePasskeys({ db }: Pick<MfaDeps, 'db'>): Promise<void> {
  if (await PasskeyModel.query(db).first().select('id')) await library();
}

/** Calls one of the actor's passkeys something else. @throws {AuthError} BAD_USER_INPUT, NOT_FOUND */
export async function renamePasskey(
  deps: MfaDeps,
  actor: UserActor,
  id: string,
  givenName: string,
  client: Client,
): Promise<PasskeyModel> {
  const name = readName(givenName);
  return transaction(deps.db, async (unit) => {
    await hold(unit, actor);
    const passkey = await requireOwn(unit, actor, id);
    const details = { passkey: passkey.id };
    await record(unit.trx, client, { type: 'passkey.renamed', actor: actor.id, subject: actor.id, details });
    return passkey.$query(unit.trx).patchAndFetch({ name });
  });
}

async function requireOwn(unit: Unit, actor: UserActor, id: string): Promise<PasskeyModel> {
  const found = isId(id) ? await PasskeyModel.query(unit.trx).findOne({ id, userId: actor.id }) : undefined;
  if (!found) throw new AuthError('NOT_FOUND');
  return found;
}

/**
 * Removes one of the actor's passkeys; every other session ends. With the last one this session has proved the password,
 * and what else it proved beside a passkey.
 * @throws {AuthError} BAD_USER_INPUT, RATE_LIMITED, INVALID_CREDENTIALS, INSUFFICIENT_AAL, NOT_FOUND
 */
export async function removePasskey(
  deps: MfaDeps,
  actor: UserActor,
  id: string,
  password: string,
  client: Client,
): Promise<void> {
  const user = await prove(deps, actor, password, client);
  await transaction(deps.db, async (unit) => {
    await holdProved(unit, actor, user);
    const passkey = await requireOwn(unit, actor, id);
    await requireFreshFactor(unit, actor);
    await PasskeyModel.query(unit.trx).deleteById(passkey.id);
    await endOthers(deps, unit, actor, client);
    const left = await passkeysOf(unit.trx, user.id);
    if (left.length === 0) await withdrawMethods(unit, actor.sessionId, PASSKEY_METHODS, ['pwd']);
    await raiseVersion(deps, unit, user.id, {});
    await noteChange(deps, unit, user, 'removed', passkey.id, client);
  });
}

/** Where a passkey is asked for, of a caller who has proved to be let in so far. */
interface Asked {
  purpose: Purpose;
  /** The session or the waiting sign-in that alone can bring the answer. */
  boundTo: string;
}

/** Asks for one of an account's passkeys. @throws {AuthError} CONFLICT when it has none */
export async function askForPasskey(
  deps: Pick<MfaDeps, 'db' | 'config'>,
  userId: string,
  asked: Asked,
): Promise<PasskeyOptions> {
  const passkeys = await passkeysOf(deps.db, userId);
  if (passkeys.length === 0) throw new AuthError('CONFLICT', { message: 'This account has no passkey.' });
  const challenge = await issueChallenge(deps.db, { ...asked, userId });
  return requestOptions(deps.config, challenge, passkeys.map(describePasskey));
}

/**
 * Whether the use of a passkey proves what was asked of the account; taken or refused, on record. In a transaction that
 * holds the account.
 * @returns the methods by which a session is known from then on
 */
export async function provePasskey(
  { config }: Pick<MfaDeps, 'config'>,
  unit: Unit,
  assertion: Assertion,
  { purpose, boundTo, act }: Asked & { act: Act },
  client: Client,
): Promise<readonly string[] | undefined> {
  const verdict = await judge(unit.trx, config, assertion, purpose, boundTo);
  if ('fault' in verdict) {
    await recordFault(unit.trx, verdict, act, client);
    return undefined;
  }
  const { passkey, use } = verdict;
  if (await keepUse(unit, passkey, use, act, client)) return passkeyMethods(passkey.deviceType);
  await recordFault(unit.trx, { fault: 'counter', userId: passkey.userId }, act, client);
  return undefined;
}

const stepUp = ({ sessionId }: UserActor) => ({ purpose: 'step-up', boundTo: sessionId }) as const;

/** Asks for a passkey to raise the actor's session by. @throws {AuthError} CONFLICT without one */
export const passkeyStepUpOptions = (deps: MfaDeps, actor: UserActor): Promise<PasskeyOptions> =>
  askForPasskey(deps, actor.id, stepUp(actor));

/**
 * Raises the actor's session to aal 2 by a passkey, and hands out its tokens anew.
 * @throws {AuthError} BAD_USER_INPUT, RATE_LIMITED, MFA_CODE_INVALID
 */
export async function stepUpWithPasskey(
  deps: MfaDeps,
  actor: UserActor,
  response: unknown,
  client: Client,
): Promise<Tokens> {
  const assertion = readAssertion(response);
  const asked = { ...stepUp(actor), act: 'step_up' } as const;
  return raiseSession(deps, actor, client, (unit) => provePasskey(deps, unit, assertion, asked, client));
}
