import { Directive, Field, ID, InputType, ObjectType } from 'type-graphql';
import { connectionOf, type Connection } from './page.js';

/** What an account is inside an application. `service` is a field resolver. */
@ObjectType({
  simpleResolvers: true,
  description:
    'What an account is inside one application: provider, patient, cashier. It is given with access to a service; what it permits adds to what the account’s roles permit wherever that service is asked about, and nowhere else.',
})
@Directive('@key(fields: "id")')
export class BusinessRole {
  @Field(() => ID, { description: 'The business role; a UUIDv7.' })
  id: string;

  @Field(() => String, {
    description: 'Its name, unique without regard to case within its service, or among the general ones.',
  })
  name: string;

  @Field(() => String, { nullable: true, description: 'What it is for.' })
  description?: string | null;

  @Field(() => [String], {
    description: 'Names of the permissions that it carries, all of them applications’ own.',
  })
  permissions: string[];

  /** Whom `service` asks for; not shown. */
  serviceId: string | null;
}

/** One page of business roles. */
export const BusinessRoleConnection = connectionOf(() => BusinessRole, 'BusinessRole', 'business roles');
export type BusinessRoleConnection = Connection<BusinessRole>;

/** A new business role. */
@InputType({ description: 'A new business role.' })
export class CreateBusinessRoleInput {
  @Field(() => String, {
    description:
      '2 to 64 letters, digits, _ or -, a letter first; unique without regard to case within its service, or among the general ones.',
  })
  name: string;

  @Field(() => String, { nullable: true, description: 'What it is for.' })
  description?: string | null;

  @Field(() => ID, {
    nullable: true,
    description:
      'The one service that it can be given at, for good; general, for any service, when left out.',
  })
  serviceId?: string | null;

  @Field(() => [String], {
    description:
      'Names of applications’ permissions, all of which you hold; the platform’s own belong in roles.',
  })
  permissions: string[];
}

/** Changes to a business role; a field left out stays. */
@InputType({ description: 'Changes to a business role. A field left out stays as it is.' })
export class UpdateBusinessRoleInput {
  @Field(() => String, {
    nullable: true,
    description: 'A new name, unique within its service, or among the general ones.',
  })
  name?: string | null;

  @Field(() => String, { nullable: true, description: 'What it is for; null clears it.' })
  description?: string | null;

  @Field(() => [String], {
    nullable: true,
    description: 'Names of applications’ permissions; they replace those it carries.',
  })
  permissions?: string[] | null;
}
