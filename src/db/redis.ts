import { Redis } from 'ioredis';

/** Longest wait for one Redis command, in milliseconds; beyond it Redis counts as away. */
const COMMAND_TIMEOUT_MS = 150;

/**
 * A connection that fails fast instead of queueing: whoever uses Redis has an answer without it.
 * `onError` hears of each failure to connect.
 */
export function connectRedis(url: string, onError: (error: Error) => void): Redis {
  const redis = new Redis(url, {
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: 2000,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    enableAutoPipelining: true,
    retryStrategy: (attempt) => Math.min(100 * 2 ** attempt, 2000),
  });
  redis.on('error', onError);
  return redis;
}

/** A connection of its own that listens to `channel` for as long as it stands, and again after each reconnect. */
export function subscribeRedis(url: string, channel: string, onMessage: () => void): Redis {
  const redis = new Redis(url, {
    connectTimeout: 2000,
    maxRetriesPerRequest: null,
    retryStrategy: (attempt) => Math.min(100 * 2 ** attempt, 2000),
  });
  redis.on('error', () => undefined);
  redis.on('message', onMessage);
  redis.on('ready', onMessage);
  redis.subscribe(channel).catch(() => undefined);
  return redis;
}
