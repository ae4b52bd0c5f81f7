import { Directive, Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import { connectionOf, type Connection } from './page.js';

/** A named set of permissions. `permissions` and `userCount` are field resolvers. */
@ObjectType({
  simpleResolvers: true,
  description:
    'A named set of permissions. Rank orders roles, higher is more: USER 10, STAFF 20, HIGHER_STAFF 30, OWNER 100, and others as their makers chose. Nobody manages an account, or grants or edits a role, of a rank equal to or above their own; owners alone may, and the last active owner stays one.',
})
@Directive('@key(fields: "id")')
export class Role {
  @Field(() => ID, { description: 'The role; a UUIDv7.' })
  id: string;

  @Field(() => String, { description: 'The unique name of the role, such as STAFF.' })
  name: string;

  @Field(() => String, { nullable: true, description: 'What the role is for.' })
  description?: string | null;

  @Field(() => Int, { description: 'Its place in the order of roles; higher is more.' })
  rank: number;

  @Field(() => Boolean, {
    description: 'USER, STAFF, HIGHER_STAFF and OWNER are built in and cannot be deleted.',
  })
  builtIn: boolean;
}

/** One page of roles. */
export const RoleConnection = connectionOf(() => Role, 'Role', 'roles');
export type RoleConnection = Connection<Role>;

/** Something a role lets its holders do. */
@ObjectType({
  simpleResolvers: true,
  description:
    "Something that a role lets its holders do. The platform's own are noun:verb and reserved; applications add theirs, under any name of letters, digits, _ : and - (READ_PATIENT, patients:read). All serve as scopes as well.",
})
export class Permission {
  @Field(() => String, { description: 'The unique name, such as users:read.' })
  name: string;

  @Field(() => String, { nullable: true, description: 'What it lets its holders do.' })
  description?: string | null;

  @Field(() => Boolean, { description: "Whether it is one of the platform's own, which cannot be deleted." })
  builtIn: boolean;
}

/** A new role. */
@InputType({ description: 'A new role.' })
export class CreateRoleInput {
  @Field(() => String, { description: 'A unique name.' })
  name: string;

  @Field(() => String, { nullable: true, description: 'What the role is for.' })
  description?: string | null;

  @Field(() => Int, { description: 'Its place in the order of roles, below your own; higher is more.' })
  rank: number;

  @Field(() => [String], { description: 'Names of the permissions it carries.' })
  permissions: string[];
}

/** Changes to a role; a field left out stays. */
@InputType({ description: 'Changes to a role. A field left out stays as it is.' })
export class UpdateRoleInput {
  @Field(() => String, { nullable: true, description: 'A new unique name; those of built-in roles stay.' })
  name?: string | null;

  @Field(() => String, { nullable: true, description: 'What the role is for; null clears it.' })
  description?: string | null;

  @Field(() => Int, { nullable: true, description: 'A new place in the order of roles, below your own.' })
  rank?: number | null;

  @Field(() => [String], {
    nullable: true,
    description: 'Names of permissions; they replace those it carries.',
  })
  permissions?: string[] | null;
}
