import { PasskeyModel } from '../../db/models/passkey.js';
import { transaction, type Unit } from '../../db/transaction.js';
import { AuthError } from '../../errors.js';
import type { UserActor } from '../access.js';
import { raiseVersion } from '../accounts.js';
import type { Client } from '../client.js';
import { newId } from '../ids.js';
import { endOthers, hold, holdProved, prove, type MfaDeps } from '../mfa.js';
import { passkeyMethods, raiseAssurance } from '../sessions.js';
import { issueChallenge, spendChallenge } from './challenge.js';
import { recordFault } from './judge.js';
import { noteChange, passkeysOf, readName, requireFreshFactor } from './own.js';
import { badResponse, readAttestation, type Attestation } from './response.js';
import { creationOptions, isOurs, verifyCreation, type NewPasskey, type PasskeyOptions } from './webauthn.js';

/** More than anybody has devices; each is one more way in. */
const MOST_PASSKEYS = 20;

/**
 * Asks the browser for a new passkey of the account, which this session alone can bring, within five minutes.
 * @throws {AuthError} BAD_USER_INPUT, RATE_LIMITED, INVALID_CREDENTIALS, INSUFFICIENT_AAL, CONFLICT when there are 20
 */
export async function passkeyRegistrationOptions(
  deps: MfaDeps,
  actor: UserActor,
  password: string,
  client: Client,
): Promise<PasskeyOptions> {
  const user = await prove(deps, actor, password, client);
  const { challenge, present } = await transaction(deps.db, async (unit) => {
    await holdProved(unit, actor, user);
    await requireFreshFactor(unit, actor);
    const asked = { purpose: 'register', userId: user.id, boundTo: actor.sessionId } as const;
    return { present: await requireRoom(unit, user.id), challenge: await issueChallenge(unit.trx, asked) };
  });
  return creationOptions(deps.config, challenge, user, present);
}

async function requireRoom(unit: Unit, userId: string): Promise<PasskeyModel[]> {
  const present = await passkeysOf(unit.trx, userId);
  if (present.length >= MOST_PASSKEYS)
    throw new AuthError('CONFLICT', {
      message: `An account has at most ${MOST_PASSKEYS} passkeys; remove one first.`,
    });
  return present;
}

/**
 * Adds the passkey that the browser has made; every other session of the account ends.
 * @throws {AuthError} BAD_USER_INPUT for what was not made for us, now, by somebody verified; INSUFFICIENT_AAL, INVALID_CREDENTIALS
 *   when the password was changed since; CONFLICT when it is known or there are 20
 */
export async function registerPasskey(
  deps: MfaDeps,
  actor: UserActor,
  response: unknown,
  givenName: string | null | undefined,
  client: Client,
): Promise<PasskeyModel> {
  const attestation = readAttestation(response);
  const name = typeof givenName === 'string' ? readName(givenName) : undefined;
  const { made, askedAt } = await receive(deps, actor, attestation, client);
  return transaction(deps.db, async (unit) => {
    const user = await hold(unit, actor);
    // Whoever knew the password then may not know it now.
    if (user.passwordChangedAt && user.passwordChangedAt > askedAt)
      throw new AuthError('INVALID_CREDENTIALS');
    await requireFreshFactor(unit, actor);
    const { length } = await requireRoom(unit, user.id);
    const passkey = await add(unit, user.id, made, name ?? `Passkey ${length + 1}`);
    await endOthers(deps, unit, actor, client);
    // The password was proved for it, and the device has just verified who holds it.
    await raiseAssurance(unit, actor.sessionId, passkeyMethods(made.deviceType));
    await raiseVersion(deps, unit, user.id, {});
    await noteChange(deps, unit, user, 'registered', passkey.id, client);
    return passkey;
  });
}

/** Looks at what was made, once: the challenge is spent by that, whatever comes of it. */
async function receive(
  deps: MfaDeps,
  actor: UserActor,
  attestation: Attestation,
  client: Client,
): Promise<{ made: NewPasskey; askedAt: Date }> {
  const spent = await spendChallenge(deps.db, attestation.client.challenge, 'register', actor.sessionId);
  const made = await verifyCreation(deps.config, attestation);
  const isOurPage = isOurs(deps.config, attestation.client);
  if (spent && isOurPage && made) return { made, askedAt: spent.createdAt };
  const aboutPage = isOurPage ? 'proof' : 'origin';
  const fault = spent ? aboutPage : 'challenge';
  await recordFault(deps.db, { fault, userId: actor.id }, 'register', client);
  throw badResponse('Was not made for this, or came too late; begin anew.');
}

async function add(unit: Unit, userId: string, made: NewPasskey, name: string): Promise<PasskeyModel> {
  const id = newId();
  const added: unknown[] = await unit
    .trx('passkeys')
    .insert({ id, userId, name, ...made })
    .onConflict('credentialId')
    .ignore()
    .returning('id');
  if (added.length === 0) throw new AuthError('CONFLICT', { message: 'This passkey is registered already.' });
  return PasskeyModel.query(unit.trx).findById(id).throwIfNotFound();
}
