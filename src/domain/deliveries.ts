import { createHmac } from 'node:crypto';
import type { Config } from '../config.js';
import type { Clock } from './clock.js';
import { callOut } from './outgoing.js';

/** The webhook answered, but not that it has taken the delivery; the log tells the status. */
class WebhookRefused extends Error {
  override name = 'WebhookRefused';

  constructor(readonly code: number) {
    super(`the webhook answered ${code}`);
  }
}

/** Sends one message to the webhook, signed. @throws whatever it is that kept it from being taken */
export async function deliver(
  { url, secret, allowPrivateNetwork }: NonNullable<Config['webhook']>,
  clock: Clock,
  { id, body }: { id: string; body: string },
): Promise<void> {
  const timestamp = Math.floor(clock.now() / 1000);
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'authgraph',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signDelivery(secret, id, timestamp, body),
  };
  const status = await callOut({ url, headers, body, allowPrivateNetwork });
  if (status < 200 || status > 299) throw new WebhookRefused(status);
}

/** The signature of a delivery, after the specification of Standard Webhooks; `timestamp` is in seconds since 1970. */
function signDelivery(secret: Buffer, id: string, timestamp: number, body: string): string {
  const signature = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64');
  return `v1,${signature}`;
}
