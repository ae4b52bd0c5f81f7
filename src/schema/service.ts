import { Directive, Field, ID, ObjectType } from 'type-graphql';
import { describedEnum } from './enum.js';
import { DateTime } from './scalars.js';

/** Whether a service is served. */
export const ServiceStatus = describedEnum('ServiceStatus', 'Whether a service may use the platform.', {
  ACTIVE: 'The service and its tokens are trusted.',
  DISABLED: 'None of its tokens is trusted, and nobody has access to it.',
});
export type ServiceStatus = keyof typeof ServiceStatus;

/** A registered application. */
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
