import type { Knex } from 'knex';
import { z } from 'zod';
import { PasskeyModel } from '../../db/models/passkey.js';
import type { UserModel } from '../../db/models/user.js';
import type { Unit } from '../../db/transaction.js';
import { requireAssurance, type UserActor } from '../access.js';
import { record } from '../audit.js';
import type { Client } from '../client.js';
import { readFields } from '../input.js';
import { sendCredentialNotice, type NoticeDeps } from '../mail.js';

const naming = z.object({
  name: z
    .string()
    .trim()
    .min(1, 'Must not be empty.')
    .max(64, 'Must have at most 64 characters.')
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'Must not hold control characters.'),
});

/** @throws {AuthError} BAD_USER_INPUT */
export const readName = (name: string): string => readFields(naming, { name }, ['name']).name;

/** The passkeys of an account, oldest first. */
export const passkeysOf = (db: Knex, userId: string): Promise<PasskeyModel[]> =>
  PasskeyModel.query(db).where({ userId }).orderBy('id').execute();

/** Whoever has a second factor, or a passkey, changes no factor without it. @throws {AuthError} INSUFFICIENT_AAL */
export const requireFreshFactor = (unit: Unit, actor: UserActor): Promise<void> =>
  requireAssurance(unit.trx, actor.sessionId, 'fresh');

/** Puts a passkey that came or went on record, and tells the owner by mail. */
export async function noteChange(
  deps: NoticeDeps,
  unit: Unit,
  user: UserModel,
  what: 'registered' | 'removed',
  passkey: string,
  client: Client,
): Promise<void> {
  const details = { passkey };
  await record(unit.trx, client, { type: `passkey.${what}`, actor: user.id, subject: user.id, details });
  await sendCredentialNotice(deps, unit, user, what === 'registered' ? 'passkey_added' : 'passkey_removed');
}
