import { Directive, Field, ID, InputType, ObjectType } from 'type-graphql';
import { describedEnum } from './enum.js';
import { connectionOf, type Connection } from './page.js';
import { DateTime } from './scalars.js';

/** Whether a service is served. */
export const ServiceStatus = describedEnum('ServiceStatus', 'Whether a service may use the platform.', {
  ACTIVE: 'The service and its tokens are trusted.',
  DISABLED: 'None of its tokens is trusted, and nobody has access to it.',
});
export type ServiceStatus = keyof typeof ServiceStatus;

/** A registered application. `accounts` is a field resolver. */
@ObjectType({
  simpleResolvers: true,
  description: 'An application registered here: it verifies tokens, and accounts are given access to it.',
})
@Directive('@key(fields: "id")')
@Directive('@key(fields: "name")')
export class Service {
  @Field(() => ID, { description: 'The service; a UUIDv7.' })
  id: string;

  @Field(() => String, { description: 'The unique name of the service, in kebab-case.' })
  name: string;

  @Field(() => String, { nullable: true, description: 'What the service does.' })
  description?: string | null;

  @Field(() => ServiceStatus, { description: 'Whether the service may use the platform.' })
  status: ServiceStatus;

  @Field(() => DateTime, { description: 'When the service was registered.' })
  createdAt: Date;

  @Field(() => DateTime, { description: 'When the service was last changed.' })
  updatedAt: Date;
}

/** One page of services. */
export const ServiceConnection = connectionOf(() => Service, 'Service', 'services');
export type ServiceConnection = Connection<Service>;

/** A new service. */
@InputType({ description: 'A new service.' })
export class CreateServiceInput {
  @Field(() => String, {
    description: 'A unique name in kebab-case: 2 to 64 lower-case letters and digits in words joined by -.',
  })
  name: string;

  @Field(() => String, { nullable: true, description: 'What the service does.' })
  description?: string | null;
}

/** Changes to a service; a field left out stays. */
@InputType({ description: 'Changes to a service. A field left out stays as it is.' })
export class UpdateServiceInput {
  @Field(() => String, { nullable: true, description: 'A new unique name in kebab-case.' })
  name?: string | null;

  @Field(() => String, { nullable: true, description: 'What the service does; null clears it.' })
  description?: string | null;

  @Field(() => ServiceStatus, {
    nullable: true,
    description: 'DISABLED lets nobody in, from the next verification on; ACTIVE undoes it.',
  })
  status?: ServiceStatus | null;
}
