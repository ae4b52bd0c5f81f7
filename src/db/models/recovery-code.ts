import { Base } from './base.js';

/** One of the single-use codes that stand in for a lost factor. */
export class RecoveryCodeModel extends Base {
  static override tableName = 'recovery_codes';
  id: string;
  userId: string;
  codeHash: Buffer;
  createdAt: Date;
  usedAt: Date | null;
}
