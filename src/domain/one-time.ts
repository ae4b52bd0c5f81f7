import { createHash, randomBytes } from 'node:crypto';
import type { Knex } from 'knex';
import { atOnce, type Statement } from '../db/at-once.js';
import type { Unit } from '../db/transaction.js';
import { newId } from './ids.js';

/** What a mailed secret is good for; it is never good for anything else. */
export type Purpose = 'verify-email' | 'reset-password' | 'invitation' | 'change-email';

/** The secrets that set a password. */
export const PASSWORD_PURPOSES: readonly Purpose[] = ['reset-password', 'invitation'];
/** The secrets that are void once the password is another: whoever asked for them may have known the earlier one. */
export const VOID_WITH_PASSWORD: readonly Purpose[] = [...PASSWORD_PURPOSES, 'change-email'];

const digest = (token: string) => createHash('sha256').update(token).digest();
const FORM = /^[A-Za-z0-9_-]{43}$/;

/** Makes a secret of 256 bits for one purpose; older ones of the account for the same purpose are void. @param id by which it is known */
export async function issueOneTimeToken(
  unit: Unit,
  purpose: Purpose,
  userId: string,
  lifeSeconds: number,
  id = newId(),
): Promise<string> {
  const { text, secretHash } = makeOneTimeSecret();
  await atOnce(unit.trx, ISSUE, [id, purpose, userId, secretHash, lifeSeconds]);
  return text;
}

/** A secret of 256 bits, and what is kept of it. */
export function makeOneTimeSecret(): { text: string; secretHash: Buffer } {
  const text = randomBytes(32).toString('base64url');
  return { text, secretHash: digest(text) };
}

const ISSUE: Statement = {
  name: 'issue_one_time_token',
  text: `
    with earlier as (
      update one_time_tokens set used_at = now() where user_id = $3 and purpose = $2 and used_at is null)
    insert into one_time_tokens (id, purpose, user_id, secret_hash, expires_at)
    values ($1, $2, $3, $4, now() + $5::float8 * interval '1 second')`,
};

/** A mailed secret, as far as it may be told. */
export interface OneTimeToken {
  id: string;
  purpose: Purpose;
  userId: string;
}

/** Whose secret this is, if it could be spent now. It may be gone the next moment: {@link spendOneTimeToken} decides. */
export async function findOneTimeToken(
  db: Knex,
  purposes: readonly Purpose[],
  token: string,
): Promise<OneTimeToken | undefined> {
  if (!FORM.test(token)) return undefined;
  return live(db, purposes, token).first<OneTimeToken>('id', 'purpose', 'userId');
}

/** Spends a secret: one conditional update lets one of any number of parallel uses win. @returns whose it was, and for what */
export async function spendOneTimeToken(
  unit: Unit,
  purposes: readonly Purpose[],
  token: string,
): Promise<OneTimeToken | undefined> {
  if (!FORM.test(token)) return undefined;
  const [spent] = await live(unit.trx, purposes, token)
    .update({ usedAt: unit.trx.raw('now()') })
    .returning<OneTimeToken[]>(['id', 'purpose', 'userId']);
  return spent;
}

const live = (db: Knex, purposes: readonly Purpose[], token: string) =>
  db('oneTimeTokens')
    .where({ secretHash: digest(token) })
    .whereIn('purpose', purposes)
    .whereNull('usedAt')
    .where('expiresAt', '>', db.raw('now()'));

/** Voids what was mailed to an account and not used yet: all of it, as when its address changes, or the purposes named. */
export async function voidOneTimeTokens(
  unit: Unit,
  userId: string,
  purposes?: readonly Purpose[],
): Promise<void> {
  const open = unit.trx('oneTimeTokens').where({ userId }).whereNull('usedAt');
  if (purposes) void open.whereIn('purpose', purposes);
  await open.update({ usedAt: unit.trx.raw('now()') });
}

/** Forgets secrets that are of no use any more. */
export async function purgeOneTimeTokens({ db }: { db: Knex }): Promise<void> {
  await db('oneTimeTokens').where('expiresAt', '<', db.raw("now() - interval '7 days'")).delete();
}
