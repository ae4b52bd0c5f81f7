import type { AccountDeps } from '../accounts.js';
import type { Limiters } from '../limits.js';
import type { NoticeDeps } from '../mail.js';
import type { PasswordDeps } from '../passwords.js';
import type { SessionDeps } from '../sessions.js';

/** What changing and checking factors needs. */
export interface MfaDeps extends SessionDeps, PasswordDeps, AccountDeps, NoticeDeps {
  limiters: Limiters;
}
