import { LRUCache } from 'lru-cache';
import type { SessionAuthority } from '../access.js';
import { Lasting } from '../lasting.js';
import type { AccessClaims } from '../tokens.js';

/** The yes about an account's token where no service was asked about. */
class AccountAnswer extends Lasting {
  readonly valid = true;
  readonly reason = null;
  readonly service = null;
  readonly subject;
  readonly sessionId: string;
  readonly issuer: string;
  readonly scopes: readonly string[];
  readonly expiresAt: Date;

  constructor(
    readonly claims: AccessClaims,
    readonly authority: SessionAuthority,
  ) {
    super();
    const granted = [...authority.permissions];
    this.subject = {
      id: claims.sub,
      type: 'USER' as const,
      username: claims.username ?? null,
      email: claims.email ?? null,
      role: authority.roles[0] ?? null,
      roles: authority.roles,
      permissions: granted,
    };
    this.sessionId = claims.sid;
    this.issuer = claims.iss;
    this.scopes = granted;
    this.expiresAt = new Date(claims.exp * 1000);
  }
}

/** Some 500 bytes each, and as much for the text. */
const MOST_ANSWERS = 5000;

/** By the claims of a verified token, which never change. A token that is verified anew has others. */
const answers = new LRUCache<AccessClaims, AccountAnswer>({ max: MOST_ANSWERS });

/**
 * That this token is good, with all that its account may do. Whether it is good has been decided: the same answer is given again as long
 * as the account's authority is the very same, which is worked out anew whenever the account or a role changes.
 */
export function accountAnswer(claims: AccessClaims, authority: SessionAuthority): AccountAnswer {
  const known = answers.get(claims);
  if (known?.authority === authority) return known;
  const answer = new AccountAnswer(claims, authority);
  answers.set(claims, answer);
  return answer;
}
