import { ArgsType, Field, ID, InputType, Int, ObjectType } from 'type-graphql';
import { describedEnum } from './enum.js';
import { connectionOf, type Connection } from './page.js';
import { DateTime, Json } from './scalars.js';

/** How something that was recorded came out. */
export const AuditOutcome = describedEnum('AuditOutcome', 'How something that was recorded came out.', {
  SUCCESS: 'It was done.',
  FAILURE: 'It was tried in vain: a wrong password, a token that is not valid.',
  DENIED: 'Whoever asked may not have it.',
});
export type AuditOutcome = keyof typeof AuditOutcome;

/** One line of the audit record. */
@ObjectType({
  simpleResolvers: true,
  description:
    'One line of the audit record, which is only ever added to. It holds ids, names of roles and codes, and no secret.',
})
export class AuditEvent {
  @Field(() => ID, { description: 'The event; a UUIDv7.' })
  id: string;

  @Field(() => DateTime, { description: 'When it happened, by the clock of the database.' })
  occurredAt: Date;

  @Field(() => String, { description: 'What happened, such as sign_in.succeeded or roles.set.' })
  type: string;

  @Field(() => AuditOutcome, { description: 'How it came out.' })
  outcome: AuditOutcome;

  @Field(() => String, {
    nullable: true,
    description:
      'Id of the account or service that did it; null for the service itself and for callers without a name.',
  })
  actor?: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'Id of the account or thing that it was done to; null where there is none.',
  })
  subject?: string | null;

  @Field(() => String, { nullable: true, description: 'The address it was asked from, where it is known.' })
  ipAddress?: string | null;

  @Field(() => String, { nullable: true, description: 'The program it was asked with, in its own words.' })
  userAgent?: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      'The request, as in the log and in x-request-id; of events that count several, the first one.',
  })
  requestId?: string | null;

  @Field(() => Json, {
    nullable: true,
    description:
      'What else belongs to an event of this type: before and after, the reason, or a count where alike events within a second are one.',
  })
  details?: unknown;
}

export const AuditEventConnection = connectionOf(() => AuditEvent, 'AuditEvent', 'audit events');
export type AuditEventConnection = Connection<AuditEvent>;

/** Which events are wanted. */
@InputType({ description: 'Which audit events are wanted; every condition that is given must be met.' })
export class AuditFilter {
  @Field(() => String, { nullable: true, description: 'Only of this type.' })
  type?: string | null;

  @Field(() => [String], { nullable: true, description: 'Only of one of these types; at most 50.' })
  types?: string[] | null;

  @Field(() => String, { nullable: true, description: 'Only what this account or service did.' })
  actor?: string | null;

  @Field(() => String, { nullable: true, description: 'Only what was done to this account or thing.' })
  subject?: string | null;

  @Field(() => AuditOutcome, { nullable: true, description: 'Only what came out like this.' })
  outcome?: AuditOutcome | null;

  @Field(() => DateTime, { nullable: true, description: 'Only what happened at this moment or later.' })
  occurredAfter?: Date | null;

  @Field(() => DateTime, { nullable: true, description: 'Only what happened before this moment.' })
  occurredBefore?: Date | null;

  @Field(() => String, { nullable: true, description: 'Only what this request did.' })
  requestId?: string | null;
}

/** How many events a page holds when nobody says. */
export const AUDIT_PAGE_SIZE = 50;

@ArgsType()
export class AuditEventsArgs {
  @Field(() => Int, {
    nullable: true,
    defaultValue: AUDIT_PAGE_SIZE,
    description: 'How many events to return, counted from the newest or from `after`; at most 100.',
  })
  first?: number | null;

  @Field(() => String, {
    nullable: true,
    description: 'Return only events after this cursor, which are older.',
  })
  after?: string | null;

  @Field(() => AuditFilter, { nullable: true, description: 'Only these events.' })
  filter?: AuditFilter | null;
}
