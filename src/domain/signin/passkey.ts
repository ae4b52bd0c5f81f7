import { UserModel } from '../../db/models/user.js';
import { transaction, type Unit } from '../../db/transaction.js';
import { AuthError } from '../../errors.js';
import { findByLogin, lookupKey } from '../accounts.js';
import type { Client } from '../client.js';
import { NO_ID } from '../ids.js';
import {
  describePasskey,
  issueChallenge,
  judge,
  keepUse,
  passkeysOf,
  pretendPasskeys,
  readAssertion,
  recordFault,
  requestOptions,
  type Fault,
  type PasskeyOptions,
} from '../passkeys.js';
import { completeTokens, passkeyMethods, type Tokens } from '../sessions.js';
import type { SignInDeps } from './deps.js';
import { awaitsVerification, deviceOf, requireSoundLogin } from './entry.js';
import { open } from './open.js';
import { refuse, requireActive } from './refusal.js';

/**
 * Asks for a passkey to sign in with: one of the account's, or without a login any that the device knows. Whether there is
 * such an account, and whether it has a passkey, cannot be told from the answer.
 * @throws {AuthError} BAD_USER_INPUT
 */
export async function passkeySignInOptions(
  { db, config }: SignInDeps,
  login: string | null | undefined,
): Promise<PasskeyOptions> {
  const purpose = 'sign-in';
  if (typeof login !== 'string')
    return requestOptions(config, await issueChallenge(db, { purpose, userId: null, discoverable: true }));
  requireSoundLogin(login);
  const user = await findByLogin(db, login);
  const passkeys = await passkeysOf(db, user?.id ?? NO_ID);
  const challenge = await issueChallenge(db, { purpose, userId: passkeys[0]?.userId ?? null });
  const shown = passkeys.map(describePasskey);
  const pretended = pretendPasskeys(config.encryptionKeys, lookupKey(login));
  return requestOptions(config, challenge, shown.length > 0 ? shown : pretended);
}

/**
 * Signs in by a passkey alone, which is both factors at once: the device, and that it has verified its user. The account's
 * budget of secret checks has no part in it, as a signature cannot be guessed.
 * @throws {AuthError} BAD_USER_INPUT, INVALID_CREDENTIALS, ACCOUNT_DELETED, ACCOUNT_SUSPENDED, EMAIL_NOT_VERIFIED
 * @see test/attack/passkeys.test.ts
 */
export async function signInWithPasskey(
  deps: SignInDeps,
  response: unknown,
  deviceToken: string | null | undefined,
  client: Client,
): Promise<Tokens> {
  const verdict = await judge(deps.db, deps.config, readAssertion(response), 'sign-in');
  if ('fault' in verdict) return refuseProof(deps, client, verdict);
  const { passkey, use } = verdict;
  const user = await UserModel.query(deps.db).findById(passkey.userId).throwIfNotFound();
  await requireActive(deps, client, user);
  if (await awaitsVerification(deps, user)) throw new AuthError('EMAIL_NOT_VERIFIED');
  const opened = await transaction(deps.db, async (unit) => {
    const held = await holdActive(unit, user.id);
    if (!held || !(await keepUse(unit, passkey, use, 'sign_in', client))) return undefined;
    const methods = [...passkeyMethods(passkey.deviceType)];
    const device = await deviceOf(deps, unit.trx, held, deviceToken);
    return open(deps, unit, held.id, client, methods, device?.id);
  });
  // Between the look and the hold: the account or the passkey went, or another use of it came first.
  if (!opened) return refuse(deps, client, user, 'changed meanwhile', new AuthError('INVALID_CREDENTIALS'));
  return completeTokens(deps, opened);
}

/** The account, held until the transaction ends; undefined once it may not be used. */
async function holdActive({ trx }: Unit, id: string): Promise<UserModel | undefined> {
  return UserModel.query(trx).findById(id).whereNull('deletedAt').whereNull('suspendedAt').forNoKeyUpdate();
}

/** One answer for all that can be wrong; what it was is told to the record alone. */
async function refuseProof(
  deps: SignInDeps,
  client: Client,
  about: { fault: Fault; userId?: string },
): Promise<never> {
  await recordFault(deps.db, about, 'sign_in', client);
  const user = about.userId === undefined ? undefined : { id: about.userId };
  return refuse(deps, client, user, 'passkey', new AuthError('INVALID_CREDENTIALS'));
}
