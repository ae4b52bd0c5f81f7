import { AlertModel } from '../../db/models/alert.js';
import { MailModel } from '../../db/models/mail.js';
import { OutboxModel } from '../../db/models/outbox.js';
import { RoleModel } from '../../db/models/role.js';
import { SessionModel } from '../../db/models/session.js';
import type { UserModel } from '../../db/models/user.js';
import { WebhookDeliveryModel } from '../../db/models/webhook-delivery.js';
import type { Unit } from '../../db/transaction.js';
import { conflict } from '../../errors.js';
import type { UserActor } from '../access.js';
import { record } from '../audit.js';
import type { Client } from '../client.js';
import type { AccountDeps } from './deps.js';
import { manage } from './manage.js';
import { now, raiseVersion } from './standing.js';

/**
 * Removes the personal data of a deleted account for good; its id and the record of what happened to it stay. Erasing
 * it again changes nothing.
 * @throws {AuthError} NOT_FOUND, FORBIDDEN, CONFLICT while the account is not deleted
 */
export async function eraseAccount(
  deps: AccountDeps,
  actor: UserActor,
  id: string,
  client: Client,
): Promise<void> {
  const work = async (unit: Unit, target: UserModel) => {
    if (target.erasedAt) return target;
    if (!target.deletedAt) throw conflict('id', 'Only a deleted account can be erased; delete it first.');
    await removeBelongings(deps, unit, target.id);
    const erased = await raiseVersion(deps, unit, target.id, {
      ...blankProfile(target.id),
      erasedAt: now(unit),
    });
    await record(unit.trx, client, { type: 'account.erased', actor: actor.id, subject: target.id });
    return erased;
  };
  await manage(deps, actor, id, work, { permission: 'users:erase' });
}

/** Nobody's: a username with a colon and an address without "@" can be neither chosen nor signed in with. */
function blankProfile(id: string): Partial<UserModel> {
  const nobody = `erased:${id}`;
  return {
    username: nobody,
    usernameKey: nobody,
    email: nobody,
    emailKey: nobody,
    firstName: '',
    middleName: null,
    lastName: null,
    phone: null,
    telegram: null,
    country: null,
    birthDate: null,
    passwordHash: null,
    passwordChangedAt: null,
    emailVerifiedAt: null,
    lastSignInAt: null,
    suspensionReason: null,
  };
}

/** Tables of what belongs to an account and to nobody else, known by its `user_id`. */
const BELONGINGS = [
  'oneTimeTokens',
  'emailChanges',
  'serviceAccess',
  'userRoles',
  'totpFactors',
  'recoveryCodes',
  'mfaChallenges',
  'passkeys',
  'webauthnChallenges',
] as const;

/** What is kept beside the account: where it was used from, what was mailed to it, what it might do. */
async function removeBelongings({ catalogue }: AccountDeps, unit: Unit, userId: string): Promise<void> {
  await forgetPlaces(unit, userId);
  await OutboxModel.query(unit.trx).where({ accountId: userId }).delete();
  await MailModel.query(unit.trx).where({ accountId: userId }).delete();
  await WebhookDeliveryModel.query(unit.trx).where({ accountId: userId }).delete();
  // That there was a suspicion stays, as on record; what it was drawn from may be personal.
  await AlertModel.query(unit.trx).where({ subject: userId }).patch({ details: null });
  for (const table of BELONGINGS) await unit.trx(table).where({ userId }).delete();
  const role = await RoleModel.query(unit.trx).findOne({ name: catalogue.defaultRole }).throwIfNotFound();
  await unit.trx('userRoles').insert({ userId, roleId: role.id });
}

async function forgetPlaces({ trx }: Unit, userId: string): Promise<void> {
  const sessions = await SessionModel.query(trx)
    .where({ userId })
    .patch({ ipAddress: null, userAgent: null, location: null })
    .returning('id');
  const ids = sessions.map(({ id }) => id);
  await trx('sessionSightings').whereIn('sessionId', ids).delete();
}
