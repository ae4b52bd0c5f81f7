import DataLoader from 'dataloader';
import type { Knex } from 'knex';
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { ServiceTokenModel } from '../../db/models/service-token.js';
import type { Catalogue } from '../catalogue.js';
import type { Clock } from '../clock.js';
import type { Feed } from '../revocations.js';
import { digestOf, readShown, type Shown } from './form.js';
import { openLastUses } from './last-uses.js';

type Stored = ServiceTokenModel | undefined;

/** The service tokens that this process has met. */
export interface ServiceTokens {
  /** The token with this id: from memory where it is live, else looked up once. */
  find(id: string): Stored | Promise<Stored>;
  /** Takes a token's text apart; undefined for anything that this service cannot have written. */
  read(text: string): Shown | undefined;
  /** It has proved itself: remembers that it was used now, and what it shows. */
  used(shown: Shown): void;
  close(): Promise<void>;
}

/** How many ended and unknown tokens a process remembers, so that none is looked up twice. */
const MOST_GONE = 10_000;
const MOST_AT_ONCE = 1000;
/** How many that proved themselves it remembers how to read; some 300 bytes each. */
const MOST_SHOWN = 10_000;

/** Live tokens are in the catalogue; this holds what is left: those that have ended, and unknown ids. */
export function openServiceTokens(deps: {
  db: Knex;
  feed: Feed;
  catalogue: Catalogue;
  clock: Clock;
  log: Logger;
}): ServiceTokens {
  const { feed, catalogue, clock } = deps;
  const shown = new LRUCache<string, Shown>({ max: MOST_SHOWN });
  const gone = new LRUCache<string, { token: Stored }>({ max: MOST_GONE });
  const stored = lookUpInTurn(deps.db);
  const uses = openLastUses(deps);
  const lookUp = async (id: string): Promise<Stored> => {
    const token = await stored.load(id);
    if (token && isLive(token, clock.now())) {
      // Issued on another replica a moment ago, perhaps with its service: the news is on its way.
      await feed.poll();
      return catalogue.serviceToken(id);
    }
    // Neither comes to life: a token that has ended stays so, and ids cannot be guessed before they are made.
    gone.set(id, { token });
    return token;
  };
  return {
    find(id) {
      const live = catalogue.serviceToken(id);
      if (live) return live;
      const known = gone.get(id);
      return known ? known.token : lookUp(id);
    },
    read(text) {
      const digest = digestOf(text);
      return digest === undefined ? undefined : (shown.get(digest) ?? readShown(text, digest));
    },
    used(one) {
      // What a text shows never changes; only whether it is good, which is asked of the row at every use.
      if (!shown.has(one.digest)) shown.set(one.digest, one);
      uses.note(one.id);
    },
    close: () => uses.close(),
  };
}

/** Whether a token is neither revoked nor expired; `now` in milliseconds since 1970. */
export function isLive(token: Pick<ServiceTokenModel, 'revokedAt' | 'expiresAt'>, now: number): boolean {
  return token.revokedAt === null && (token.expiresAt === null || token.expiresAt.getTime() > now);
}

/** One query at a time, for all ids that came while the one before was under way: made-up tokens cannot flood the database. */
function lookUpInTurn(db: Knex): DataLoader<string, Stored> {
  let latest: Promise<unknown> = Promise.resolve();
  const read = async (ids: readonly string[]): Promise<Stored[]> => {
    const rows = await ServiceTokenModel.query(db).findByIds([...new Set(ids)]);
    const found = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => found.get(id));
  };
  return new DataLoader(
    (ids) => {
      const reading = read(ids);
      latest = reading.catch(() => undefined);
      return reading;
    },
    { cache: false, maxBatchSize: MOST_AT_ONCE, batchScheduleFn: (dispatch) => void latest.then(dispatch) },
  );
}
