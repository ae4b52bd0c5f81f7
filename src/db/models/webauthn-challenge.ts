import { Base } from './base.js';

/** A challenge that a passkey answers once. */
export class WebauthnChallengeModel extends Base {
  static override tableName = 'webauthn_challenges';
  id: string;
  challengeHash: Buffer;
  purpose: 'register' | 'sign-in' | 'second-factor' | 'step-up';
  /** Whose passkey may answer; null for nobody's, unless it is discoverable. */
  userId: string | null;
  /** Whoever's passkey answers. */
  discoverable: boolean;
  /** The session or the waiting sign-in that it belongs to. */
  boundTo: string | null;
  createdAt: Date;
  expiresAt: Date;
  usedAt: Date | null;
}
