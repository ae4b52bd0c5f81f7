import { Base } from './base.js';

/** A change of an account's address that was asked for or made, while it can be undone. */
export class EmailChangeModel extends Base {
  static override tableName = 'emailChanges';
  id: string;
  userId: string;
  oldEmail: string;
  oldEmailKey: string;
  oldVerifiedAt: Date | null;
  newEmail: string;
  newEmailKey: string;
  /** The session that asked. */
  sessionId: string | null;
  passwordChangedAt: Date | null;
  totpConfirmedAt: Date | null;
  codesMadeAt: Date | null;
  passkeys: string[];
  askedAt: Date;
  changedAt: Date | null;
  undoneAt: Date | null;
  undoExpiresAt: Date;
}
