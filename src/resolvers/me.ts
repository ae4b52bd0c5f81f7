import { Arg, Ctx, ID, Mutation, Query, Resolver } from 'type-graphql';
import type { Context } from '../context.js';
import { updateOwnProfile } from '../domain/accounts.js';
import { changePassword, deleteOwnAccount } from '../domain/credentials.js';
import { revokeSession } from '../domain/sessions.js';
import { AuthError } from '../errors.js';
import { PasswordChange } from '../schema/auth.js';
import { UpdateMeInput, User } from '../schema/user.js';
import { actingUser } from './actor.js';
import { shapeUser } from './shapes.js';

/** One's own account. */
@Resolver()
export class MeResolver {
  @Query(() => User, {
    nullable: true,
    description: 'The account behind the access token; null with UNAUTHENTICATED without one.',
  })
  async me(@Ctx() context: Context): Promise<User> {
    const user = await context.loaders.of('user').load(actingUser(context).id);
    if (!user || user.deletedAt) throw new AuthError('ACCOUNT_DELETED');
    return shapeUser(user);
  }

  @Mutation(() => User, {
    description: 'Changes the profile of the account that asks; what is left out stays.',
  })
  async updateMe(
    @Arg('input', () => UpdateMeInput, { description: 'What to change.' }) input: UpdateMeInput,
    @Ctx() context: Context,
  ): Promise<User> {
    return shapeUser(await updateOwnProfile(context.app, actingUser(context), input, context.client));
  }

  @Mutation(() => PasswordChange, {
    description: 'Sets a new password. Every other session ends; this one stays when asked.',
  })
  async changePassword(
    @Arg('currentPassword', () => String, { description: 'The password as it is.' }) currentPassword: string,
    @Arg('newPassword', () => String, { description: 'The password from now on.' }) newPassword: string,
    @Arg('keepThisSession', () => Boolean, {
      nullable: true,
      defaultValue: true,
      description: 'Whether the session that asks goes on.',
    })
    keepThisSession: boolean | null,
    @Ctx() context: Context,
  ): Promise<PasswordChange> {
    const keeps = keepThisSession ?? true;
    const passwordChangedAt = await changePassword(
      context.app,
      actingUser(context),
      currentPassword,
      newPassword,
      keeps,
      context.client,
    );
    return { passwordChangedAt, requiresReauthentication: !keeps };
  }

  @Mutation(() => Boolean, {
    description:
      'Deletes the account that asks: every session ends and sign-in is refused. An administrator can restore it.',
  })
  async deleteMe(
    @Arg('password', () => String, { description: 'The password, as proof.' }) password: string,
    @Ctx() context: Context,
  ): Promise<boolean> {
    await deleteOwnAccount(context.app, actingUser(context), password, context.client);
    return true;
  }

  @Mutation(() => Boolean, {
    description: "Ends one session: one's own, or with sessions:manage somebody else's.",
  })
  async revokeSession(
    @Arg('id', () => ID, { description: 'The session to end.' }) id: string,
    @Ctx() context: Context,
  ): Promise<boolean> {
    await revokeSession(context.app, actingUser(context), id, context.client);
    return true;
  }
}
