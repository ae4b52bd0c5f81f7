import { Arg, Ctx, FieldResolver, ID, Mutation, Resolver, Root } from 'type-graphql';
import type { Context } from '../context.js';
import {
  confirmTotp,
  disableMfa,
  enrollTotp,
  regenerateRecoveryCodes,
  resetMfa,
  stepUp,
} from '../domain/mfa.js';
import { verifyMfa } from '../domain/signin.js';
import { AuthPayload, MfaMethod } from '../schema/auth.js';
import { RecoveryCodes, TotpEnrollment, VerifyMfaInput } from '../schema/mfa.js';
import { User } from '../schema/user.js';
import { actingUser } from './actor.js';
import { enteredBy, isTombstone, shapeUser } from './shapes.js';

const password = { description: 'The password, as proof.' };

/** Second factors. */
@Resolver(() => User)
export class MfaResolver {
  @Mutation(() => AuthPayload, {
    description:
      'Finishes a sign-in that answered MfaChallenge. Each code is good once: MFA_CODE_INVALID for a wrong or spent one. Five of them, or five minutes, end the challenge: MFA_CHALLENGE_EXPIRED.',
  })
  async verifyMfa(
    @Arg('input', () => VerifyMfaInput, { description: 'The challenge and the code.' }) input: VerifyMfaInput,
    @Ctx() context: Context,
  ): Promise<AuthPayload> {
    return enteredBy(context, await verifyMfa(context.app, input, context.client));
  }

  @Mutation(() => TotpEnrollment, {
    description:
      'Proposes an authenticator app, which asks for nothing until confirmTotp. CONFLICT when the account has one.',
  })
  async enrollTotp(
    @Arg('password', () => String, password) proof: string,
    @Ctx() context: Context,
  ): Promise<TotpEnrollment> {
    return enrollTotp(context.app, actingUser(context), proof, context.client);
  }

  @Mutation(() => RecoveryCodes, {
    description:
      'Confirms the proposed app by its first code: from now on signing in asks for one. This session reaches aal 2, every other session ends. CONFLICT when nothing waits for confirmation.',
  })
  async confirmTotp(
    @Arg('code', () => String, { description: 'The code that the app shows.' }) code: string,
    @Ctx() context: Context,
  ): Promise<RecoveryCodes> {
    return { codes: await confirmTotp(context.app, actingUser(context), code, context.client) };
  }

  @Mutation(() => Boolean, {
    description:
      'Removes the second factor and its recovery codes; every other session ends, and this one drops to aal 1, unless it has proved a passkey. Passkeys stay. INSUFFICIENT_AAL unless the session proved the factor within the last five minutes, as stepUp does.',
  })
  async disableMfa(
    @Arg('password', () => String, password) proof: string,
    @Arg('code', () => String, { description: 'A code of the app, or a recovery code.' }) code: string,
    @Ctx() context: Context,
  ): Promise<boolean> {
    await disableMfa(context.app, actingUser(context), proof, code, context.client);
    return true;
  }

  @Mutation(() => RecoveryCodes, {
    description:
      'Gives ten new recovery codes; the earlier ones are void and every other session ends. INSUFFICIENT_AAL unless the session proved the second factor within the last five minutes, as stepUp does.',
  })
  async regenerateRecoveryCodes(
    @Arg('password', () => String, password) proof: string,
    @Ctx() context: Context,
  ): Promise<RecoveryCodes> {
    return {
      codes: await regenerateRecoveryCodes(context.app, actingUser(context), proof, context.client),
    };
  }

  @Mutation(() => AuthPayload, {
    description:
      'Raises this session to aal 2 without signing in again, and hands out its tokens anew: use the refresh token answered here from now on.',
  })
  async stepUp(
    @Arg('code', () => String, { description: 'A code of the kind that method says.' }) code: string,
    @Arg('method', () => MfaMethod, {
      nullable: true,
      defaultValue: MfaMethod.TOTP,
      description: 'Which kind of code it is. A passkey is no code.',
    })
    method: MfaMethod | null,
    @Ctx() context: Context,
  ): Promise<AuthPayload> {
    return enteredBy(
      context,
      await stepUp(context.app, actingUser(context), { code, method }, context.client),
    );
  }

  @Mutation(() => User, {
    description:
      'Takes the second factor and every passkey off an account of lower rank whose owner has lost them: every session ends, and the password alone signs in again. What has none is left as it is.',
  })
  async resetUserMfa(
    @Arg('userId', () => ID, { description: 'The account.' }) userId: string,
    @Ctx() context: Context,
  ): Promise<User> {
    return shapeUser(await resetMfa(context.app, actingUser(context), userId, context.client));
  }

  @FieldResolver(() => Boolean, {
    nullable: true,
    description: 'Whether signing in asks for a second factor.',
  })
  async mfaEnabled(@Root() user: User, @Ctx() { loaders }: Context): Promise<boolean | null> {
    return isTombstone(user) ? null : loaders.of('mfaEnabled').load(user.id);
  }
}
