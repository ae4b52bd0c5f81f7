import type { Knex } from 'knex';
import { PasskeyModel } from '../../db/models/passkey.js';
import type { WebauthnChallengeModel } from '../../db/models/webauthn-challenge.js';
import type { Config } from '../../config.js';
import type { Unit } from '../../db/transaction.js';
import { record } from '../audit.js';
import type { Client } from '../client.js';
import { spendChallenge, type Purpose } from './challenge.js';
import { DECOY } from './decoy.js';
import type { Assertion } from './response.js';
import { handleOf, isOurs, verifyUse, type Use } from './webauthn.js';

/**
 * What is wrong with an answer: its challenge is unknown, spent, too old or another's; a page that is not ours asked; the
 * passkey is not one that may answer; signature, RP ID or verification of the user; or a counter that does not go up.
 */
export type Fault = 'challenge' | 'origin' | 'credential' | 'proof' | 'counter';

/** What an answer amounts to. */
export type Verdict = { passkey: PasskeyModel; use: Use } | { fault: Fault; userId?: string };

/** What is to be opened by an answer. */
export type Act = 'register' | 'sign_in' | 'second_factor' | 'step_up';

/** Looks at the use of a passkey, once: the challenge is spent by that, whatever comes of it. */
export async function judge(
  db: Knex,
  config: Config,
  given: Assertion,
  purpose: Purpose,
  boundTo?: string,
): Promise<Verdict> {
  const challenge = await spendChallenge(db, given.client.challenge, purpose, boundTo);
  const passkey = await PasskeyModel.query(db).findOne({ credentialId: Buffer.from(given.id, 'base64url') });
  const use = await verifyUse(config, given, passkey ?? DECOY);
  const fault = faultOf(config, given, challenge, passkey, use);
  if (fault !== undefined || !passkey || !use)
    return { fault: fault ?? 'credential', ...(passkey && { userId: passkey.userId }) };
  return { passkey, use };
}

function faultOf(
  config: Config,
  given: Assertion,
  challenge: WebauthnChallengeModel | undefined,
  passkey: PasskeyModel | undefined,
  use: Use | undefined,
): Fault | undefined {
  if (!challenge) return 'challenge';
  if (!passkey || !mayAnswer(given, challenge, passkey)) return 'credential';
  if (!isOurs(config, given.client)) return 'origin';
  if (!use) return 'proof';
  return goesUp(passkey.counter, use.counter) ? undefined : 'counter';
}

/** Whoever is not named beforehand is named by what the authenticator keeps beside the key (WebAuthn §7.2, step 6). */
function mayAnswer(given: Assertion, challenge: WebauthnChallengeModel, { userId }: PasskeyModel): boolean {
  const { userHandle } = given.response;
  const isNamed =
    typeof userHandle === 'string' && Buffer.from(userHandle, 'base64url').equals(handleOf(userId));
  if (challenge.discoverable) return isNamed;
  return challenge.userId === userId && (isNamed || !userHandle);
}

/** Authenticators that count nothing say zero each time (WebAuthn §6.1.1). */
const goesUp = (before: number, now: number): boolean => now > before || (now === 0 && before === 0);

/** Keeps the use of a passkey on record. @returns whether it is there still, and no other use of it came before */
export async function keepUse(
  unit: Unit,
  { id, userId }: PasskeyModel,
  { counter, backedUp }: Use,
  act: Act,
  client: Client,
): Promise<boolean> {
  const kept = await PasskeyModel.query(unit.trx)
    .findById(id)
    .whereRaw('(counter < ? or (counter = 0 and ? = 0))', [counter, counter])
    .patch({ counter, backedUp, lastUsedAt: unit.trx.raw('now()') });
  if (kept === 0) return false;
  const details = { passkey: id, act };
  await record(unit.trx, client, { type: 'passkey.used', actor: userId, subject: userId, details });
  return true;
}

/** Puts a passkey that was not taken on record. @param userId whose it is, where that is known */
export async function recordFault(
  db: Knex,
  { fault, userId }: { fault: Fault; userId?: string | undefined },
  act: Act,
  client: Client,
): Promise<void> {
  await record(db, client, {
    type: 'passkey.refused',
    outcome: 'FAILURE',
    ...(userId === undefined ? {} : { subject: userId }),
    details: { reason: fault, act },
  });
}
