import { Base } from './base.js';

export type SigningKeyState = 'published' | 'active' | 'retiring' | 'removed' | 'compromised';

/** A key pair that signs access tokens; the private part is sealed and erased when no longer needed. */
export class SigningKeyModel extends Base {
  static override tableName = 'signing_keys';
  static override idColumn = 'kid';
  /** RFC 7638 thumbprint. */
  kid: string;
  algorithm: string;
  publicJwk: Record<string, string>;
  privateSealed: string | null;
  state: SigningKeyState;
  publishedAt: Date;
  activatesAt: Date;
  retiredAt: Date | null;
  removedAt: Date | null;
}
