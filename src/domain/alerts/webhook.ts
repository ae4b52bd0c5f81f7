import type { Knex } from 'knex';
import type { Config } from '../../config.js';
import type { AlertModel } from '../../db/models/alert.js';
import { WebhookDeliveryModel } from '../../db/models/webhook-delivery.js';
import type { Clock } from '../clock.js';
import { deliver } from '../deliveries.js';
import { newId } from '../ids.js';
import { openOutbox, type Outbox, type OutboxDeps } from '../outbox.js';

export interface WebhookDeps extends OutboxDeps {
  config: Config;
  clock: Clock;
}

/** Starts telling the webhook of alerts; undefined where none is configured. */
export function openWebhook(deps: WebhookDeps): Outbox | undefined {
  const { config, clock } = deps;
  const { webhook } = config;
  if (!webhook) return undefined;
  return openOutbox(deps, {
    table: 'webhookDeliveries',
    lane: 'accountId',
    what: 'webhook delivery',
    deliver: (delivery: WebhookDeliveryModel) => deliver(webhook, clock, delivery),
  });
}

/** Details that the webhook is told: what says where somebody is stays here, to be asked for by those who may. */
const TOLD: ReadonlySet<string> = new Set([
  ...['actor', 'session', 'token', 'service', 'expiresAt'],
  ...['failures', 'accounts', 'hour', 'role', 'before', 'after', 'gained'],
]);

/** Has an alert told, in the transaction that raises it. The text is made once: each try sends the same bytes. */
export async function postAlert(trx: Knex, alert: AlertModel): Promise<void> {
  const id = newId();
  const { type, severity, status, subject, raisedAt } = alert;
  const details = Object.fromEntries(Object.entries(alert.details ?? {}).filter(([name]) => TOLD.has(name)));
  const data = { id: alert.id, type, severity, status, subject, raisedAt, details };
  const body = JSON.stringify({ id, type: 'alert.raised', timestamp: raisedAt, data });
  await WebhookDeliveryModel.query(trx)
    .insert({ id, alertId: alert.id, accountId: subject, body })
    .returning([]);
}
