import { Arg, Ctx, FieldResolver, ID, Mutation, Resolver, Root } from 'type-graphql';
import type { Context } from '../context.js';
import {
  passkeyRegistrationOptions,
  passkeyStepUpOptions,
  registerPasskey,
  removePasskey,
  renamePasskey,
  stepUpWithPasskey,
} from '../domain/passkeys.js';
import {
  passkeyChallengeOptions,
  passkeySignInOptions,
  signInWithPasskey,
  verifyMfaWithPasskey,
} from '../domain/signin.js';
import { AuthPayload } from '../schema/auth.js';
import { Passkey } from '../schema/passkey.js';
import { Json } from '../schema/scalars.js';
import { User } from '../schema/user.js';
import { actingUser } from './actor.js';
import { enteredBy, isTombstone, shapePasskey } from './shapes.js';

const password = { description: 'The password, as proof.' };
const used = {
  description:
    'What navigator.credentials.get answered, as its JSON (toJSON of the PublicKeyCredential). BAD_USER_INPUT for what no browser answers.',
};
const deviceToken = {
  nullable: true,
  description:
    'The deviceToken of an earlier AuthPayload on this device, where there was one: what others guess then shuts nobody out here.',
};
const id = { description: 'The passkey.' };

/** Passkeys: registered, used and managed. Options are the JSON of the browser's WebAuthn interface. */
@Resolver(() => User)
export class PasskeysResolver {
  @Mutation(() => Json, {
    description:
      'What navigator.credentials.create needs to make a passkey of this account; registerPasskey takes its answer, from this session and within five minutes. INSUFFICIENT_AAL where the account has a second factor that this session has not proved within the last five minutes; CONFLICT when there are 20 passkeys.',
  })
  async passkeyRegistrationOptions(
    @Arg('password', () => String, password) proof: string,
    @Ctx() context: Context,
  ): Promise<unknown> {
    return passkeyRegistrationOptions(context.app, actingUser(context), proof, context.client);
  }

  @Mutation(() => Passkey, {
    description:
      'Adds the passkey that the browser has made; every other session ends. A passkey signs in without the password; it does not make the password sign-in ask for a second factor, but where one is asked for it is one way to prove it.',
  })
  async registerPasskey(
    @Arg('response', () => Json, {
      description:
        'What navigator.credentials.create answered, as its JSON (toJSON of the PublicKeyCredential). BAD_USER_INPUT for what no browser answers, and for what was made for another service or too late.',
    })
    response: unknown,
    @Arg('name', () => String, {
      nullable: true,
      description: 'What to call it, in 1 to 64 characters; "Passkey" and a number when left out.',
    })
    name: string | null | undefined,
    @Ctx() context: Context,
  ): Promise<Passkey> {
    return shapePasskey(
      await registerPasskey(context.app, actingUser(context), response, name, context.client),
    );
  }

  @Mutation(() => Json, {
    description:
      'What navigator.credentials.get needs to sign in with a passkey; signInWithPasskey takes its answer, once and within five minutes. Of a login that is unknown or has no passkey the answer has the same form.',
  })
  async passkeySignInOptions(
    @Arg('login', () => String, {
      nullable: true,
      description: 'Email address or username; left out, the browser offers the passkeys it knows.',
    })
    login: string | null | undefined,
    @Ctx() { app }: Context,
  ): Promise<unknown> {
    return passkeySignInOptions(app, login);
  }

  @Mutation(() => AuthPayload, {
    description:
      'Signs in by a passkey alone, which reaches aal 2, as the device has verified its user. Whatever is wrong with it is INVALID_CREDENTIALS; deleted and suspended are said only after the right passkey, and so is EMAIL_NOT_VERIFIED.',
  })
  async signInWithPasskey(
    @Arg('response', () => Json, used) response: unknown,
    @Arg('deviceToken', () => String, deviceToken) device: string | null | undefined,
    @Ctx() context: Context,
  ): Promise<AuthPayload> {
    return enteredBy(context, await signInWithPasskey(context.app, response, device, context.client));
  }

  @Mutation(() => Json, {
    description:
      'What navigator.credentials.get needs to finish, with a passkey, a sign-in that answered MfaChallenge; verifyMfaWithPasskey takes its answer. Asking again voids the earlier answer. CONFLICT when the account has no passkey.',
  })
  async passkeyChallengeOptions(
    @Arg('challengeToken', () => String, { description: 'The challengeToken of the MfaChallenge.' })
    challengeToken: string,
    @Ctx() { app }: Context,
  ): Promise<unknown> {
    return passkeyChallengeOptions(app, challengeToken);
  }

  @Mutation(() => AuthPayload, {
    description:
      'Finishes a sign-in that answered MfaChallenge, by a passkey, as verifyMfa does by a code: MFA_CODE_INVALID for a wrong one, and five wrong ones of either kind, or five minutes, end the challenge.',
  })
  async verifyMfaWithPasskey(
    @Arg('challengeToken', () => String, { description: 'The challengeToken of the MfaChallenge.' })
    challengeToken: string,
    @Arg('response', () => Json, used) response: unknown,
    @Arg('deviceToken', () => String, deviceToken) device: string | null | undefined,
    @Ctx() context: Context,
  ): Promise<AuthPayload> {
    const waiting = { challengeToken, deviceToken: device };
    const tokens = await verifyMfaWithPasskey(context.app, waiting, response, context.client);
    return enteredBy(context, tokens);
  }

  @Mutation(() => Json, {
    description:
      'What navigator.credentials.get needs to raise this session to aal 2 by a passkey; stepUpWithPasskey takes its answer. CONFLICT when the account has no passkey.',
  })
  async passkeyStepUpOptions(@Ctx() context: Context): Promise<unknown> {
    return passkeyStepUpOptions(context.app, actingUser(context));
  }

  @Mutation(() => AuthPayload, {
    description:
      'Raises this session to aal 2 by a passkey, as stepUp does by a code, and hands out its tokens anew: use the refresh token answered here from now on. MFA_CODE_INVALID for a wrong one.',
  })
  async stepUpWithPasskey(
    @Arg('response', () => Json, used) response: unknown,
    @Ctx() context: Context,
  ): Promise<AuthPayload> {
    const tokens = await stepUpWithPasskey(context.app, actingUser(context), response, context.client);
    return enteredBy(context, tokens);
  }

  @Mutation(() => Passkey, { description: 'Calls one of one’s own passkeys something else.' })
  async renamePasskey(
    @Arg('id', () => ID, id) passkey: string,
    @Arg('name', () => String, { description: 'What to call it, in 1 to 64 characters.' }) name: string,
    @Ctx() context: Context,
  ): Promise<Passkey> {
    return shapePasskey(await renamePasskey(context.app, actingUser(context), passkey, name, context.client));
  }

  @Mutation(() => Boolean, {
    description:
      'Removes one of one’s own passkeys; every other session ends, and with the last one this session drops to what else it has proved. INSUFFICIENT_AAL as with passkeyRegistrationOptions.',
  })
  async removePasskey(
    @Arg('id', () => ID, id) passkey: string,
    @Arg('password', () => String, password) proof: string,
    @Ctx() context: Context,
  ): Promise<boolean> {
    await removePasskey(context.app, actingUser(context), passkey, proof, context.client);
    return true;
  }

  @FieldResolver(() => [Passkey], {
    nullable: true,
    description: 'The passkeys of the account, oldest first.',
  })
  async passkeys(@Root() user: User, @Ctx() { loaders }: Context): Promise<Passkey[] | null> {
    return isTombstone(user) ? null : (await loaders.of('passkeysOfUser').load(user.id)).map(shapePasskey);
  }
}
