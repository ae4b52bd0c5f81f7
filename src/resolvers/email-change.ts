import { Arg, Ctx, Mutation, Resolver } from 'type-graphql';
import type { Context } from '../context.js';
import { changeEmail, confirmEmailChange, undoEmailChange } from '../domain/email-change.js';
import { EmailAddress } from '../schema/scalars.js';
import { actingUser } from './actor.js';

/** Moving an account to another address, and back. */
@Resolver()
export class EmailChangeResolver {
  @Mutation(() => Boolean, {
    description:
      'Sends a link to the new address, good for one day; the old one is told, with a link to undo. Always true, in the same time, whether or not the new address belongs to somebody. INSUFFICIENT_AAL where the account has a second factor that this session did not prove in the last five minutes.',
  })
  async changeEmail(
    @Arg('newEmail', () => EmailAddress, { description: 'The address that the account is to have.' })
    newEmail: string,
    @Arg('password', () => String, { description: 'The password, as proof.' }) password: string,
    @Ctx() context: Context,
  ): Promise<boolean> {
    await changeEmail(context.app, actingUser(context), newEmail, password, context.client);
    return true;
  }

  @Mutation(() => Boolean, {
    description:
      'Moves an account to a new address by the token that was mailed there. Every session ends but the one that asked, and the old address gets a link to undo it for seven days. CONFLICT when somebody else has the address by now.',
  })
  async confirmEmailChange(
    @Arg('token', () => String, { description: 'The token in the link.' }) token: string,
    @Ctx() { app, client }: Context,
  ): Promise<boolean> {
    await confirmEmailChange(app, token, client);
    return true;
  }

  @Mutation(() => Boolean, {
    description:
      'Keeps an account at the address that the token was mailed to, or puts it back there: this change and every later one are undone. Where the account had moved, every session ends, and a password, an authenticator app and passkeys that were set since are void. A link to set a new password is mailed there.',
  })
  async undoEmailChange(
    @Arg('token', () => String, { description: 'The token in the link.' }) token: string,
    @Ctx() { app, client }: Context,
  ): Promise<boolean> {
    await undoEmailChange(app, token, client);
    return true;
  }
}
