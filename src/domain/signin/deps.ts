import type { Knex } from 'knex';
import type { Catalogue } from '../catalogue.js';
import type { Limiters } from '../limits.js';
import type { MailDeps } from '../mail.js';
import type { PasswordDeps } from '../passwords.js';
import type { SessionDeps } from '../sessions.js';

/** What signing in needs. */
export interface SignInDeps extends SessionDeps, PasswordDeps, MailDeps {
  db: Knex;
  limiters: Limiters;
  catalogue: Catalogue;
}
