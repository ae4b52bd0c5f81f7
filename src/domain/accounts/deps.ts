import type { Knex } from 'knex';
import type { Catalogue } from '../catalogue.js';
import type { Feed } from '../revocations.js';
import type { ProfileDeps } from './profile.js';

/** What changing accounts needs. */
export interface AccountDeps extends ProfileDeps {
  db: Knex;
  feed: Feed;
  catalogue: Catalogue;
}
