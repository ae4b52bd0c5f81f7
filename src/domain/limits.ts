import type { Redis } from 'ioredis';
import {
  RateLimiterMemory,
  RateLimiterRedis,
  type RateLimiterAbstract,
  RateLimiterRes,
} from 'rate-limiter-flexible';
import type { Config } from '../config.js';
import { AuthError } from '../errors.js';

/** One limit: at most `points` charges for a key within `seconds`. */
interface Limit {
  readonly points: number;
  readonly seconds: number;
}

/**
 * Every limit of the service. `LIMITS_SCALE` multiplies the points. Keys: `login` is the normalised login, known or not;
 * `account` is an account's id; `address` is the caller's network, where it is not only the gateway's.
 */
export const limits = {
  /** Every check of an account's secret draws on one budget. */
  secretChecks: { by: 'login', points: 10, seconds: 15 * 60 },
  signUpFromAddress: { by: 'address', points: 100, seconds: 60 * 60 },
  signInFromAddress: { by: 'address', points: 300, seconds: 15 * 60 },
  refreshFromAddress: { by: 'address', points: 1000, seconds: 60 },
  revokeFromAddress: { by: 'address', points: 1000, seconds: 60 },
  mailToAddress: { by: 'login', points: 5, seconds: 60 * 60 },
  noticesToAddress: { by: 'login', points: 20, seconds: 60 * 60 },
  undoLinksToAddress: { by: 'login', points: 20, seconds: 60 * 60 },
  emailChangesByAccount: { by: 'account', points: 10, seconds: 60 * 60 },
  linksFromAddress: { by: 'address', points: 100, seconds: 15 * 60 },
  exportsByAccount: { by: 'account', points: 60, seconds: 60 * 60 },
  changesByAccount: { by: 'account', points: 3000, seconds: 60 },
} as const satisfies Record<string, Limit & { by: 'login' | 'account' | 'address' }>;

export type LimitName = keyof typeof limits;

/** The counters of this process and, where Redis is there, those of all of them: either may say no. */
export type Limiters = Readonly<
  Record<LimitName, { own: RateLimiterAbstract; shared: RateLimiterAbstract | undefined }>
>;

/** Opens the counters. Emptying Redis, or losing it, leaves each process with its own. */
export function openLimiters(config: Config, redis: Redis | undefined): Limiters {
  const entries = Object.entries(limits).map(([name, { points, seconds }]) => {
    const scaled = Math.max(1, Math.round(points * config.limits.scale));
    const options = { keyPrefix: `authgraph:limit:${name}`, points: scaled, duration: seconds };
    const shared = redis && new RateLimiterRedis({ ...options, storeClient: redis });
    return [name, { own: new RateLimiterMemory(options), shared }] as const;
  });
  return Object.fromEntries(entries) as unknown as Limiters;
}

/** Takes one point, before the work that it pays for. @throws {AuthError} RATE_LIMITED with retryAfterSeconds */
export async function charge(limiters: Limiters, name: LimitName, key: string | null): Promise<void> {
  if (key === null) return;
  const { own, shared } = limiters[name];
  await consume(own, key);
  if (shared) await consume(shared, key);
}

async function consume(limiter: RateLimiterAbstract, key: string): Promise<void> {
  const count: unknown = await limiter.consume(key).catch((refusal: unknown) => refusal);
  // Anything else is Redis being away, which the counters of this process stand in for.
  if (!(count instanceof RateLimiterRes) || count.consumedPoints <= limiter.points) return;
  throw new AuthError('RATE_LIMITED', {
    retryAfterSeconds: Math.max(1, Math.ceil(count.msBeforeNext / 1000)),
  });
}

/** Gives a point back: the check was passed by the one whose account it is. */
export async function giveBack(limiters: Limiters, name: LimitName, key: string): Promise<void> {
  const { own, shared } = limiters[name];
  await Promise.all([own.reward(key), shared?.reward(key)]).catch(() => undefined);
}
