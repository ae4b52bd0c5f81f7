import { Redis } from 'ioredis';
import type { Logger } from 'pino';

/** Longest wait for one Redis command, in milliseconds; beyond it Redis counts as away. */
const COMMAND_TIMEOUT_MS = 150;

/** A connection that fails fast instead of queueing: whoever uses Redis has an answer without it. */
export function connectRedis(url: string, log: Logger): Redis {
  const redis = new Redis(url, {
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: 2000,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    enableAutoPipelining: true,
    retryStrategy,
  });
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
export function subscribeRedis(url: string, channel: string, onMessage: () => void): Redis {
  const redis = new Redis(url, {
    connectTimeout: 2000,
    maxRetriesPerRequest: null,
    retryStrategy,
  });
  redis.on('error', () => undefined);
  redis.on('message', onMessage);
  redis.on('ready', onMessage);
  redis.subscribe(channel).catch(() => undefined);
  return redis;
}
