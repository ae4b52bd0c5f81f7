import { Base } from './base.js';

/** One line of the append-only record. */
export class AuditEventModel extends Base {
  static override tableName = 'audit_events';
  id: string;
  occurredAt: Date;
  type: string;
  outcome: 'SUCCESS' | 'FAILURE' | 'DENIED';
  actor: string | null;
  subject: string | null;
  ipAddress: string | null;
  userAgent: string | null;
  requestId: string | null;
  details: Record<string, unknown> | null;
  /** Made when it was recorded; null for events from before there were signatures. */
  mac: string | null;
  /** Orders events by their transaction; seals are made over ranges of it. */
  position: number;
}
