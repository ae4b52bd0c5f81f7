import type { UserModel } from '../../db/models/user.js';
import { AuthError } from '../../errors.js';
import { statusOf } from '../accounts.js';
import { record } from '../audit.js';
import type { Client } from '../client.js';
import type { SignInDeps } from './deps.js';

/** After the right password: whether the account may be used. @throws {AuthError} ACCOUNT_DELETED, ACCOUNT_SUSPENDED */
export async function requireActive(deps: SignInDeps, client: Client, user: UserModel): Promise<void> {
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
export async function refuse(
  deps: SignInDeps,
  client: Client,
  user: Pick<UserModel, 'id'> | undefined,
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
