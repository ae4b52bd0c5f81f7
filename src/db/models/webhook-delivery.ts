import { Base } from './base.js';

/** An alert that the webhook has not been told of yet; the row goes when it has. */
export class WebhookDeliveryModel extends Base {
  static override tableName = 'webhookDeliveries';
  id: string;
  alertId: string;
  accountId: string | null;
  /** JSON, as it is signed and sent. */
  body: string;
  createdAt: Date;
  nextTryAt: Date;
  tries: number;
}
