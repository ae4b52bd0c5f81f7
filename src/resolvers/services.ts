import { Arg, Args, Ctx, FieldResolver, ID, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { Context } from '../context.js';
import { listAccountsOfService } from '../domain/service-access.js';
import { createService, deleteService, listServices, updateService } from '../domain/services.js';
import { AuthError } from '../errors.js';
import { ForwardPageArgs } from '../schema/page.js';
import { CreateServiceInput, Service, ServiceConnection, UpdateServiceInput } from '../schema/service.js';
import { UserConnection } from '../schema/user.js';
import { actingUser } from './actor.js';
import { shapePage, shapeService, shapeUser } from './shapes.js';

const target = { description: 'The service.' };

/** Services: registered applications. */
@Resolver(() => Service)
export class ServicesResolver {
  @Query(() => Service, {
    description: 'One service; for holders of services:read, and for a service about itself.',
  })
  async service(@Arg('id', () => ID, target) id: string, @Ctx() { loaders }: Context): Promise<Service> {
    const service = await loaders.of('service').load(id);
    if (!service) throw new AuthError('NOT_FOUND');
    return shapeService(service);
  }

  @Query(() => ServiceConnection, { description: 'Services by name; for holders of services:read.' })
  async services(
    @Args(() => ForwardPageArgs) page: ForwardPageArgs,
    @Ctx() { app }: Context,
  ): Promise<ServiceConnection> {
    return shapePage(await listServices(app.db, page), shapeService);
  }

  @Mutation(() => Service, {
    description: 'Registers a service, active at once; for holders of services:manage.',
  })
  async createService(
    @Arg('input', () => CreateServiceInput, { description: 'The new service.' }) input: CreateServiceInput,
    @Ctx() context: Context,
  ): Promise<Service> {
    return shapeService(await createService(context.app, actingUser(context), input, context.client));
  }

  @Mutation(() => Service, {
    description:
      'Changes a service; for holders of services:manage. One that is disabled lets nobody in, from the next verification on.',
  })
  async updateService(
    @Arg('id', () => ID, target) id: string,
    @Arg('input', () => UpdateServiceInput, { description: 'What to change.' }) input: UpdateServiceInput,
    @Ctx() context: Context,
  ): Promise<Service> {
    return shapeService(await updateService(context.app, actingUser(context), id, input, context.client));
  }

  @Mutation(() => Boolean, {
    description:
      'Deletes a service for good; for holders of services:manage. Its tokens are revoked, every access to it ends, its business roles are gone, and its name is free.',
  })
  async deleteService(@Arg('id', () => ID, target) id: string, @Ctx() context: Context): Promise<boolean> {
    await deleteService(context.app, actingUser(context), id, context.client);
    return true;
  }

  @FieldResolver(() => UserConnection, {
    description:
      'Accounts with access to it, whatever its status, newest first and without deleted ones; for holders of users:read.',
  })
  async accounts(
    @Root() { id }: Service,
    @Args(() => ForwardPageArgs) page: ForwardPageArgs,
    @Ctx() { loaders }: Context,
  ): Promise<UserConnection> {
    return shapePage(await listAccountsOfService(loaders, id, page), shapeUser);
  }
}
