import { Arg, Ctx, Directive, FieldResolver, ID, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { Context } from '../context.js';
import { compromiseKey, listSigningKeys, publishNextKey } from '../domain/tokens.js';
import { verifyToken, verifyTokens, type TokenQuestion } from '../domain/verification.js';
import { SigningKey } from '../schema/key.js';
import { TOKEN_ONLY, TokenVerification, TokenVerificationRequest } from '../schema/token.js';
import { User } from '../schema/user.js';
import { actingUser } from './actor.js';
import { shapeKey, shapeUser } from './shapes.js';

/** What is asked thousands of times a second, taken straight from the arguments as GraphQL has checked them. */
export const leanQueries = {
  verifyToken: (
    _root: unknown,
    question: TokenQuestion,
    context: Context,
  ): TokenVerification | Promise<TokenVerification> => verifyToken(context.app, context, question),
  verifyTokens: (
    _root: unknown,
    { requests }: { requests: TokenQuestion[] },
    context: Context,
  ): TokenVerification[] | Promise<TokenVerification[]> => verifyTokens(context.app, context, requests),
};

/** Whether tokens may be trusted, and the keys that sign them. */
@Resolver(() => TokenVerification)
export class TokensResolver {
  @Directive('@tag(name: "internal")')
  @Query(() => TokenVerification, {
    description:
      'May this token be trusted now, and for this? Answers data, never an error, for any token however malformed. Asked by the gateway, by services about themselves or with the scope tokens:introspect about any, by a holder about its own token, and by accounts with tokens:introspect.',
  })
  verifyToken(
    @Arg('token', () => String, { description: 'The access token, without "Bearer".' }) token: string,
    @Arg('serviceId', () => ID, {
      nullable: true,
      description:
        'Asks as well for access to this service; a service that leaves it out asks about itself. Where nobody is asked about, by the gateway or with tokenOnly, the JWT of a service is valid whichever service it is for.',
    })
    serviceId: string | null | undefined,
    @Arg('requires', () => [String], {
      nullable: true,
      description: 'Permissions that the subject must all have.',
    })
    requires: string[] | null | undefined,
    @Arg('tokenOnly', () => Boolean, { defaultValue: false, description: TOKEN_ONLY })
    tokenOnly: boolean,
    @Ctx() context: Context,
  ): TokenVerification | Promise<TokenVerification> {
    return leanQueries.verifyToken(undefined, { token, serviceId, requires, tokenOnly }, context);
  }

  @Directive('@tag(name: "internal")')
  @Query(() => [TokenVerification], { description: 'Up to 100 verifications at once, answers in order.' })
  verifyTokens(
    @Arg('requests', () => [TokenVerificationRequest], { description: 'What is asked.' })
    requests: TokenVerificationRequest[],
    @Ctx() context: Context,
  ): TokenVerification[] | Promise<TokenVerification[]> {
    return leanQueries.verifyTokens(undefined, { requests }, context);
  }

  @FieldResolver(() => User, {
    nullable: true,
    description: 'The full account, where the subject is one of ours; only fetched when selected.',
  })
  async user(@Root() { subject }: TokenVerification, @Ctx() { loaders }: Context): Promise<User | null> {
    const user = subject?.type === 'USER' ? await loaders.of('user').load(subject.id) : undefined;
    return user ? shapeUser(user) : null;
  }

  @Query(() => [SigningKey], {
    description:
      'Keys that sign access tokens, newest first, with their states and times; for holders of keys:manage.',
  })
  async signingKeys(@Ctx() { app }: Context): Promise<SigningKey[]> {
    return (await listSigningKeys(app.db)).map(shapeKey);
  }

  @Mutation(() => SigningKey, {
    description:
      'Publishes the next signing key now; it signs once every verifier had time to fetch it. Answers the one that waits already, if there is one.',
  })
  async rotateSigningKey(@Ctx() context: Context): Promise<SigningKey> {
    return shapeKey(
      await publishNextKey(context.app, { by: actingUser(context).id, client: context.client }),
    );
  }

  @Mutation(() => SigningKey, {
    description: 'Emergency: nothing signed by this key is trusted any more, and another one signs at once.',
  })
  async revokeSigningKey(
    @Arg('kid', () => ID, { description: 'The key’s id.' }) kid: string,
    @Ctx() context: Context,
  ): Promise<SigningKey> {
    return shapeKey(
      await compromiseKey(context.app, kid, { by: actingUser(context).id, client: context.client }),
    );
  }
}
