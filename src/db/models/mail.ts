import { Base } from './base.js';

/** A mail that has not been handed over yet, its words under seal; the row goes when it has. */
export class MailModel extends Base {
  static override tableName = 'mailOutbox';
  id: string;
  accountId: string | null;
  recipient: string;
  subject: string;
  bodySealed: string;
  createdAt: Date;
  nextTryAt: Date;
  tries: number;
}
