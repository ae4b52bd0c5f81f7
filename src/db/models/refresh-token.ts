import { Base } from './base.js';

/** A single-use refresh token, known by the SHA-256 of its secret. */
export class RefreshTokenModel extends Base {
  static override tableName = 'refresh_tokens';
  id: string;
  sessionId: string;
  secretHash: Buffer;
  state: 'active' | 'rotated';
  createdAt: Date;
  rotatedAt: Date | null;
  successorId: string | null;
  /** The successor's text, sealed under a key that only the presenter of this token can derive. */
  successorBox: Buffer | null;
  replays: number;
}
