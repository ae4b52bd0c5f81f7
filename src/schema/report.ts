import { Field, Int, ObjectType } from 'type-graphql';
import { CalendarDate } from './scalars.js';

/** One line of an access report. */
@ObjectType({
  simpleResolvers: true,
  description: 'What happened on one day among the accounts of one role: at one service, or here.',
})
export class AccessReportRow {
  @Field(() => CalendarDate, { description: 'The day, in UTC.' })
  day: string;

  @Field(() => String, {
    nullable: true,
    description: 'The role of highest rank that these accounts have now; null where no account is known.',
  })
  role?: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'Name of the service that was used or asked; null for what happened here.',
  })
  service?: string | null;

  @Field(() => Int, { description: 'Sign-ins that succeeded.' })
  signIns: number;

  @Field(() => Int, { description: 'Sign-ins that failed.' })
  failures: number;

  @Field(() => Int, { description: 'Calls that were denied and tokens that were refused.' })
  denials: number;

  @Field(() => Int, { description: 'Tokens that were verified and found good.' })
  verifications: number;

  @Field(() => Int, { description: 'Accounts that were created.' })
  newAccounts: number;

  @Field(() => Int, { description: 'Accounts that were deleted.' })
  deletedAccounts: number;
}

/** A report of sign-ins and access. `csv` is a field resolver. */
@ObjectType({ simpleResolvers: true, description: 'Sign-ins and access by day, role and service.' })
export class AccessReport {
  @Field(() => [AccessReportRow], {
    description: 'One line for each day, role and service with anything to tell.',
  })
  rows: AccessReportRow[];
}
