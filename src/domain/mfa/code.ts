import type { Knex } from 'knex';
import { transaction, type Unit } from '../../db/transaction.js';
import { AuthError, badInput, type ErrorCode } from '../../errors.js';
import { record } from '../audit.js';
import type { Client } from '../client.js';
import type { Limiters } from '../limits.js';
import { withinBudget, type Trial } from '../secret-checks.js';
import { spendTotp, type FactorDeps } from './factor.js';
import { spendRecoveryCode } from './recovery-codes.js';

/** A code, and what kind it is said to be; without that its form tells. */
export interface GivenCode {
  code: string;
  method?: 'TOTP' | 'RECOVERY_CODE' | 'PASSKEY' | null | undefined;
}

/** @throws {AuthError} BAD_USER_INPUT for a passkey, which proves itself otherwise than by a code */
export function requireCodeMethod({ method }: GivenCode): void {
  if (method === 'PASSKEY')
    throw badInput([{ name: 'method', message: 'A code is either TOTP or RECOVERY_CODE.' }]);
}

/** Whether the code is right, and not spent; from now on it is. Within a transaction that holds the account. */
export async function spendCode(
  deps: FactorDeps,
  unit: Unit,
  userId: string,
  { code, method }: GivenCode,
  client: Client,
): Promise<boolean> {
  const isTotp = method ? method === 'TOTP' : /^\s*\d{3}\s?\d{3}\s*$/.test(code);
  if (isTotp) return spendTotp(deps, unit, userId, code);
  if (!(await spendRecoveryCode(unit, userId, code))) return false;
  await record(unit.trx, client, { type: 'recovery_code.used', actor: userId, subject: userId });
  return true;
}

/** Puts a wrong code on record. @param act what it was to open */
export async function refuseCode(
  unit: Unit,
  userId: string,
  act: 'sign_in' | 'step_up' | 'confirm' | 'disable',
  client: Client,
): Promise<Refused> {
  await record(unit.trx, client, {
    type: 'mfa.failed',
    outcome: 'FAILURE',
    subject: userId,
    details: { act },
  });
  return { refused: 'MFA_CODE_INVALID' };
}

/** What is told only after its commit, so that the count of the failure and its record stay. */
export interface Refused {
  refused: ErrorCode;
}

/**
 * One transaction that checks a code, within the account's budget of secret checks: charged before, used up by a wrong
 * code, given back by a right one and by a check that could not be made.
 * @throws {AuthError} RATE_LIMITED, and what `work` refuses with
 */
export async function tryCode<T extends object>(
  deps: { db: Knex; limiters: Limiters },
  trial: Trial,
  work: (unit: Unit) => Promise<T | Refused>,
): Promise<T> {
  return withinBudget(deps.limiters, trial, async (wrong) => {
    const outcome = await transaction(deps.db, work);
    if (!('refused' in outcome)) return outcome;
    if (outcome.refused === 'MFA_CODE_INVALID') wrong();
    throw new AuthError(outcome.refused);
  });
}
