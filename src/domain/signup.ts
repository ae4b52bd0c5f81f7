import { type UserModel } from '../db/models/user.js';
import { transaction, type Unit } from '../db/transaction.js';
import { createAccount, readNewProfile, requireFree, type ProfileInput } from './accounts.js';
import { record } from './audit.js';
import type { Client } from './client.js';
import { sendVerification } from './mail.js';
import { hashPassword } from './passwords.js';
import { completeTokens, openSession } from './sessions.js';
import type { SignedIn, SignInDeps } from './signin.js';

export interface SignUpInput extends ProfileInput {
  password: string;
}

/**
 * Opens an account and signs it in, unless the deployment wants its email address confirmed first.
 * @throws {AuthError} RATE_LIMITED, BAD_USER_INPUT, UNDERAGE, WEAK_PASSWORD, CONFLICT naming the field that is taken
 */
export async function signUp(
  deps: SignInDeps,
  { password, ...input }: SignUpInput,
  client: Client,
): Promise<SignedIn> {
  const profile = readNewProfile(deps, input, password);
  await requireFree(deps.db, profile);
  const passwordHash = await hashPassword(deps, password);
  const waits = deps.config.accounts.requireEmailVerification;
  const opened = await transaction(deps.db, async (unit) => {
    const user = await createAccount(unit, profile, passwordHash, deps.config.accounts.defaultRole);
    await record(unit.trx, client, {
      type: 'account.created',
      actor: user.id,
      subject: user.id,
      details: { by: 'sign-up' },
    });
    await sendVerification(deps, unit, user);
    return waits ? undefined : firstSession(deps, unit, user, client);
  });
  return opened
    ? { kind: 'tokens', tokens: await completeTokens(deps, opened) }
    : { kind: 'unverified', email: profile.email };
}

async function firstSession(deps: SignInDeps, unit: Unit, user: UserModel, client: Client) {
  const lastSignInAt = unit.trx.raw('now()') as unknown as Date;
  const signedIn = await user.$query(unit.trx).patchAndFetch({ lastSignInAt });
  const opened = await openSession(deps, unit, signedIn, client, ['pwd']);
  await record(unit.trx, client, {
    type: 'sign_in.succeeded',
    actor: user.id,
    subject: user.id,
    details: { session: opened.session.id, amr: ['pwd'] },
  });
  return opened;
}
