import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Ctx, Info, Int, Mutation, Resolver } from 'type-graphql';
import type { Context } from '../context.js';
import { resendVerification, verifyEmail } from '../domain/email-verification.js';
import { revokeToken } from '../domain/revoking.js';
import { rotate, rotateWithRows, signOut, signOutOthers } from '../domain/sessions.js';
import { signIn, type SignedIn } from '../domain/signin.js';
import { signUp } from '../domain/signup.js';
import { AuthPayload, SignInInput, SignInResult, SignUpInput, SignUpResult } from '../schema/auth.js';
import { EmailAddress } from '../schema/scalars.js';
import { actingUser } from './actor.js';
import { selects } from './selection.js';
import { actorOfTokens, enteredBy, shapeBareTokens, shapeSignedIn, shapeSignedUp } from './shapes.js';

/** What of a refresh's answer takes more than the tokens. */
const ROWS: ReadonlySet<string> = new Set(['user', 'session']);

/** Entering, staying and leaving. */
@Resolver()
export class AuthResolver {
  @Mutation(() => SignUpResult, {
    description:
      'Opens an account and signs it in; or answers EmailVerificationPending where the deployment wants the email address confirmed first. CONFLICT names the field that is taken.',
  })
  async signUp(
    @Arg('input', () => SignUpInput, { description: 'Who signs up.' }) input: SignUpInput,
    @Ctx() context: Context,
  ): Promise<typeof SignUpResult> {
    const signedUp = await signUp(context.app, input, context.client);
    become(context, signedUp);
    return shapeSignedUp(signedUp);
  }

  @Mutation(() => SignInResult, {
    description:
      'Signs in by email address or username. An unknown login and a wrong password are indistinguishable in answer and time: INVALID_CREDENTIALS. Deleted and suspended are said only after the right password.',
  })
  async signIn(
    @Arg('input', () => SignInInput, { description: 'Who signs in.' }) input: SignInInput,
    @Ctx() context: Context,
  ): Promise<typeof SignInResult> {
    const { login, password, deviceToken } = input;
    const signedIn = await signIn(context.app, login, password, deviceToken, context.client);
    become(context, signedIn);
    return shapeSignedIn(signedIn);
  }

  @Mutation(() => AuthPayload, {
    description:
      'Spends a single-use refresh token for the next pair of tokens. Concurrent and retried calls inside the replay window get the same successor; any later use ends the session: REFRESH_TOKEN_REUSED.',
  })
  async refresh(
    @Arg('refreshToken', () => String, { description: 'The refresh token last received.' })
    refreshToken: string,
    @Ctx() context: Context,
    @Info() info: GraphQLResolveInfo,
  ): Promise<Omit<AuthPayload, 'user' | 'session'>> {
    const { app, client } = context;
    if (selects(info, ROWS)) return enteredBy(context, await rotateWithRows(app, refreshToken, client));
    const tokens = await rotate(app, refreshToken, client);
    context.actor = actorOfTokens(tokens);
    return shapeBareTokens(tokens);
  }

  @Mutation(() => Boolean, {
    description:
      "Ends an access or refresh token and its session; holding it is proof enough (RFC 7009). Unknown, ended and other issuers' tokens answer true and change nothing. A service ends its own tokens and JWTs by it too, and with tokens:revoke those of others.",
  })
  async revoke(
    @Arg('token', () => String, { description: 'An access or refresh token.' }) token: string,
    @Ctx() { app, actor, client }: Context,
  ): Promise<boolean> {
    await revokeToken(app, token, client, actor.kind === 'service' ? actor : undefined);
    return true;
  }

  @Mutation(() => Boolean, { description: 'Ends the session that asks, or every session of the account.' })
  async signOut(
    @Arg('everywhere', () => Boolean, {
      nullable: true,
      defaultValue: false,
      description: 'Whether to end every session of the account.',
    })
    everywhere: boolean | null,
    @Ctx() context: Context,
  ): Promise<boolean> {
    await signOut(context.app, actingUser(context), everywhere ?? false, context.client);
    return true;
  }

  @Mutation(() => Int, {
    description:
      'Signs the account out everywhere else: every session but the one that asks ends. Answers how many did.',
  })
  async signOutOthers(@Ctx() context: Context): Promise<number> {
    return signOutOthers(context.app, actingUser(context), context.client);
  }

  @Mutation(() => Boolean, {
    description:
      'Confirms an email address by the token of the link that was mailed to it; ONE_TIME_TOKEN_INVALID when it was used or is too old.',
  })
  async verifyEmail(
    @Arg('token', () => String, { description: 'The token in the link.' }) token: string,
    @Ctx() { app, client }: Context,
  ): Promise<boolean> {
    await verifyEmail(app, token, client);
    return true;
  }

  @Mutation(() => Boolean, {
    description:
      'Mails a new link to confirm an address. Always true, whether or not there is such an account.',
  })
  async resendVerificationEmail(
    @Arg('email', () => EmailAddress, { description: 'The address to confirm.' }) email: string,
    @Ctx() { app }: Context,
  ): Promise<boolean> {
    await resendVerification(app, email);
    return true;
  }
}

/** From here on the request acts as the account that just entered, so that its own fields can be read in the same answer. */
function become(context: Context, signedIn: SignedIn): void {
  if (signedIn.kind === 'tokens') context.actor = actorOfTokens(signedIn.tokens);
}
