/** What an account may do: the union over its roles. */
export interface Authority {
  /** Names, highest rank first. */
  readonly roles: readonly string[];
  readonly permissions: ReadonlySet<string>;
  /** Of the highest role; 0 without any. */
  readonly rank: number;
}

/**
 * Why an account that must have a second factor may do nothing in a session: it has none and must set one up, or it has one
 * and has not proved it there.
 */
export type Withheld = 'enrolment' | 'proof';

/** What an account may do in one session: nothing, as long as the policy of second factors withholds it. */
export type SessionAuthority = Authority & { readonly withheld?: Withheld };
