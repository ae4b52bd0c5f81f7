import { createHmac } from 'node:crypto';
import type { Knex } from 'knex';
import type { Logger } from 'pino';
import type { Config } from '../../config.js';
import type { AlertModel } from '../../db/models/alert.js';
import { WebhookDeliveryModel } from '../../db/models/webhook-delivery.js';
import type { Clock } from '../clock.js';
import { newId } from '../ids.js';
import { openOutbox, type Outbox } from '../outbox.js';
import { callOut } from '../outgoing.js';

export interface WebhookDeps {
  db: Knex;
  config: Config;
  clock: Clock;
  log: Logger;
}

/** The webhook answered, but not that it has taken the delivery; the log tells the status. */
class WebhookRefused extends Error {
  override name = 'WebhookRefused';

  constructor(readonly code: number) {
    super(`the webhook answered ${code}`);
  }
}

/** Starts telling the webhook of alerts; undefined where none is configured. */
export function openWebhook({ db, config, clock, log }: WebhookDeps): Outbox | undefined {
  const { webhook } = config;
  if (!webhook) return undefined;
  const deliver = async ({ id, body }: WebhookDeliveryModel) => {
    const timestamp = Math.floor(clock.now() / 1000);
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'authgraph',
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signDelivery(webhook.secret, id, timestamp, body),
    };
    const { url, allowPrivateNetwork } = webhook;
    const status = await callOut({ url, headers, body, allowPrivateNetwork });
    if (status < 200 || status > 299) throw new WebhookRefused(status);
  };
  return openOutbox(db, log, {
    table: 'webhookDeliveries',
    lane: 'accountId',
    what: 'webhook delivery',
    deliver,
  });
}

/** The signature of a delivery, after the specification of Standard Webhooks; `timestamp` is in seconds since 1970. */
export function signDelivery(secret: Buffer, id: string, timestamp: number, body: string): string {
  const signature = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64');
  return `v1,${signature}`;
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
