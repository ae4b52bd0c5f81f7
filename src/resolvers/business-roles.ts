import { Arg, Args, Ctx, FieldResolver, ID, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { Context } from '../context.js';
import {
  createBusinessRole,
  deleteBusinessRole,
  listBusinessRoles,
  updateBusinessRole,
} from '../domain/business-roles.js';
import { AuthError } from '../errors.js';
import {
  BusinessRole,
  BusinessRoleConnection,
  CreateBusinessRoleInput,
  UpdateBusinessRoleInput,
} from '../schema/business-role.js';
import { ForwardPageArgs } from '../schema/page.js';
import { Service } from '../schema/service.js';
import { actingUser } from './actor.js';
import { shapeBusinessRole, shapePage, shapeService } from './shapes.js';

const target = { description: 'The business role.' };

/** Business roles: what accounts are inside applications. */
@Resolver(() => BusinessRole)
export class BusinessRolesResolver {
  @Query(() => BusinessRole, { description: 'One business role; for holders of roles:read.' })
  async businessRole(
    @Arg('id', () => ID, target) id: string,
    @Ctx() { loaders }: Context,
  ): Promise<BusinessRole> {
    const role = await loaders.of('businessRole').load(id);
    if (!role) throw new AuthError('NOT_FOUND');
    return shapeBusinessRole(role);
  }

  @Query(() => BusinessRoleConnection, { description: 'Business roles by name; for holders of roles:read.' })
  async businessRoles(
    @Args(() => ForwardPageArgs) page: ForwardPageArgs,
    @Arg('serviceId', () => ID, {
      nullable: true,
      description: 'Only those that can be given at this service: its own and the general ones.',
    })
    serviceId: string | null | undefined,
    @Ctx() { app }: Context,
  ): Promise<BusinessRoleConnection> {
    return shapePage(await listBusinessRoles(app.db, page, serviceId ?? null), shapeBusinessRole);
  }

  @Mutation(() => BusinessRole, {
    description: 'Adds a business role with permissions that one holds; for holders of roles:manage.',
  })
  async createBusinessRole(
    @Arg('input', () => CreateBusinessRoleInput, { description: 'The new business role.' })
    input: CreateBusinessRoleInput,
    @Ctx() context: Context,
  ): Promise<BusinessRole> {
    const { app, client } = context;
    return shapeBusinessRole(await createBusinessRole(app, actingUser(context), input, client));
  }

  @Mutation(() => BusinessRole, {
    description:
      'Changes a business role of which one holds every permission, before and after; everybody who has it is affected at once. For holders of roles:manage.',
  })
  async updateBusinessRole(
    @Arg('id', () => ID, target) id: string,
    @Arg('input', () => UpdateBusinessRoleInput, { description: 'What to change.' })
    input: UpdateBusinessRoleInput,
    @Ctx() context: Context,
  ): Promise<BusinessRole> {
    const { app, client } = context;
    return shapeBusinessRole(await updateBusinessRole(app, actingUser(context), id, input, client));
  }

  @Mutation(() => Boolean, {
    description:
      'Deletes a business role of which one holds every permission; whoever had it keeps access to the service, as nothing in particular. For holders of roles:manage.',
  })
  async deleteBusinessRole(
    @Arg('id', () => ID, target) id: string,
    @Ctx() context: Context,
  ): Promise<boolean> {
    await deleteBusinessRole(context.app, actingUser(context), id, context.client);
    return true;
  }

  @FieldResolver(() => Service, {
    nullable: true,
    description: 'The one service that it can be given at; null for a general one.',
  })
  async service(@Root() { serviceId }: BusinessRole, @Ctx() { loaders }: Context): Promise<Service | null> {
    const service = serviceId === null ? undefined : await loaders.of('service').load(serviceId);
    return service ? shapeService(service) : null;
  }
}
