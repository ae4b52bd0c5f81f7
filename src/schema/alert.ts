import { ArgsType, Field, ID, Int, ObjectType } from 'type-graphql';
import { describedEnum } from './enum.js';
import { connectionOf, type Connection } from './page.js';
import { DateTime, Json } from './scalars.js';

/** How much a suspicion matters. */
export const AlertSeverity = describedEnum('AlertSeverity', 'How much a suspicion matters.', {
  LOW: 'Worth knowing; mostly harmless.',
  MEDIUM: 'Worth looking into.',
  HIGH: 'Worth looking into at once.',
});
export type AlertSeverity = keyof typeof AlertSeverity;

/** Whether somebody has taken note of an alert. */
export const AlertStatus = describedEnum('AlertStatus', 'Whether somebody has taken note of an alert.', {
  OPEN: 'Nobody has taken note of it yet.',
  ACKNOWLEDGED: 'Somebody has taken note of it.',
});
export type AlertStatus = keyof typeof AlertStatus;

/** A suspicion that was raised from the audit record. */
@ObjectType({
  simpleResolvers: true,
  description: 'A suspicion that was raised from the audit record by one of the rules for alerts.',
})
export class SecurityAlert {
  @Field(() => ID, { description: 'The alert; a UUIDv7.' })
  id: string;

  @Field(() => String, {
    description:
      'The rule that raised it: repeated_failures_account, repeated_failures_address, credential_stuffing, refresh_reuse, role_escalation, unusual_hours, new_place, token_two_networks, service_token_expiring or service_token_new_network.',
  })
  type: string;

  @Field(() => AlertSeverity, { description: 'How much it matters.' })
  severity: AlertSeverity;

  @Field(() => AlertStatus, { description: 'Whether somebody has taken note of it.' })
  status: AlertStatus;

  @Field(() => String, {
    nullable: true,
    description: 'Id of the account, role or service it is about; null where it is about none.',
  })
  subject?: string | null;

  @Field(() => DateTime, { description: 'When it was raised.' })
  raisedAt: Date;

  @Field(() => Json, {
    nullable: true,
    description:
      'What was found, as names and values that depend on the type: session, network, failures and others.',
  })
  details?: unknown;

  @Field(() => DateTime, {
    nullable: true,
    description: 'When somebody took note of it; null while it is open.',
  })
  acknowledgedAt?: Date | null;

  @Field(() => ID, {
    nullable: true,
    description: 'The account that took note of it; null while it is open.',
  })
  acknowledgedBy?: string | null;
}

/** One page of alerts. */
export const SecurityAlertConnection = connectionOf(() => SecurityAlert, 'SecurityAlert', 'security alerts');
export type SecurityAlertConnection = Connection<SecurityAlert>;

/** Which alerts to list. */
@ArgsType()
export class SecurityAlertArgs {
  @Field(() => Int, {
    nullable: true,
    defaultValue: 50,
    description: 'How many items to return, counted from the start of the list or from `after`; at most 100.',
  })
  first?: number | null;

  @Field(() => String, { nullable: true, description: 'Return only items after this cursor.' })
  after?: string | null;

  @Field(() => AlertStatus, { nullable: true, description: 'Return only alerts of this status.' })
  status?: AlertStatus | null;
}
