import { Arg, Ctx, FieldResolver, ID, Mutation, Resolver, Root } from 'type-graphql';
import type { Context } from '../context.js';
import { listServiceAccess, setServices } from '../domain/service-access.js';
import { ServiceAccess, ServiceAccessInput } from '../schema/service-access.js';
import { User } from '../schema/user.js';
import { actingUser } from './actor.js';
import { isTombstone, shapeServiceAccess, shapeUser } from './shapes.js';

/** Which services an account may use, and as what. */
@Resolver(() => User)
export class ServiceAccessResolver {
  @Mutation(() => User, {
    description:
      'Replaces all service accesses of an account of lower rank by these, at most 100; for holders of users:manage. One gives, changes and takes away only what permits nothing beyond what one holds.',
  })
  async setUserServices(
    @Arg('userId', () => ID, { description: 'The account.' }) userId: string,
    @Arg('services', () => [ServiceAccessInput], { description: 'The accesses from now on.' })
    services: ServiceAccessInput[],
    @Ctx() context: Context,
  ): Promise<User> {
    return shapeUser(await setServices(context.app, actingUser(context), userId, services, context.client));
  }

  @FieldResolver(() => [ServiceAccess], {
    nullable: true,
    description: 'The services that the account has access to, by name, whether or not it lets them in now.',
  })
  async services(@Root() user: User, @Ctx() { app, loaders }: Context): Promise<ServiceAccess[] | null> {
    if (isTombstone(user)) return null;
    return (await listServiceAccess(loaders, user.id, app.clock.now())).map(shapeServiceAccess);
  }
}
