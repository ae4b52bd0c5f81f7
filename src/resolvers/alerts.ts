import { Arg, Args, Ctx, ID, Mutation, Query, Resolver } from 'type-graphql';
import type { Context } from '../context.js';
import { acknowledgeAlert, listAlerts } from '../domain/alerts.js';
import { SecurityAlert, SecurityAlertArgs, SecurityAlertConnection } from '../schema/alert.js';
import { actingUser } from './actor.js';
import { shapeAlert, shapePage } from './shapes.js';

/** Security alerts, and taking note of them. */
@Resolver(() => SecurityAlert)
export class AlertsResolver {
  @Query(() => SecurityAlertConnection, {
    description:
      'Suspicions raised from the audit record, newest first: repeated failures, refresh reuse, role escalation, unusual hours or places, a session used from two networks, service tokens about to expire or used from a new network; for holders of audit:read.',
  })
  async securityAlerts(
    @Args(() => SecurityAlertArgs) { first, after, status }: SecurityAlertArgs,
    @Ctx() { app }: Context,
  ): Promise<SecurityAlertConnection> {
    return shapePage(
      await listAlerts(app.db, { first: first ?? null, after: after ?? null }, status),
      shapeAlert,
    );
  }

  @Mutation(() => SecurityAlert, {
    description:
      'Takes note of an alert, for holders of alerts:manage; one that was taken note of before stays as it is.',
  })
  async acknowledgeAlert(
    @Arg('id', () => ID, { description: 'The alert.' }) id: string,
    @Ctx() context: Context,
  ): Promise<SecurityAlert> {
    return shapeAlert(await acknowledgeAlert(context.app, actingUser(context), id, context.client));
  }
}
