import { createHash, randomBytes } from 'node:crypto';
import type { Knex } from 'knex';
import { RecoveryCodeModel } from '../../db/models/recovery-code.js';
import type { Unit } from '../../db/transaction.js';
import { newId } from '../ids.js';

const CODES = 10;
/** 120 bits, which need no slow hash. */
const CODE_BYTES = 15;
/** Crockford's base 32: no letter that passes for a digit. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const FORM = /^[0-9a-hjkmnp-tv-z]{24}$/;

/** Makes an account's recovery codes anew; the earlier ones are void. @returns them, to be shown this once */
export async function issueRecoveryCodes(unit: Unit, userId: string): Promise<string[]> {
  const codes = Array.from({ length: CODES }, newCode);
  await removeRecoveryCodes(unit, userId);
  await RecoveryCodeModel.query(unit.trx).insert(
    codes.map((code) => ({ id: newId(), userId, codeHash: digest(bare(code)) })),
  );
  return codes;
}

/** Spends a code: one conditional update lets one of any number of parallel uses win. */
export async function spendRecoveryCode(unit: Unit, userId: string, text: string): Promise<boolean> {
  const code = bare(text);
  if (!FORM.test(code)) return false;
  const spent = await RecoveryCodeModel.query(unit.trx)
    .where({ userId, codeHash: digest(code) })
    .whereNull('usedAt')
    .patch({ usedAt: unit.trx.raw('now()') });
  return spent === 1;
}

export async function removeRecoveryCodes(unit: Unit, userId: string): Promise<number> {
  return RecoveryCodeModel.query(unit.trx).where({ userId }).delete();
}

/** Whether a code is left to spend. */
export async function hasRecoveryCodes(db: Knex, userId: string): Promise<boolean> {
  const left = await RecoveryCodeModel.query(db).findOne({ userId }).whereNull('usedAt').select('id');
  return left !== undefined;
}

/** Six groups of four characters. */
function newCode(): string {
  const bits = [...randomBytes(CODE_BYTES)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const text = (bits.match(/.{5}/g) ?? [])
    .map((group) => ALPHABET.charAt(Number.parseInt(group, 2)))
    .join('');
  return (text.match(/.{4}/g) ?? []).join('-');
}

/** As it is compared: copied by hand, a code may come in capitals, with other gaps, and with look-alikes. */
const bare = (text: string): string =>
  text.slice(0, 100).toLowerCase().replace(/[\s-]/g, '').replace(/o/g, '0').replace(/[il]/g, '1');

const digest = (code: string): Buffer => createHash('sha256').update(code).digest();
