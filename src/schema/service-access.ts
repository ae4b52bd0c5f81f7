import { Field, ID, InputType, ObjectType } from 'type-graphql';
import { BusinessRole } from './business-role.js';
import { describedEnum } from './enum.js';
import { DateTime } from './scalars.js';
import { Service } from './service.js';

/** Whether an access to a service may be used. */
export const ServiceAccessStatus = describedEnum(
  'ServiceAccessStatus',
  'Whether an account’s access to a service may be used.',
  {
    ACTIVE: 'It may be used until it expires.',
    SUSPENDED: 'It is kept, and lets nobody in.',
  },
);
export type ServiceAccessStatus = keyof typeof ServiceAccessStatus;

/** That an account may use a service, and as what. */
@ObjectType({
  simpleResolvers: true,
  description: 'That an account may use a service, and as what.',
})
export class ServiceAccess {
  @Field(() => Service, { description: 'The service.' })
  service: Service;

  @Field(() => BusinessRole, {
    nullable: true,
    description: 'What the account is there; null for nothing in particular.',
  })
  role?: BusinessRole | null;

  @Field(() => ServiceAccessStatus, { description: 'Whether it may be used.' })
  status: ServiceAccessStatus;

  @Field(() => DateTime, { nullable: true, description: 'When it ends; null if it never does by itself.' })
  expiresAt?: Date | null;

  @Field(() => Boolean, {
    description: 'Whether it lets the account in now: the service active, the access active and not expired.',
  })
  valid: boolean;
}

/** That an account shall have access to a service. */
@InputType({ description: 'Access of an account to one service.' })
export class ServiceAccessInput {
  @Field(() => ID, { description: 'The service, at most once in a list; a disabled one may be named.' })
  serviceId: string;

  @Field(() => ID, {
    nullable: true,
    description: 'What the account is there: a business role of that service or a general one.',
  })
  businessRoleId?: string | null;

  @Field(() => ServiceAccessStatus, {
    nullable: true,
    defaultValue: ServiceAccessStatus.ACTIVE,
    description: 'Whether the access may be used.',
  })
  status?: ServiceAccessStatus | null;

  @Field(() => DateTime, { nullable: true, description: 'When it ends, in the future; never when left out.' })
  expiresAt?: Date | null;
}
