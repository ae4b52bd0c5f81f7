import { Base } from './base.js';

/** One sign-in on one device; it owns one family of refresh tokens. */
export class SessionModel extends Base {
  static override tableName = 'sessions';
  id: string;
  userId: string;
  createdAt: Date;
  lastSeenAt: Date;
  /** When it ends unless it is refreshed before. */
  idleExpiresAt: Date;
  /** When it ends whatever happens. */
  expiresAt: Date;
  endedAt: Date | null;
  endReason: string | null;
  ipAddress: string | null;
  userAgent: string | null;
  /** Where it was opened from. */
  location: string | null;
  /** The device that was proved then; null for sessions of earlier versions. */
  deviceId: string | null;
  /** RFC 8176 names of the methods used. */
  amr: string[];
  aal: number;
  /** When the one behind it last proved all that its aal stands for. */
  provedAt: Date;
}
