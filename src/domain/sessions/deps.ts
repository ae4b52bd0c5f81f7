import type { Knex } from 'knex';
import type { Config } from '../../config.js';
import type { Catalogue } from '../catalogue.js';
import type { Clock } from '../clock.js';
import type { Meters } from '../meters.js';
import type { Feed } from '../revocations.js';
import type { Keyring } from '../tokens.js';

/** What opening and refreshing sessions needs. */
export interface SessionDeps {
  db: Knex;
  feed: Feed;
  catalogue: Catalogue;
  keyring: Keyring;
  clock: Clock;
  config: Config;
  meters: Pick<Meters, 'refreshed'>;
}
