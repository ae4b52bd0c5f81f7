import { createHash, randomBytes } from 'node:crypto';
import type { Knex } from 'knex';
import { MfaChallengeModel } from '../../db/models/mfa-challenge.js';
import { PasskeyModel } from '../../db/models/passkey.js';
import type { UserModel } from '../../db/models/user.js';
import type { Unit } from '../../db/transaction.js';
import { newId } from '../ids.js';
import { hasRecoveryCodes } from './recovery-codes.js';

export type { MfaChallengeModel as StoredChallenge } from '../../db/models/mfa-challenge.js';

const LIFE_SECONDS = 5 * 60;
/** How many wrong codes end a challenge; no configuration raises it. */
const MOST_FAILURES = 5;
const FORM = /^[A-Za-z0-9_-]{43}$/;
const digest = (token: string) => createHash('sha256').update(token).digest();

/** What whoever has the right password is told. */
export interface Challenge {
  token: string;
  methods: ('TOTP' | 'PASSKEY' | 'RECOVERY_CODE')[];
  expiresAt: Date;
}

/** Asks for the second factor of an account whose password was just proved; earlier questions are void. */
export async function openChallenge(unit: Unit, user: UserModel): Promise<Challenge> {
  const token = randomBytes(32).toString('base64url');
  await voidChallenges(unit, user.id);
  const { expiresAt } = await MfaChallengeModel.query(unit.trx)
    .insert({
      id: newId(),
      userId: user.id,
      secretHash: digest(token),
      passwordChangedAt: user.passwordChangedAt,
      expiresAt: unit.trx.raw("now() + ? * interval '1 second'", [LIFE_SECONDS]),
    })
    .returning('*');
  const passkey = (await hasPasskeys(unit.trx, user.id)) ? (['PASSKEY'] as const) : [];
  const recovery = (await hasRecoveryCodes(unit.trx, user.id)) ? (['RECOVERY_CODE'] as const) : [];
  return { token, methods: ['TOTP', ...passkey, ...recovery], expiresAt };
}

const hasPasskeys = async (db: Knex, userId: string) =>
  (await PasskeyModel.query(db).findOne({ userId }).select('id')) !== undefined;

/** The challenge that a token speaks of, while it can still be met. */
export async function findChallenge(db: Knex, token: string): Promise<MfaChallengeModel | undefined> {
  return FORM.test(token) ? live(db, { secretHash: digest(token) }).first() : undefined;
}

/**
 * Counts a try as failed, before the code is looked at: however many come at once, no more than five are compared.
 * @returns whether it may be compared; not if the challenge is over or the password it rests on was changed
 */
export async function countTry(unit: Unit, { id }: MfaChallengeModel, user: UserModel): Promise<boolean> {
  const counted = await live(unit.trx, { id })
    .whereRaw('password_changed_at is not distinct from ?::timestamptz', [user.passwordChangedAt])
    .patch({ failures: unit.trx.raw('failures + 1') });
  return counted === 1;
}

/** Met: it is good for nothing more. */
export async function closeChallenge(unit: Unit, { id }: MfaChallengeModel): Promise<void> {
  await MfaChallengeModel.query(unit.trx)
    .findById(id)
    .patch({ usedAt: unit.trx.raw('now()') });
}

/** Voids what is still open for an account. */
export async function voidChallenges(unit: Unit, userId: string): Promise<void> {
  await live(unit.trx, { userId }).patch({ usedAt: unit.trx.raw('now()') });
}

function live(db: Knex, which: Partial<MfaChallengeModel>) {
  return MfaChallengeModel.query(db)
    .where(which)
    .whereNull('usedAt')
    .where('failures', '<', MOST_FAILURES)
    .where('expiresAt', '>', db.raw('now()'));
}

/** Forgets challenges that are over. */
export async function purgeChallenges({ db }: { db: Knex }): Promise<void> {
  await MfaChallengeModel.query(db).where('expiresAt', '<', db.raw("now() - interval '1 day'")).delete();
}
