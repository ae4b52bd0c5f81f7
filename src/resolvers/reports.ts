import { Arg, Ctx, FieldResolver, ID, Query, Resolver, Root } from 'type-graphql';
import type { Context } from '../context.js';
import { accessReport, reportAsCsv, type ReportRow } from '../domain/reports.js';
import { AccessReport } from '../schema/report.js';
import { CalendarDate } from '../schema/scalars.js';

/** Reports for people who answer for access. */
@Resolver(() => AccessReport)
export class ReportsResolver {
  @Query(() => AccessReport, {
    description:
      'Sign-ins, failures, denials, verifications, new and deleted accounts by day, role and service; for holders of reports:read. At most 366 days.',
  })
  async accessReport(
    @Arg('from', () => CalendarDate, { description: 'The first day, in UTC.' }) from: string,
    @Arg('to', () => CalendarDate, { description: 'The last day, in UTC.' }) to: string,
    @Arg('serviceId', () => ID, {
      nullable: true,
      description: 'Only what concerns this service: its verifications, and accounts that have access to it.',
    })
    serviceId: string | null | undefined,
    @Ctx() { app }: Context,
  ): Promise<AccessReport> {
    return { rows: await accessReport(app, { from, to, serviceId }) };
  }

  @FieldResolver(() => String, {
    description: 'The same as comma-separated values with a line of headings (RFC 4180).',
  })
  csv(@Root() { rows }: AccessReport): string {
    return reportAsCsv(rows as ReportRow[]);
  }
}
