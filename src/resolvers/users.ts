import { Arg, Args, Ctx, FieldResolver, ID, Int, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { Context } from '../context.js';
import type { Actor } from '../domain/access.js';
import {
  deleteAccount,
  eraseAccount,
  exportAccount,
  listAccounts,
  reinstateAccount,
  restoreAccount,
  setRoles,
  suspendAccount,
  updateProfile,
} from '../domain/accounts.js';
import { inviteAccount, resendInvitation } from '../domain/invitations.js';
import { listSessions, revokeUserSessions } from '../domain/sessions.js';
import { AuthError } from '../errors.js';
import { ForwardPageArgs } from '../schema/page.js';
import { Role } from '../schema/role.js';
import { Json } from '../schema/scalars.js';
import { SessionConnection } from '../schema/session.js';
import { CreateUserInput, UpdateUserInput, User, UserConnection, UsersArgs } from '../schema/user.js';
import { actingUser } from './actor.js';
import { isTombstone, shapePage, shapeRole, shapeSession, shapeUser } from './shapes.js';

const target = { description: 'The account.' };

function maySee(actor: Actor, id: string): boolean {
  if (actor.kind === 'service') return actor.scopes.has('users:read');
  const isSelf = actor.kind === 'user' && actor.id === id.toLowerCase();
  return isSelf || (actor.kind === 'user' && actor.permissions.has('users:read'));
}

/** Accounts: seen and managed. */
@Resolver(() => User)
export class UsersResolver {
  @Query(() => User, {
    description:
      'One account. Its owner and holders of users:read, services with that scope among them, may ask; to anybody else it is NOT_FOUND, whether or not it exists.',
  })
  async user(@Arg('id', () => ID, target) id: string, @Ctx() context: Context): Promise<User> {
    const user = maySee(context.actor, id) ? await context.loaders.of('user').load(id) : undefined;
    if (!user) throw new AuthError('NOT_FOUND');
    return shapeUser(user);
  }

  @Query(() => UserConnection, {
    description:
      'Accounts, newest first unless ordered otherwise; for holders of users:read. Pages of at most 100.',
  })
  async users(
    @Args(() => UsersArgs) { filter, orderBy, ...page }: UsersArgs,
    @Ctx() { app }: Context,
  ): Promise<UserConnection> {
    return shapePage(await listAccounts(app.db, page, filter ?? {}, orderBy ?? undefined), shapeUser);
  }

  @Mutation(() => User, {
    description:
      'Opens an account for somebody, without a password, and mails an invitation with the link that sets one, good for seven days. CONFLICT names every field that is taken.',
  })
  async createUser(
    @Arg('input', () => CreateUserInput, { description: 'Who gets the account.' }) input: CreateUserInput,
    @Ctx() context: Context,
  ): Promise<User> {
    return shapeUser(await inviteAccount(context.app, actingUser(context), input, context.client));
  }

  @Mutation(() => Boolean, {
    description:
      'Mails a new invitation to an account that has no password yet; the earlier link is void. CONFLICT once there is a password.',
  })
  async resendInvitation(
    @Arg('userId', () => ID, target) userId: string,
    @Ctx() context: Context,
  ): Promise<boolean> {
    await resendInvitation(context.app, actingUser(context), userId, context.client);
    return true;
  }

  @Mutation(() => User, {
    description: 'Changes the profile of an account of lower rank; what is left out stays.',
  })
  async updateUser(
    @Arg('id', () => ID, target) id: string,
    @Arg('input', () => UpdateUserInput, { description: 'What to change.' }) input: UpdateUserInput,
    @Ctx() context: Context,
  ): Promise<User> {
    return shapeUser(await updateProfile(context.app, actingUser(context), id, input, context.client));
  }

  @Mutation(() => User, {
    description:
      'Soft delete: every session ends, sign-in is refused, the record stays. restoreUser undoes it.',
  })
  async deleteUser(@Arg('id', () => ID, target) id: string, @Ctx() context: Context): Promise<User> {
    return shapeUser(await deleteAccount(context.app, actingUser(context), id, context.client));
  }

  @Mutation(() => Json, {
    description:
      'Everything held about one account, for the account itself or holders of users:export: profile, roles, service accesses, factors, sessions, links and what is on record of it, the newest 5,000 events and 1,000 sessions. No secret, and nothing of other people but their ids.',
  })
  async exportUserData(
    @Arg('userId', () => ID, target) userId: string,
    @Ctx() context: Context,
  ): Promise<unknown> {
    return exportAccount(context.app, actingUser(context), userId, context.client);
  }

  @Mutation(() => Boolean, {
    description:
      'Removes the personal data of a deleted account for good; its id and its audit stay, and its email address and username are free again. CONFLICT while it is not deleted. Nothing undoes it.',
  })
  async eraseUser(@Arg('id', () => ID, target) id: string, @Ctx() context: Context): Promise<boolean> {
    await eraseAccount(context.app, actingUser(context), id, context.client);
    return true;
  }

  @Mutation(() => User, { description: 'Undoes deleteUser, unless the account was erased.' })
  async restoreUser(@Arg('id', () => ID, target) id: string, @Ctx() context: Context): Promise<User> {
    return shapeUser(await restoreAccount(context.app, actingUser(context), id, context.client));
  }

  @Mutation(() => User, { description: 'Blocks sign-in and ends every session until reinstateUser.' })
  async suspendUser(
    @Arg('id', () => ID, target) id: string,
    @Arg('reason', () => String, {
      nullable: true,
      description: 'Why, for the record; at most 500 characters.',
    })
    reason: string | null | undefined,
    @Ctx() context: Context,
  ): Promise<User> {
    return shapeUser(
      await suspendAccount(context.app, actingUser(context), id, reason ?? null, context.client),
    );
  }

  @Mutation(() => User, { description: 'Undoes suspendUser.' })
  async reinstateUser(@Arg('id', () => ID, target) id: string, @Ctx() context: Context): Promise<User> {
    return shapeUser(await reinstateAccount(context.app, actingUser(context), id, context.client));
  }

  @Mutation(() => User, {
    description: 'Replaces the roles of an account. An empty list leaves the default role.',
  })
  async setUserRoles(
    @Arg('userId', () => ID, target) userId: string,
    @Arg('roleIds', () => [ID], { description: 'The roles from now on.' }) roleIds: string[],
    @Ctx() context: Context,
  ): Promise<User> {
    return shapeUser(await setRoles(context.app, actingUser(context), userId, roleIds, context.client));
  }

  @Mutation(() => Int, {
    description: 'Ends every session of an account of lower rank; answers how many there were.',
  })
  async revokeUserSessions(
    @Arg('userId', () => ID, target) userId: string,
    @Ctx() context: Context,
  ): Promise<number> {
    return revokeUserSessions(context.app, actingUser(context), userId, context.client);
  }

  @FieldResolver(() => Role, { nullable: true, description: 'The role of highest rank.' })
  async role(@Root() user: User, @Ctx() { loaders }: Context): Promise<Role | null> {
    if (isTombstone(user)) return null;
    const [highest] = await loaders.of('rolesOfUser').load(user.id);
    return highest ? shapeRole(highest) : null;
  }

  @FieldResolver(() => [Role], { nullable: true, description: 'Every role, highest rank first.' })
  async roles(@Root() user: User, @Ctx() { loaders }: Context): Promise<Role[] | null> {
    return isTombstone(user) ? null : (await loaders.of('rolesOfUser').load(user.id)).map(shapeRole);
  }

  @FieldResolver(() => [String], {
    nullable: true,
    description: 'What the account may do: the union over its roles.',
  })
  async permissions(@Root() user: User, @Ctx() { loaders }: Context): Promise<string[] | null> {
    if (isTombstone(user)) return null;
    const roles = await loaders.of('rolesOfUser').load(user.id);
    const granted = await Promise.all(roles.map((role) => loaders.of('permissionsOfRole').load(role.id)));
    return [...new Set(granted.flat().map((permission) => permission.name))].sort();
  }

  @FieldResolver(() => SessionConnection, {
    nullable: true,
    description: 'Live sessions, newest first; for the account itself and holders of sessions:manage.',
  })
  async sessions(
    @Root() user: User,
    @Args(() => ForwardPageArgs) page: ForwardPageArgs,
    @Ctx() { loaders, actor }: Context,
  ): Promise<SessionConnection | null> {
    if (isTombstone(user)) return null;
    const sessions = await listSessions(loaders, user.id, page);
    return shapePage(sessions, (session) => shapeSession(session, actor));
  }
}
