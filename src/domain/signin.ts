import type { Knex } from 'knex';
import { UserModel } from '../db/models/user.js';
import { transaction, type Unit } from '../db/transaction.js';
import { AuthError, badInput } from '../errors.js';
import { findByLogin, lookupKey, statusOf } from './accounts.js';
import { record } from './audit.js';
import type { Client } from './client.js';
import type { Limiters } from './limits.js';
import { mailSparingly, sendVerification, type MailDeps } from './mail.js';
import {
  checkPassword,
  hashPassword,
  isOutdated,
  requireSoundPassword,
  type PasswordDeps,
} from './passwords.js';
import { completeTokens, openSession, type Opened, type SessionDeps, type Tokens } from './sessions.js';

export interface SignInDeps extends SessionDeps, PasswordDeps, MailDeps {
  db: Knex;
  limiters: Limiters;
}

/** A sign-in ends in tokens, or waits for the email address to be confirmed. */
export type SignedIn = { kind: 'tokens'; tokens: Tokens } | { kind: 'unverified'; email: string };

/**
 * The one flow of signing in: limits → account → password → status → session → tokens, with the record of it.
 * @throws {AuthError} RATE_LIMITED, INVALID_CREDENTIALS (unknown login and wrong password alike), ACCOUNT_DELETED, ACCOUNT_SUSPENDED
 */
export async function signIn(
  deps: SignInDeps,
  login: string,
  password: string,
  client: Client,
): Promise<SignedIn> {
  requireSoundLogin(login);
  requireSoundPassword('password', password);
  const user = await findByLogin(deps.db, login);
  // By the login as it was given, known or not: a budget shared by an account's names would tell which belong together.
  const key = lookupKey(login);
  const matches = await checkPassword(deps, key, password, user?.passwordHash);
  if (!user || !matches)
    return refuse(deps, client, user, 'credentials', new AuthError('INVALID_CREDENTIALS'));
  await requireActive(deps, client, user);
  if (deps.config.accounts.requireEmailVerification && !user.emailVerifiedAt)
    return awaitVerification(deps, user);
  return enter(deps, user, password, client);
}

/** Longest login: an email address. */
const LONGEST_LOGIN = 254;

function requireSoundLogin(login: string): void {
  const isSound =
    login.length <= LONGEST_LOGIN && /^[^\p{Cc}\p{Cs}]*[^\p{Cc}\p{Cs}\s][^\p{Cc}\p{Cs}]*$/u.test(login);
  if (!isSound) throw badInput([{ name: 'login', message: 'Must be an email address or a username.' }]);
}

async function enter(deps: SignInDeps, user: UserModel, password: string, client: Client): Promise<SignedIn> {
  // The upgrade can wait for the next sign-in; nobody is turned away over it.
  const rehashed = isOutdated(deps.config, user.passwordHash)
    ? await hashPassword(deps, password).catch(() => undefined)
    : undefined;
  const opened = await transaction(deps.db, (unit) => open(deps, unit, user, rehashed, client));
  if (!opened) return refuse(deps, client, user, 'changed meanwhile', new AuthError('INVALID_CREDENTIALS'));
  return { kind: 'tokens', tokens: await completeTokens(deps, opened) };
}

/** One conditional update decides: the account is still active, and the password that was checked is still its own. */
async function open(
  deps: SignInDeps,
  unit: Unit,
  checked: UserModel,
  rehashed: string | undefined,
  client: Client,
): Promise<Opened | undefined> {
  const upgrade = rehashed === undefined ? {} : { passwordHash: rehashed };
  const still = await UserModel.query(unit.trx)
    .where({ id: checked.id, passwordHash: checked.passwordHash })
    .whereNull('deletedAt')
    .whereNull('suspendedAt')
    .patch({ lastSignInAt: unit.trx.raw('now()'), ...upgrade });
  if (still === 0) return undefined;
  const user = await UserModel.query(unit.trx).findById(checked.id).throwIfNotFound();
  return openSession(deps, unit, user, client, ['pwd']);
}

async function awaitVerification(deps: SignInDeps, user: UserModel): Promise<SignedIn> {
  await mailSparingly(deps.limiters, user.emailKey, () =>
    transaction(deps.db, (unit) => sendVerification(deps, unit, user)),
  );
  return { kind: 'unverified', email: user.email };
}

async function requireActive(deps: SignInDeps, client: Client, user: UserModel): Promise<void> {
  const status = statusOf(user);
  if (status === 'DELETED')
    await refuse(
      deps,
      client,
      user,
      'deleted',
      new AuthError('ACCOUNT_DELETED', { message: 'Your account has been deleted and access is denied.' }),
    );
  if (status === 'SUSPENDED')
    await refuse(
      deps,
      client,
      user,
      'suspended',
      new AuthError('ACCOUNT_SUSPENDED', {
        message: 'Your account has been suspended and access is denied.',
      }),
    );
}

/** Every refusal is recorded before it is told, at the same cost for known and unknown accounts. */
async function refuse(
  deps: SignInDeps,
  client: Client,
  user: UserModel | undefined,
  reason: string,
  error: AuthError,
): Promise<never> {
  const subject = user ? { subject: user.id } : {};
  await record(deps.db, client, {
    type: 'sign_in.failed',
    outcome: 'FAILURE',
    ...subject,
    details: { reason },
  });
  throw error;
}
