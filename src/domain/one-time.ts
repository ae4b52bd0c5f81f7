import { createHash, randomBytes } from 'node:crypto';
import type { Knex } from 'knex';
import type { Unit } from '../db/transaction.js';
import { newId } from './ids.js';

/** What a mailed secret is good for; it is never good for anything else. */
export type Purpose = 'verify-email';

const digest = (token: string) => createHash('sha256').update(token).digest();
const FORM = /^[A-Za-z0-9_-]{43}$/;

/** Makes a secret of 256 bits for one purpose; older ones of the account for the same purpose are void. */
export async function issueOneTimeToken(
  unit: Unit,
  purpose: Purpose,
  userId: string,
  lifeSeconds: number,
): Promise<string> {
  const token = randomBytes(32).toString('base64url');
  const expiresAt = unit.trx.raw("now() + ? * interval '1 second'", [lifeSeconds]);
  await unit
    .trx('oneTimeTokens')
    .where({ purpose, userId })
    .whereNull('usedAt')
    .update({ usedAt: unit.trx.raw('now()') });
  await unit
    .trx('oneTimeTokens')
    .insert({ id: newId(), purpose, userId, secretHash: digest(token), expiresAt });
  return token;
}

/** Spends a secret: one conditional update lets one of any number of parallel uses win. @returns whose it was */
export async function spendOneTimeToken(
  unit: Unit,
  purpose: Purpose,
  token: string,
): Promise<string | undefined> {
  if (!FORM.test(token)) return undefined;
  const spent = await unit
    .trx('oneTimeTokens')
    .where({ purpose, secretHash: digest(token) })
    .whereNull('usedAt')
    .where('expiresAt', '>', unit.trx.raw('now()'))
    .update({ usedAt: unit.trx.raw('now()') })
    .returning<{ userId: string }[]>('userId');
  return spent[0]?.userId;
}

/** Voids every secret that was mailed to an account and not used yet, as when its address changes. */
export async function voidOneTimeTokens(unit: Unit, userId: string): Promise<void> {
  await unit
    .trx('oneTimeTokens')
    .where({ userId })
    .whereNull('usedAt')
    .update({ usedAt: unit.trx.raw('now()') });
}

/** Forgets secrets that are of no use any more. */
export async function purgeOneTimeTokens({ db }: { db: Knex }): Promise<void> {
  await db('oneTimeTokens').where('expiresAt', '<', db.raw("now() - interval '7 days'")).delete();
}
