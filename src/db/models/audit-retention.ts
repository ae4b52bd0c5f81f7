import { Base } from './base.js';

/** What one removal of old events has taken away. */
export class AuditRetentionModel extends Base {
  static override tableName = 'audit_retentions';
  static override idColumn = 'throughSeq';
  /** The last seal whose events are gone; it stays, as the new beginning of the chain. */
  throughSeq: number;
  /** Of that seal. */
  digest: string;
  toPosition: number;
  /** How many went. */
  events: number;
  purgedAt: Date;
  mac: string;
}
