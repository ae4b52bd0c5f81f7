import { Base } from './base.js';

/** A credential of a service; only a digest of its secret is kept. */
export class ServiceTokenModel extends Base {
  static override tableName = 'serviceTokens';
  id: string;
  serviceId: string;
  /** Tokens that replace one another by rotation share a line. */
  lineId: string;
  label: string | null;
  /** The beginning of the token's text, for recognition. */
  prefix: string;
  /** SHA-256. */
  secretHash: Buffer;
  scopes: string[];
  createdAt: Date;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
  revokedAt: Date | null;
}
