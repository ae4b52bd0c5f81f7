import { Arg, Ctx, Directive, FieldResolver, ID, Int, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { Context } from '../context.js';
import {
  issueServiceToken,
  revokeServiceToken,
  rotateServiceToken,
  verifyServiceToken,
} from '../domain/service-tokens.js';
import { Service } from '../schema/service.js';
import {
  IssuedServiceToken,
  IssueServiceTokenInput,
  ServiceToken,
  ServiceTokenVerification,
} from '../schema/service-token.js';
import { actingUser } from './actor.js';
import { shapeIssued, shapeServiceToken } from './shapes.js';

const target = { description: 'The token; a UUIDv7, not its text.' };

/** The credentials of services. */
@Resolver(() => Service)
export class ServiceTokensResolver {
  @Directive('@tag(name: "internal")')
  @Query(() => ServiceTokenVerification, {
    description:
      'Is this the live service token of the service with this name? Answers data, never an error, for any token however malformed. Asked by services about any name, by the gateway, and by accounts with tokens:introspect.',
  })
  async verifyServiceToken(
    @Arg('serviceName', () => String, { description: 'The name that the token must be of.' })
    serviceName: string,
    @Arg('token', () => String, {
      description:
        'The service token, ags_…. The JWT that a service was given for it is MALFORMED here: verifyToken judges it.',
    })
    token: string,
    @Ctx() context: Context,
  ): Promise<ServiceTokenVerification> {
    return verifyServiceToken(context.app, context, serviceName, token);
  }

  @Mutation(() => IssuedServiceToken, {
    description:
      'Issues a token to a service; its secret is shown this once. A service holds at most 20 live tokens, and a disabled one gets none: CONFLICT.',
  })
  async issueServiceToken(
    @Arg('serviceId', () => ID, { description: 'The service.' }) serviceId: string,
    @Arg('input', () => IssueServiceTokenInput, { nullable: true, description: 'What to issue.' })
    input: IssueServiceTokenInput | null | undefined,
    @Ctx() context: Context,
  ): Promise<IssuedServiceToken> {
    const { app, client } = context;
    return shapeIssued(await issueServiceToken(app, actingUser(context), serviceId, input ?? {}, client));
  }

  @Mutation(() => IssuedServiceToken, {
    description:
      'Issues the successor of a live token, with its label and scopes, for 90 days; its secret is shown this once. The old one stays valid for the overlap, and a third one beside these two is CONFLICT.',
  })
  async rotateServiceToken(
    @Arg('id', () => ID, target) id: string,
    @Arg('overlapSeconds', () => Int, {
      nullable: true,
      defaultValue: 86_400,
      description: 'How long the old token stays valid, 0 to 2592000; never beyond its own end.',
    })
    overlapSeconds: number | null,
    @Ctx() context: Context,
  ): Promise<IssuedServiceToken> {
    const { app, client } = context;
    return shapeIssued(await rotateServiceToken(app, actingUser(context), id, overlapSeconds, client));
  }

  @Mutation(() => Boolean, {
    description: 'Ends a service token at once, everywhere; the others of its service stay. Twice is once.',
  })
  async revokeServiceToken(
    @Arg('id', () => ID, target) id: string,
    @Ctx() context: Context,
  ): Promise<boolean> {
    await revokeServiceToken(context.app, actingUser(context), id, context.client);
    return true;
  }

  @FieldResolver(() => [ServiceToken], {
    description: 'Its tokens, newest first, ended ones among them; for holders of services:manage.',
  })
  async tokens(@Root() { id }: Service, @Ctx() { loaders }: Context): Promise<ServiceToken[]> {
    return (await loaders.of('tokensOfService').load(id)).map(shapeServiceToken);
  }
}
