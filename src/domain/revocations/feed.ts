import type { Knex } from 'knex';
import type { Logger } from 'pino';
import type { Standing } from '../../db/standing.js';
import { RevocationModel } from '../../db/models/revocation.js';
import { closeRedis, subscribeRedis, type RedisConnection, type RedisPlace } from '../../db/redis.js';
import { AuthError } from '../../errors.js';
import type { Clock } from '../clock.js';
import type { Meters } from '../meters.js';
import { ENTRY_LIFE_SECONDS, openLog, type RevocationLog } from './log.js';

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
  standing: Standing;
  redis: RedisConnection | undefined;
  redisPlace: RedisPlace | undefined;
  clock: Clock;
  log: Logger;
  meters: Pick<Meters, 'heard' | 'askedRedis'>;
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
  /** The live entries in their order, for verifiers elsewhere. */
  readonly log: RevocationLog;
  /** How long ago this process last heard everything, in milliseconds. */
  age(): number;
  /** Calls `listener` after each reading that brought news, once what they changed has been read again. @returns how to stop it */
  onNews(listener: () => void): () => void;
  /** Runs `reload` before a poll that brought news of this kind counts as heard. */
  on(kind: 'roles' | 'keys', reload: () => Promise<void>): void;
  /** Reads what is new, now; calls made meanwhile share the next reading. */
  poll(): Promise<void>;
  publish(): void;
  close(): void;
}

/** The part of the feed that is told when there is news. */
export type Announced = Pick<Feed, 'poll' | 'publish'>;

/** Loads the feed and keeps it up to date by Redis, LISTEN and polling; each of them only says "look now". */
export async function openFeed(deps: FeedDeps): Promise<Feed> {
  const news = openNews(deps);
  const { poll, age } = news;
  const state = { isClosed: false, isDeaf: false };
  const heard = () => {
    if (state.isDeaf) deps.log.info('revocations are heard again');
    state.isDeaf = false;
  };
  const deaf = (error: unknown) => {
    if (!state.isDeaf) deps.log.warn({ err: error }, 'revocations cannot be read');
    state.isDeaf = true;
  };
  const look = () => {
    if (!state.isClosed) poll().then(heard, deaf);
  };
  await poll();
  const { standing } = deps;
  standing.hear(CHANNEL, {
    onNotify: look,
    // A lost connection may mean another server, with its own numbering of the latest rows: all is read anew.
    onConnect: () => {
      news.startOver();
      look();
    },
  });
  const subscriber = deps.redisPlace ? subscribeRedis(deps.redisPlace, CHANNEL, look) : undefined;
  let timer: NodeJS.Timeout;
  const tick = () => {
    look();
    timer = setTimeout(tick, standing.isUp ? POLL_MS : POLL_MS_WITHOUT_LISTEN).unref();
  };
  tick();
  const forgetting = setInterval(() => void news.forget().catch(() => undefined), 60_000).unref();

  return {
    isFresh: () => age() <= FRESH_MS,
    async ensureFresh() {
      if (age() <= FRESH_MS) return;
      const patience = new Promise((resolve) => setTimeout(resolve, ASK_MS).unref());
      await Promise.race([poll().catch(() => undefined), patience]);
      if (age() > STALE_MS) throw new AuthError('SERVICE_UNAVAILABLE');
    },
    isSessionRevoked: (sessionId) => news.sessions.has(sessionId),
    subject: (id) => news.subjects.get(id),
    log: news.log,
    age,
    onNews(listener) {
      news.listeners.add(listener);
      return () => news.listeners.delete(listener);
    },
    on: (kind, reload) => void news.reloads[kind].push(reload),
    poll,
    publish: () => void publish(deps),
    close() {
      state.isClosed = true;
      clearTimeout(timer);
      clearInterval(forgetting);
      if (subscriber) closeRedis(subscriber);
    },
  };
}

/** Never throws: whoever does not hear looks by itself a moment later. */
async function publish({ redis, clock, meters }: FeedDeps): Promise<void> {
  if (!redis) return;
  const startedAt = clock.monotonic();
  const told = redis.publish(CHANNEL, '').then(
    () => true,
    () => false,
  );
  meters.askedRedis('publish', await told, clock.monotonic() - startedAt);
}

type Reloaded = 'roles' | 'keys';

/** How long ago an entry was written when it was read, by PostgreSQL's own clock. */
const AGE = `extract(epoch from clock_timestamp() - expires_at + ${ENTRY_LIFE_SECONDS} * interval '1 second')::float8 as age`;

/** What was read so far, and how to read on: one reader at a time. */
function openNews({ db, clock, meters }: FeedDeps) {
  const sessions = new Map<string, number>();
  const subjects = new Map<string, Subject>();
  const reloads: Record<Reloaded, (() => Promise<void>)[]> = { roles: [], keys: [] };
  // Kinds that have changed and were not read again yet; a reload that fails is tried again by the next reading.
  const outdated = new Set<Reloaded>();
  const log = openLog();
  const listeners = new Set<() => void>();
  let cursor = 0;
  let startsOver = true;
  let isFromStart = false;
  let heardAt = Number.NEGATIVE_INFINITY;

  const apply = (row: RevocationModel) => {
    const { kind, key, status, version, expiresAt } = row;
    log.take(row);
    if (kind === 'session') sessions.set(key, expiresAt.getTime());
    else if (kind !== 'subject') outdated.add(kind);
    else if ((version ?? 0) >= (subjects.get(key)?.version ?? 0))
      subjects.set(key, {
        status: status ?? 'ACTIVE',
        version: version ?? 0,
        expiresAt: expiresAt.getTime(),
      });
  };
  const readRows = async (): Promise<boolean> => {
    // Here, and not while an earlier reading is under way, which would move the cursor on again.
    if (startsOver) [cursor, startsOver, isFromStart] = [0, false, true];
    const before = cursor;
    for (let more = true; more;) {
      const rows = await RevocationModel.query(db)
        .select('*', db.raw(AGE))
        .where('seq', '>', cursor)
        .orderBy('seq')
        .limit(PAGE)
        .timeout(3000);
      rows.forEach(apply);
      if (!isFromStart)
        for (const row of rows) meters.heard((row as RevocationModel & { age: number }).age * 1000);
      cursor = rows.at(-1)?.seq ?? cursor;
      more = rows.length === PAGE;
    }
    if (isFromStart) log.settle(cursor);
    isFromStart = false;
    return cursor !== before;
  };
  const readNews = async () => {
    const startedAt = clock.monotonic();
    const isNews = await readRows();
    try {
      for (const kind of [...outdated]) {
        await Promise.all(reloads[kind].map((reload) => reload()));
        outdated.delete(kind);
      }
    } finally {
      // After that, so that whoever asks anew is not told the old; but what was ended is told in any case.
      if (isNews) for (const listener of listeners) listener();
    }
    heardAt = startedAt;
  };

  let latest: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  // A reading under way may have begun before the news was committed: whoever asks meanwhile shares the next one.
  const poll = (): Promise<void> => {
    next ??= latest = latest
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return readNews();
      });
    return next;
  };
  // By the clock that said when they expire: one that runs ahead here would drop what is still needed.
  const forget = async () => {
    const { rows } = await db.raw<{ rows: { now: Date }[] }>('select clock_timestamp() as now');
    const now = rows[0]?.now.getTime() ?? 0;
    for (const [key, expiresAt] of sessions) if (expiresAt < now) sessions.delete(key);
    for (const [key, { expiresAt }] of subjects) if (expiresAt < now) subjects.delete(key);
    log.forget(now);
  };
  const startOver = () => {
    startsOver = true;
  };
  const age = () => clock.monotonic() - heardAt;
  return { sessions, subjects, reloads, listeners, log, poll, forget, startOver, age };
}

/** Tells all processes to look at the feed now, and waits until this one has. */
export async function announce(feed: Announced): Promise<void> {
  feed.publish();
  await feed.poll().catch(() => undefined);
}
