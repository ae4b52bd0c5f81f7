import { transaction } from '../db/transaction.js';
import { AuthError, conflict, type FieldError } from '../errors.js';
import {
  findByLogin,
  lookupKey,
  readNewProfile,
  requireFree,
  statusOf,
  type NewProfile,
  type ProfileInput,
} from './accounts.js';
import type { Client } from './client.js';
import { countMail, sendSignUpNotice } from './mail.js';
import { hashPassword } from './passwords.js';
import { inTheSameTime } from './same-time.js';
import { completeTokens } from './sessions.js';
import type { SignedUp, SignInDeps } from './signin.js';
import { enrolAtOnce } from './signup/enrol.js';
import { within } from './tracing.js';

export interface SignUpInput extends ProfileInput {
  password: string;
}

/**
 * Opens an account and signs it in, unless the deployment wants its email address confirmed first: there an address that
 * is taken is answered like any other, and its owner is told by mail.
 * @throws {AuthError} RATE_LIMITED, BAD_USER_INPUT, UNDERAGE, WEAK_PASSWORD, CONFLICT naming the field that is taken
 */
export async function signUp(
  deps: SignInDeps,
  { password, ...input }: SignUpInput,
  client: Client,
): Promise<SignedUp> {
  const profile = readNewProfile(deps, input, password);
  return within('signup.signUp', () => register(deps, profile, password, client));
}

async function register(
  deps: SignInDeps,
  profile: NewProfile,
  password: string,
  client: Client,
): Promise<SignedUp> {
  const isFree = await isNameFree(deps, profile);
  const passwordHash = await hashPassword(deps, password);
  const finish = async (mayWrite: boolean) =>
    (isFree ? await enrol(deps, profile, passwordHash, client) : undefined) ??
    answerTaken(deps, profile, mayWrite);
  if (!deps.config.accounts.requireEmailVerification) return finish(true);
  // Free or taken must show neither in how much there was to do nor in how much mail may still be asked for.
  return inTheSameTime(countMail(deps.limiters, lookupKey(profile.email)).then(finish));
}

const isConflict = (error: unknown): error is AuthError =>
  error instanceof AuthError && error.code === 'CONFLICT';

/** @returns false where the address is taken and that is nobody's business; usernames are public */
async function isNameFree(deps: SignInDeps, profile: NewProfile): Promise<boolean> {
  try {
    await requireFree(deps.db, profile);
    return true;
  } catch (error) {
    if (!deps.config.accounts.requireEmailVerification || !isConflict(error)) throw error;
    const fields = error.extensions['fields'] as FieldError[];
    const told = fields.find(({ name }) => name !== 'email');
    if (told) throw conflict(told.name, told.message);
    return false;
  }
}

/** @returns undefined where somebody else was faster and that is nobody's business */
async function enrol(
  deps: SignInDeps,
  profile: NewProfile,
  passwordHash: string,
  client: Client,
): Promise<SignedUp | undefined> {
  try {
    return await open(deps, profile, passwordHash, client);
  } catch (error) {
    // A race is lost over one name at a time; whatever is taken is told.
    if (isConflict(error) && !(await isNameFree(deps, profile))) return undefined;
    throw error;
  }
}

async function open(
  deps: SignInDeps,
  profile: NewProfile,
  passwordHash: string,
  client: Client,
): Promise<SignedUp> {
  const opened = await enrolAtOnce(deps, { profile, passwordHash, client });
  return opened
    ? { kind: 'tokens', tokens: await completeTokens(deps, opened) }
    : { kind: 'unverified', email: profile.email };
}

/** The answer that a free address gets, and word to whom it belongs. */
async function answerTaken(deps: SignInDeps, { email }: NewProfile, mayWrite: boolean): Promise<SignedUp> {
  const owner = await findByLogin(deps.db, email);
  if (mayWrite && owner && statusOf(owner) === 'ACTIVE')
    await transaction(deps.db, (unit) => sendSignUpNotice(deps, unit, owner));
  return { kind: 'unverified', email };
}
