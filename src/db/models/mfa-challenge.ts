import { Base } from './base.js';

/** A sign-in whose password was right and that waits for the second factor. */
export class MfaChallengeModel extends Base {
  static override tableName = 'mfa_challenges';
  id: string;
  userId: string;
  secretHash: Buffer;
  /** Which password was proved. */
  passwordChangedAt: Date | null;
  failures: number;
  createdAt: Date;
  expiresAt: Date;
  usedAt: Date | null;
}
