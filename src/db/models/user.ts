import { Base } from './base.js';

/** A stored account. Its hash never leaves the domain: shapes.ts names every property that the graph may show. */
export class UserModel extends Base {
  static override tableName = 'users';
  id: string;
  email: string;
  /** Lower case, for comparison. */
  emailKey: string;
  username: string;
  /** NFKC and lower case, for comparison. */
  usernameKey: string;
  /** Null while an invitation waits for its first password, and once the account is erased: nothing matches it. */
  passwordHash: string | null;
  passwordChangedAt: Date | null;
  firstName: string;
  middleName: string | null;
  lastName: string | null;
  phone: string | null;
  telegram: string | null;
  country: string | null;
  /** YYYY-MM-DD. */
  birthDate: string | null;
  emailVerifiedAt: Date | null;
  /** Goes up with every change to what the account may do; access tokens carry it as `ver`. */
  authzVersion: number;
  lastSignInAt: Date | null;
  suspendedAt: Date | null;
  suspensionReason: string | null;
  deletedAt: Date | null;
  /** When the personal data of the deleted account was removed for good. */
  erasedAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
}
