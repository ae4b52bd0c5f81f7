import { Args, Ctx, Query, Resolver } from 'type-graphql';
import type { Context } from '../context.js';
import { listEvents } from '../domain/audit.js';
import { AUDIT_PAGE_SIZE, AuditEvent, AuditEventConnection, AuditEventsArgs } from '../schema/audit.js';
import { shapeEvent, shapePage } from './shapes.js';

/** What is on record. */
@Resolver(() => AuditEvent)
export class AuditResolver {
  @Query(() => AuditEventConnection, {
    description:
      'The audit record, newest first: every authentication, change of access and refusal; for holders of audit:read. Pages of at most 100.',
  })
  async auditEvents(
    @Args(() => AuditEventsArgs) { first, after = null, filter }: AuditEventsArgs,
    @Ctx() { app }: Context,
  ): Promise<AuditEventConnection> {
    const page = { first: first ?? AUDIT_PAGE_SIZE, after };
    return shapePage(await listEvents(app.db, page, filter ?? {}), shapeEvent);
  }
}
