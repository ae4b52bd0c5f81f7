import type { Knex } from 'knex';
import { LRUCache } from 'lru-cache';

/** A session seen from a network is no news again for so long, in milliseconds. */
const NEWS_AFTER_MS = 60_000;
const MOST_REMEMBERED = 50_000;

/** Remembers which sessions were seen from where within the last minute. */
export function rememberSightings(): { isNews(sessionId: string, network: string): boolean } {
  const recent = new LRUCache<string, true>({ max: MOST_REMEMBERED, ttl: NEWS_AFTER_MS });
  return {
    isNews(sessionId, network) {
      const key = `${sessionId} ${network}`;
      if (recent.has(key)) return false;
      recent.set(key, true);
      return true;
    },
  };
}

/** Forgets where sessions were seen more than a day ago, and service tokens more than a year ago: nothing asks any more. */
export async function purgeSightings({ db }: { db: Knex }): Promise<void> {
  await db.raw("delete from session_sightings where last_seen_at < now() - interval '1 day'");
  await db.raw("delete from service_token_sightings where last_seen_at < now() - interval '1 year'");
}
