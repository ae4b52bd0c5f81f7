import type { Knex } from 'knex';
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { Clock } from '../clock.js';

const FLUSH_EVERY_MS = 1000;
const MINUTE_MS = 60_000;
const MOST_REMEMBERED = 20_000;

/** When tokens were last used, to the minute: gathered at each use, written in a batch. */
export interface LastUses {
  note(tokenId: string): void;
  /** Writes what was gathered, and stops. */
  close(): Promise<void>;
}

/** Starts gathering. A token costs at most one update a minute, over all replicas. */
export function openLastUses({ db, clock, log }: { db: Knex; clock: Clock; log: Logger }): LastUses {
  const noted = new LRUCache<string, number>({ max: MOST_REMEMBERED });
  const state: { unwritten: Map<string, Date>; writing: Promise<void> | undefined } = {
    unwritten: new Map(),
    writing: undefined,
  };
  const flush = (): Promise<void> => {
    if (state.writing || state.unwritten.size === 0) return state.writing ?? Promise.resolve();
    const batch = state.unwritten;
    state.unwritten = new Map();
    state.writing = write(db, batch)
      .catch((error: unknown) => {
        log.warn({ err: error }, 'last uses of service tokens could not be written yet');
        // What came meanwhile is later.
        state.unwritten = new Map([...batch, ...state.unwritten]);
      })
      .finally(() => (state.writing = undefined));
    return state.writing;
  };
  const timer = setInterval(() => void flush(), FLUSH_EVERY_MS).unref();
  return {
    note(tokenId) {
      const now = clock.now();
      const minute = Math.floor(now / MINUTE_MS);
      if (noted.get(tokenId) === minute) return;
      noted.set(tokenId, minute);
      state.unwritten.set(tokenId, new Date(now));
    },
    async close() {
      clearInterval(timer);
      await state.writing;
      await flush();
    },
  };
}

async function write(db: Knex, batch: ReadonlyMap<string, Date>): Promise<void> {
  // In one order, so that two replicas do not wait for each other in a circle.
  const uses = [...batch].sort(([one], [other]) => (one < other ? -1 : 1));
  await db.raw(
    `update service_tokens t set last_used_at = u.at from unnest(?::uuid[], ?::timestamptz[]) u (id, at)
     where t.id = u.id and (t.last_used_at is null or t.last_used_at < date_trunc('minute', u.at))`,
    [uses.map(([id]) => id), uses.map(([, at]) => at.toISOString())],
  );
}
