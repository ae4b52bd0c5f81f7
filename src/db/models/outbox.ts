import { Base } from './base.js';

/** A mail that has not been handed over yet; the row goes when it has. */
export class OutboxModel extends Base {
  static override tableName = 'outbox';
  id: string;
  accountId: string | null;
  recipient: string;
  subject: string;
  bodyText: string;
  bodyHtml: string;
  createdAt: Date;
  nextTryAt: Date;
  tries: number;
}
