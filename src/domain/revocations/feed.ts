import type { Redis } from 'ioredis';
import type { Knex } from 'knex';
import type { Logger } from 'pino';
import { listen } from '../../db/listen.js';
import { RevocationModel } from '../../db/models/revocation.js';
import { subscribeRedis } from '../../db/redis.js';
import { AuthError } from '../../errors.js';
import type { Clock } from '../clock.js';

export const CHANNEL = 'authgraph_revocations';
/** Up to this age, in milliseconds, memory alone answers; beyond it each verification asks PostgreSQL first. */
const FRESH_MS = 10_000;
/** Beyond this age, with PostgreSQL silent, nothing is called valid any more. */
const STALE_MS = 30_000;
const POLL_MS = 1000;
const POLL_MS_WITHOUT_LISTEN = 400;
/** How long one verification waits for PostgreSQL when memory is no longer fresh. */
const ASK_MS = 250;
const PAGE = 5000;

export interface FeedDeps {
  db: Knex;
  databaseUrl: string;
  redis: Redis | undefined;
  redisUrl: string | undefined;
  clock: Clock;
  log: Logger;
}

interface Subject {
  status: string;
  version: number;
  expiresAt: number;
}

/** What this process knows of revocations: everything of the last access-token life. */
export interface Feed {
  /** Whether memory alone may answer now. */
  isFresh(): boolean;
  /** Brings memory up to date where it is not fresh. @throws {AuthError} SERVICE_UNAVAILABLE beyond the staleness budget */
  ensureFresh(): Promise<void>;
  isSessionRevoked(sessionId: string): boolean;
  /** An account's latest status and version, if either changed within the longest token life. */
  subject(id: string): { status: string; version: number } | undefined;
  /** Runs `reload` before a poll that brought news of this kind counts as heard. */
  on(kind: 'roles' | 'keys', reload: () => Promise<void>): void;
  /** Reads what is new, now; calls made meanwhile share the next reading. */
  poll(): Promise<void>;
  publish(): void;
  close(): Promise<void>;
}

/** Loads the feed and keeps it up to date by Redis, LISTEN and polling; each of them only says "look now". */
export async function openFeed(deps: FeedDeps): Promise<Feed> {
  const sessions = new Map<string, number>();
  const subjects = new Map<string, Subject>();
  const reloads: Record<'roles' | 'keys', (() => Promise<void>)[]> = { roles: [], keys: [] };
  let cursor = 0;
  let heardAt = Number.NEGATIVE_INFINITY;
  let running: Promise<void> | undefined;
  let queued: Promise<void> | undefined;
  let closed = false;

  const age = () => deps.clock.monotonic() - heardAt;

  const apply = (row: RevocationModel) => {
    const expiresAt = row.expiresAt.getTime();
    if (row.kind === 'session') sessions.set(row.key, expiresAt);
    if (row.kind === 'subject')
      subjects.set(row.key, { status: row.status ?? 'ACTIVE', version: row.version ?? 0, expiresAt });
  };

  const readNews = async () => {
    const startedAt = deps.clock.monotonic();
    const kinds = new Set<string>();
    for (let more = true; more;) {
      const rows = await RevocationModel.query(deps.db)
        .where('seq', '>', cursor)
        .orderBy('seq')
        .limit(PAGE)
        .timeout(3000);
      for (const row of rows) {
        apply(row);
        kinds.add(row.kind);
      }
      cursor = rows.at(-1)?.seq ?? cursor;
      more = rows.length === PAGE;
    }
    for (const kind of ['roles', 'keys'] as const)
      if (kinds.has(kind)) await Promise.all(reloads[kind].map((reload) => reload()));
    heardAt = startedAt;
  };

  const start = () => {
    running = readNews().finally(() => (running = undefined));
    return running;
  };
  // A reading under way may have begun before the news was committed: whoever asks meanwhile waits for the next one.
  const poll = (): Promise<void> => {
    if (!running) return start();
    queued ??= running
      .catch(() => undefined)
      .then(() => {
        queued = undefined;
        return start();
      });
    return queued;
  };
  const look = () => {
    if (!closed)
      poll().catch((error: unknown) => deps.log.warn({ err: error }, 'revocations could not be read'));
  };

  const ensureFresh = async () => {
    if (age() <= FRESH_MS) return;
    const asked = (running ?? poll()).catch(() => undefined);
    await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, ASK_MS).unref())]);
    if (age() > STALE_MS) throw new AuthError('SERVICE_UNAVAILABLE');
  };

  const forget = () => {
    const now = deps.clock.now();
    for (const [key, expiresAt] of sessions) if (expiresAt < now) sessions.delete(key);
    for (const [key, { expiresAt }] of subjects) if (expiresAt < now) subjects.delete(key);
  };

  await poll();
  const listener = listen(deps.databaseUrl, CHANNEL, look);
  const subscriber = deps.redisUrl ? subscribeRedis(deps.redisUrl, CHANNEL, look) : undefined;
  let timer: NodeJS.Timeout;
  const tick = () => {
    look();
    timer = setTimeout(tick, listener.isUp ? POLL_MS : POLL_MS_WITHOUT_LISTEN).unref();
  };
  tick();
  const forgetting = setInterval(forget, 60_000).unref();

  return {
    isFresh: () => age() <= FRESH_MS,
    ensureFresh,
    isSessionRevoked: (sessionId) => sessions.has(sessionId),
    subject: (id) => subjects.get(id),
    on: (kind, reload) => void reloads[kind].push(reload),
    poll,
    publish: () => void deps.redis?.publish(CHANNEL, '').catch(() => undefined),
    async close() {
      closed = true;
      clearTimeout(timer);
      clearInterval(forgetting);
      subscriber?.disconnect();
      await listener.close();
      await running?.catch(() => undefined);
    },
  };
}

/** Tells all processes to look at the feed now, and waits until this one has. */
export async function announce(feed: Feed): Promise<void> {
  feed.publish();
  await feed.poll().catch(() => undefined);
}
