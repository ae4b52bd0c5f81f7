import { Base } from './base.js';

/** One entry of the feed that tells every verifier what is no longer trusted. */
export class RevocationModel extends Base {
  static override tableName = 'revocations';
  static override idColumn = 'seq';
  seq: number;
  /** `session`: key is its id. `subject`: key is an account's id, with its status and version from now on. `roles`, `keys`: read those again. */
  kind: 'session' | 'subject' | 'roles' | 'keys';
  key: string;
  /** Besides a subject's: with `roles` what alone has changed, `SERVICES`, or a service token by `ISSUED`, `ROTATED`, `ENDED`; `COMPROMISED` with `keys`. */
  status: string | null;
  version: number | null;
  expiresAt: Date;
}
