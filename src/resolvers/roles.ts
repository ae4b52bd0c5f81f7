import { Arg, Args, Ctx, FieldResolver, ID, Int, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { Context } from '../context.js';
import { createPermission, deletePermission, listPermissions } from '../domain/permissions.js';
import { createRole, deleteRole, listRoles, updateRole } from '../domain/roles.js';
import { AuthError } from '../errors.js';
import { ForwardPageArgs } from '../schema/page.js';
import { CreateRoleInput, Permission, Role, RoleConnection, UpdateRoleInput } from '../schema/role.js';
import { actingUser } from './actor.js';
import { shapePage, shapeRole } from './shapes.js';

const target = { description: 'The role.' };

/** Roles and the permissions that they carry. */
@Resolver(() => Role)
export class RolesResolver {
  @Query(() => Role, { description: 'One role; for holders of roles:read.' })
  async role(@Arg('id', () => ID, target) id: string, @Ctx() { loaders }: Context): Promise<Role> {
    const role = await loaders.of('role').load(id);
    if (!role) throw new AuthError('NOT_FOUND');
    return shapeRole(role);
  }

  @Query(() => RoleConnection, { description: 'Roles, highest rank first; for holders of roles:read.' })
  async roles(
    @Args(() => ForwardPageArgs) page: ForwardPageArgs,
    @Ctx() { app }: Context,
  ): Promise<RoleConnection> {
    return shapePage(await listRoles(app.db, page), shapeRole);
  }

  @Query(() => [Permission], {
    description: 'Every permission that a role can carry; for holders of roles:read.',
  })
  async permissions(@Ctx() { app }: Context): Promise<Permission[]> {
    return listPermissions(app.db);
  }

  @Mutation(() => Role, {
    description: 'Adds a role of lower rank than one’s own, with permissions that one holds.',
  })
  async createRole(
    @Arg('input', () => CreateRoleInput, { description: 'The new role.' }) input: CreateRoleInput,
    @Ctx() context: Context,
  ): Promise<Role> {
    return shapeRole(await createRole(context.app, actingUser(context), input, context.client));
  }

  @Mutation(() => Role, {
    description: 'Changes a role of lower rank than one’s own; everybody who has it is affected at once.',
  })
  async updateRole(
    @Arg('id', () => ID, target) id: string,
    @Arg('input', () => UpdateRoleInput, { description: 'What to change.' }) input: UpdateRoleInput,
    @Ctx() context: Context,
  ): Promise<Role> {
    return shapeRole(await updateRole(context.app, actingUser(context), id, input, context.client));
  }

  @Mutation(() => Boolean, {
    description: 'Deletes a role and takes it from everybody who has it; built-in roles stay.',
  })
  async deleteRole(@Arg('id', () => ID, target) id: string, @Ctx() context: Context): Promise<boolean> {
    await deleteRole(context.app, actingUser(context), id, context.client);
    return true;
  }

  @Mutation(() => Permission, {
    description:
      'Adds a permission of an application, which roles, business roles and service tokens may then carry. OWNER carries it at once; whoever is not an owner cannot give what they do not hold.',
  })
  async createPermission(
    @Arg('name', () => String, {
      description:
        'A unique name of 1 to 100 letters, digits, _ : and -, a letter first: READ_PATIENT, patients:read. Words that the platform uses (users, roles, services, …) are reserved before a colon.',
    })
    name: string,
    @Arg('description', () => String, { nullable: true, description: 'What it lets its holders do.' })
    description: string | null | undefined,
    @Ctx() context: Context,
  ): Promise<Permission> {
    const permission = { name, description: description ?? null };
    return createPermission(context.app, actingUser(context), permission, context.client);
  }

  @Mutation(() => Boolean, {
    description:
      "Deletes a permission of an application, and takes it out of every role, business role and service token. Only who may edit all of those roles may do so; the platform's own stay.",
  })
  async deletePermission(
    @Arg('name', () => String, { description: 'Its exact name.' }) name: string,
    @Ctx() context: Context,
  ): Promise<boolean> {
    await deletePermission(context.app, actingUser(context), name, context.client);
    return true;
  }

  @FieldResolver(() => [Permission], { name: 'permissions', description: 'What it lets its holders do.' })
  async permissionsOf(@Root() { id }: Role, @Ctx() { loaders }: Context): Promise<Permission[]> {
    return loaders.of('permissionsOfRole').load(id);
  }

  @FieldResolver(() => Int, { description: 'How many accounts have it; for holders of roles:read.' })
  async userCount(@Root() { id }: Role, @Ctx() { loaders }: Context): Promise<number> {
    return loaders.of('userCountOfRole').load(id);
  }
}
