import { Base } from './base.js';

/** A suspicion that was raised from the audit record. */
export class AlertModel extends Base {
  static override tableName = 'securityAlerts';
  id: string;
  /** The rule that raised it. */
  type: string;
  severity: 'LOW' | 'MEDIUM' | 'HIGH';
  status: 'OPEN' | 'ACKNOWLEDGED';
  /** Id of the account or thing it is about. */
  subject: string | null;
  raisedAt: Date;
  details: Record<string, unknown> | null;
  /** What is suspected of whom. */
  suspicion: string;
  /** The suspicion with what gave rise to it. */
  dedupeKey: string;
  acknowledgedAt: Date | null;
  acknowledgedBy: string | null;
}
