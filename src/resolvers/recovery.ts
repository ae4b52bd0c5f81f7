import { Arg, Ctx, Mutation, Resolver } from 'type-graphql';
import type { Context } from '../context.js';
import { forgotPassword, resetPassword } from '../domain/recovery.js';
import { EmailAddress } from '../schema/scalars.js';

/** The way back in for who has forgotten the password, and the way in for who was invited. */
@Resolver()
export class RecoveryResolver {
  @Mutation(() => Boolean, {
    description:
      'Mails a link that sets the password anew, good for one hour. Always true, in the same time, whether or not the account exists.',
  })
  async forgotPassword(
    @Arg('email', () => EmailAddress, { description: 'The address of the account.' }) email: string,
    @Ctx() { app, client }: Context,
  ): Promise<boolean> {
    await forgotPassword(app, email, client);
    return true;
  }

  @Mutation(() => Boolean, {
    description:
      'Sets a password by the token of a mailed link: of a forgotten password or of an invitation. Every session of the account ends; a second factor stays. ONE_TIME_TOKEN_INVALID when the link was used or is too old; WEAK_PASSWORD leaves it good.',
  })
  async resetPassword(
    @Arg('token', () => String, { description: 'The token in the link.' }) token: string,
    @Arg('newPassword', () => String, { description: 'The password from now on.' }) newPassword: string,
    @Ctx() { app, client }: Context,
  ): Promise<boolean> {
    await resetPassword(app, token, newPassword, client);
    return true;
  }
}
