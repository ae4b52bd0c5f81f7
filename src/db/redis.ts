import { Cluster, Redis } from 'ioredis';
import type { Logger } from 'pino';

/** Where Redis is. */
export type RedisPlace =
  | { readonly kind: 'single'; readonly url: string }
  | (Several & {
      readonly kind: 'sentinel';
      /** What the Sentinels call the master. */
      readonly name: string;
      readonly db: number;
      readonly sentinelUsername?: string | undefined;
      readonly sentinelPassword?: string | undefined;
    })
  | (Several & { readonly kind: 'cluster' });

interface Several {
  /** Sentinels, or nodes of the Cluster; those that are not named here are found through them. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly hasTls: boolean;
}

/** A connection to Redis, or to all nodes of a Cluster; keys are used one at a time, so that each is where its slot is. */
export type RedisConnection = Redis | Cluster;

/** Longest wait for one Redis command, in milliseconds; beyond it Redis counts as away. */
const COMMAND_TIMEOUT_MS = 150;
const CONNECT_TIMEOUT_MS = 2000;
const AGAIN_MS = 200;

/** A connection that fails fast instead of queueing: whoever uses Redis has an answer without it. */
export function connectRedis(place: RedisPlace, log: Logger): RedisConnection {
  const redis = neverGiveUp(
    open(place, {
      commandTimeout: COMMAND_TIMEOUT_MS,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      enableAutoPipelining: true,
    }),
  );
  let isAway = false;
  redis.on('error', (error) => {
    if (!isAway) log.warn({ err: error }, 'Redis is away; the service goes on without it');
    isAway = true;
  });
  redis.on('ready', () => {
    if (isAway) log.info('Redis is back');
    isAway = false;
  });
  return redis;
}

const retryStrategy = (attempt: number) => Math.min(100 * 2 ** attempt, 2000);

/** A connection of its own that listens to `channel` for as long as it stands, and again after each reconnect. */
export function subscribeRedis(place: RedisPlace, channel: string, onMessage: () => void): RedisConnection {
  const redis = neverGiveUp(open(place, { maxRetriesPerRequest: null }));
  redis.on('error', () => undefined);
  redis.on('message', onMessage);
  redis.on('ready', () => {
    redis.subscribe(channel).then(onMessage, () => undefined);
  });
  return redis;
}

/** Disconnected by us, and to stay so. */
const closed = new WeakSet<RedisConnection>();

/** Ends a connection for good. */
export function closeRedis(redis: RedisConnection): void {
  closed.add(redis);
  redis.disconnect();
}

/** ioredis gives up for good where it hears of another master while it looks for the one that is gone. */
function neverGiveUp(redis: RedisConnection): RedisConnection {
  const again = () => {
    if (!closed.has(redis)) redis.connect().catch(() => undefined);
  };
  redis.on('end', () => void setTimeout(again, AGAIN_MS).unref());
  return redis;
}

/** What becomes of commands when Redis is slow or away. */
interface Ways {
  readonly commandTimeout?: number;
  readonly enableOfflineQueue?: boolean;
  readonly enableAutoPipelining?: boolean;
  readonly maxRetriesPerRequest: number | null;
}

function open(place: RedisPlace, ways: Ways): RedisConnection {
  if (place.kind === 'single')
    return new Redis(place.url, { connectTimeout: CONNECT_TIMEOUT_MS, retryStrategy, ...ways });
  const { kind, nodes, username, password, hasTls } = place;
  const each = {
    connectTimeout: CONNECT_TIMEOUT_MS,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(hasTls ? { tls: {} } : {}),
  };
  if (kind === 'cluster') return openCluster(nodes, each, ways);
  const { name, db, sentinelUsername, sentinelPassword } = place;
  return new Redis({
    ...each,
    ...ways,
    retryStrategy,
    sentinels: [...nodes],
    name,
    db,
    sentinelUsername,
    sentinelPassword,
    sentinelRetryStrategy: retryStrategy,
    sentinelCommandTimeout: CONNECT_TIMEOUT_MS,
    // A master that hangs keeps its connections: the Sentinels tell that there is another.
    failoverDetector: true,
    ...(hasTls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
  });
}

function openCluster(nodes: Several['nodes'], each: object, ways: Ways): Cluster {
  const { enableOfflineQueue = true, enableAutoPipelining = false, ...more } = ways;
  return new Cluster([...nodes], {
    redisOptions: { ...each, ...more },
    enableOfflineQueue,
    enableAutoPipelining,
    clusterRetryStrategy: retryStrategy,
    // A slot that moves is found at once; one whose node is gone is not waited for.
    maxRedirections: enableOfflineQueue ? 16 : 3,
    retryDelayOnFailover: 50,
    retryDelayOnClusterDown: 50,
    slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
    slotsRefreshInterval: 5000,
  });
}
