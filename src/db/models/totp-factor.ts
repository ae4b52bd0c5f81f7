import { Base } from './base.js';

/** An account's authenticator app. */
export class TotpFactorModel extends Base {
  static override tableName = 'totp_factors';
  static override idColumn = 'userId';
  userId: string;
  secretSealed: string;
  createdAt: Date;
  /** Null while it is only proposed: such a one asks for nothing. */
  confirmedAt: Date | null;
  /** The latest time step whose code was taken. */
  lastStep: number;
}
