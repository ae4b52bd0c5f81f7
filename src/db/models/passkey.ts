import { Base } from './base.js';

/** A passkey of an account: the public half of its key. */
export class PasskeyModel extends Base {
  static override tableName = 'passkeys';
  id: string;
  userId: string;
  credentialId: Buffer;
  /** A COSE_Key. */
  publicKey: Buffer;
  /** How often the authenticator says it was used; zero for ever where it counts nothing. */
  counter: number;
  transports: string[];
  aaguid: string;
  /** Whether the key can leave the device it was made on. */
  deviceType: 'singleDevice' | 'multiDevice';
  backedUp: boolean;
  name: string;
  createdAt: Date;
  lastUsedAt: Date | null;
}
