import type { UserModel } from '../db/models/user.js';
import { conflict } from '../errors.js';
import { administer, type UserActor } from './access.js';
import {
  authorityOfNewcomers,
  createInvitedAccount,
  findGrantable,
  gainOf,
  manage,
  readInvitedProfile,
  requireExisting,
  requireFree,
  type AccountDeps,
  type ProfileInput,
} from './accounts.js';
import { administration } from './administration.js';
import { record } from './audit.js';
import type { Client } from './client.js';
import { charge, type Limiters } from './limits.js';
import { sendInvitation, type MailDeps } from './mail.js';

export interface InvitationDeps extends AccountDeps, MailDeps {
  limiters: Limiters;
}

/** Whom an administrator opens an account for. */
export interface InvitationInput extends ProfileInput {
  /** The default role without any. */
  roleIds?: readonly string[] | null;
}

/**
 * Opens an account without a password and mails the link that sets one.
 * @throws {AuthError} BAD_USER_INPUT, UNDERAGE, FORBIDDEN, NOT_FOUND for an unknown role, CONFLICT naming what is taken
 */
export async function inviteAccount(
  deps: InvitationDeps,
  actor: UserActor,
  { roleIds, ...input }: InvitationInput,
  client: Client,
): Promise<UserModel> {
  const profile = readInvitedProfile(deps, input);
  return administration(deps.db, async (unit) => {
    const own = await administer(unit.trx, actor, 'users:manage');
    const roles = await findGrantable(deps, unit, own, roleIds ?? []);
    await requireFree(unit.trx, profile);
    const user = await createInvitedAccount(unit, profile, roles);
    const about = { actor: actor.id, subject: user.id };
    await record(unit.trx, client, { type: 'account.created', ...about, details: { by: 'administrator' } });
    const after = roles.map((role) => role.name).sort();
    const gain = await gainOf(unit, user.id, authorityOfNewcomers(deps));
    await record(unit.trx, client, { type: 'roles.set', ...about, details: { before: [], after, ...gain } });
    await record(unit.trx, client, { type: 'account.invited', ...about });
    await sendInvitation(deps, unit, user);
    return user;
  });
}

/**
 * Mails a new link to an account that has no password yet; the earlier one is void.
 * @throws {AuthError} NOT_FOUND, FORBIDDEN, CONFLICT, RATE_LIMITED when the address had its share of mail
 */
export async function resendInvitation(
  deps: InvitationDeps,
  actor: UserActor,
  userId: string,
  client: Client,
): Promise<void> {
  await manage(deps, actor, userId, async (unit, user) => {
    requireExisting(user, 'userId');
    requireInvitable(user);
    await charge(deps.limiters, 'mailToAddress', user.emailKey);
    await sendInvitation(deps, unit, user);
    await record(unit.trx, client, { type: 'account.invited', actor: actor.id, subject: user.id });
    return user;
  });
}

function requireInvitable(user: UserModel): void {
  if (user.passwordHash !== null) throw conflict('userId', 'This account has a password already.');
  if (user.suspendedAt) throw conflict('userId', 'This account is suspended; reinstate it first.');
}
