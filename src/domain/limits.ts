import type { Knex } from 'knex';
import type { Logger } from 'pino';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { Config } from '../config.js';
import type { RedisConnection } from '../db/redis.js';
import { AuthError } from '../errors.js';
import type { Clock } from './clock.js';
import { silentMeters, type Meters } from './meters.js';
import { within } from './tracing.js';
import {
  countAlone,
  fail,
  giveBack,
  purge,
  take,
  type Count,
  type Draw,
  type Drawn,
} from './limits/ledger.js';
import { Returns } from './limits/returns.js';
import { limits, type Limit, type LimitName } from './limits/table.js';
import { restore, Windows, type Held } from './limits/windows.js';

export { COUNTING, type Count, type CountedRow } from './limits/ledger.js';
export { limits, type LimitName, type ProcessLimitName } from './limits/table.js';

/**
 * The counters. Those of this process always count and refuse first; behind them stands what the row of the limit says:
 * PostgreSQL, Redis, or nothing.
 */
export interface Limiters {
  readonly own: Readonly<Record<LimitName, Windows>>;
  readonly redis: Partial<Readonly<Record<LimitName, RateLimiterRedis>>>;
  /** Asks PostgreSQL, or does without it where it is away. */
  inDatabase<T>(work: (db: Knex) => Promise<T>, otherwise: T): Promise<T>;
  /** Points that PostgreSQL has not got back yet. */
  readonly returns: Returns;
  pointsOf(name: LimitName): number;
  readonly meters: Meters;
}

export interface LimiterDeps {
  config: Config;
  clock: Clock;
  log: Logger;
  redis: RedisConnection | undefined;
  /** A pool of its own, where there is a database at all: who holds a connection for a transaction, and charges in it, waits for nobody's. */
  db: Knex | undefined;
  meters?: Meters;
}

const rows = Object.entries(limits) as [LimitName, Limit][];

/** Opens the counters. */
export function openLimiters(deps: LimiterDeps): Limiters {
  const { config, clock, log, redis, db, meters = silentMeters } = deps;
  const pointsOf = (name: LimitName) => Math.max(1, Math.round(limits[name].points * config.limits.scale));
  const now = () => clock.monotonic();
  const own = rows.map(([name, { seconds }]) => [name, new Windows(pointsOf(name), seconds * 1000, now)]);
  const shared = rows
    .filter(([, { counted }]) => counted === 'redis' && redis)
    .map(([name, { seconds: duration }]) => {
      const options = { keyPrefix: `authgraph:limit:${name}`, points: pointsOf(name), duration };
      return [name, new RateLimiterRedis({ ...options, storeClient: redis })];
    });
  const inDatabase = askSafely(db, log);
  return {
    own: Object.fromEntries(own) as Limiters['own'],
    redis: Object.fromEntries(shared) as Limiters['redis'],
    inDatabase,
    returns: new Returns((back) => inDatabase((counters) => giveBack(counters, back), undefined)),
    pointsOf,
    meters,
  };
}

function askSafely(db: Knex | undefined, log: Logger): Limiters['inDatabase'] {
  if (!db) return (_work, otherwise) => Promise.resolve(otherwise);
  let isAway = false;
  return async (work, otherwise) => {
    try {
      const result = await work(db);
      isAway = false;
      return result;
    } catch (error) {
      if (!isAway)
        log.warn({ err: error }, 'PostgreSQL does not count; each process goes by its own counters');
      isAway = true;
      return otherwise;
    }
  };
}

/** @param waitMs until there is something to be had again */
function tooMany(waitMs: number): AuthError {
  return new AuthError('RATE_LIMITED', { retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) });
}

/** Takes one point of a limit that this process alone counts. @throws {AuthError} RATE_LIMITED with retryAfterSeconds */
export function chargeAtOnce(limiters: Limiters, name: LimitName, key: string | null): void {
  if (key !== null) tell(limiters, name, limiters.own[name].take(key));
}

/** @param waitMs 0 where a point was to be had */
function tell({ meters }: Limiters, name: LimitName, waitMs: number): void {
  meters.charged(name, waitMs === 0);
  if (waitMs > 0) throw tooMany(waitMs);
}

/** Takes one point, before the work that it pays for. @throws {AuthError} RATE_LIMITED with retryAfterSeconds */
export async function charge(limiters: Limiters, name: LimitName, key: string | null): Promise<void> {
  if (key === null) return;
  if (limits[name].counted === 'postgres') {
    await reserve(limiters, [{ name, key }], Infinity);
    return;
  }
  const ownMs = limiters.own[name].take(key);
  const sharedMs = ownMs > 0 ? 0 : await consume(limiters, name, key);
  if (sharedMs > 0) limiters.own[name].close(key, sharedMs);
  tell(limiters, name, ownMs + sharedMs);
}

const ABOUT_REDIS = { 'db.system.name': 'redis', 'db.operation.name': 'EVALSHA' };

async function consume({ redis, meters }: Limiters, name: LimitName, key: string): Promise<number> {
  const limiter = redis[name];
  if (!limiter) return 0;
  const startedAt = performance.now();
  const ask = () => limiter.consume(key).catch((refusal: unknown) => refusal);
  const count = await within<Promise<unknown>>(`EVALSHA ${name}`, ask, ABOUT_REDIS, 'client');
  const isAnswered = count instanceof RateLimiterRes;
  meters.askedRedis('evalsha', isAnswered, performance.now() - startedAt);
  // Anything else is Redis being away, which the counters of this process stand in for.
  return isAnswered && count.consumedPoints > limiter.points ? Math.max(1, count.msBeforeNext) : 0;
}

/** A limit, and whose point of it is wanted. */
export interface Wanted {
  name: LimitName;
  key: string;
}

/** Points that are taken until it is known what becomes of them. */
export interface Reserved {
  own: Held[];
  shared: Drawn[];
}

/** For how long, in milliseconds, nobody is asked about a budget whose points may all be given back. */
const MOMENT_MS = 1000;

/**
 * Takes one point of each, or none of any.
 * @param closedMs for how long this process asks no further where there is nothing left
 * @param count carries out what is asked of PostgreSQL's counters along with something else; never called where this process refuses
 * @throws {AuthError} RATE_LIMITED with the longest wait among those that have nothing left
 */
export async function reserve(
  limiters: Limiters,
  wanted: readonly Wanted[],
  closedMs = MOMENT_MS,
  count?: Count,
): Promise<Reserved> {
  const own = takeOwn(limiters, wanted);
  const shared = await within('limits.reserve', () => drawShared(limiters, wanted, count));
  const spent = shared.filter(({ waitMs }) => waitMs > 0);
  for (const { name } of spent.length > 0 ? spent : wanted) limiters.meters.charged(name, spent.length === 0);
  if (spent.length === 0) return { own, shared };
  await release(limiters, { own, shared });
  for (const { name, key, waitMs } of spent)
    limiters.own[name as LimitName].close(key, Math.min(waitMs, closedMs));
  throw tooMany(Math.max(...spent.map(({ waitMs }) => waitMs)));
}

function takeOwn(limiters: Limiters, wanted: readonly Wanted[]): Held[] {
  const spent = wanted.filter(({ name, key }) => limiters.own[name].waitOf(key) > 0);
  for (const { name } of spent) limiters.meters.charged(name, false);
  if (spent.length > 0)
    throw tooMany(Math.max(...spent.map(({ name, key }) => limiters.own[name].waitOf(key))));
  return wanted.flatMap(({ name, key }) => {
    limiters.own[name].take(key);
    return limiters.own[name].held(key) ?? [];
  });
}

/** PostgreSQL being away leaves each process with its own counters. */
async function drawShared(limiters: Limiters, wanted: readonly Wanted[], count?: Count): Promise<Drawn[]> {
  const { returns } = limiters;
  const again = wanted.map((one) => returns.reuse(one)).filter((point) => point !== undefined);
  const missing = wanted.filter(
    ({ name, key }) => !again.some((had) => had.name === name && had.key === key),
  );
  if (missing.length === 0 && !count) return again;
  const draws = missing.map(({ name, key }): Draw => {
    const { seconds } = limits[name];
    return { name, key, points: limiters.pointsOf(name), seconds };
  });
  const ask = (db: Knex) => take(count ?? countAlone(db), draws, returns.load(draws));
  return [...again, ...(await limiters.inDatabase(ask, []))];
}

/**
 * Gives the points back: to the windows that they were taken from, so that nothing is won by it. Others have them again at
 * once where there are few or a closing hangs on them, else a moment later.
 */
export async function release(limiters: Limiters, { own, shared }: Reserved): Promise<void> {
  own.forEach(restore);
  const isUrgent = ({ name, isScarce }: Drawn) => isScarce || isGrowing(name as LimitName);
  limiters.returns.add(shared.filter((drawn) => !isUrgent(drawn)));
  const now = shared.filter(isUrgent).map((drawn) => ({ ...drawn, points: 1 }));
  if (now.length > 0) await limiters.inDatabase((db) => giveBack(db, now), undefined);
}

/** Whether it is closed, each time for longer, where failures use it up. */
const isGrowing = (name: LimitName): boolean => 'growing' in limits[name];

/** Keeps the points, which were spent on a failure; a budget used up by failures is closed, each time for longer. */
export async function noteFailure(limiters: Limiters, { shared }: Reserved): Promise<void> {
  for (const drawn of shared) {
    const name = drawn.name as LimitName;
    if (!isGrowing(name)) continue;
    const waitMs = await limiters.inDatabase((db) => fail(db, drawn), 0);
    if (waitMs > 0) limiters.own[name].close(drawn.key, waitMs);
  }
}

/** Counts a failure in a budget that does not refuse it. */
export async function countFailure(limiters: Limiters, wanted: Wanted): Promise<void> {
  limiters.own[wanted.name].take(wanted.key);
  await noteFailure(limiters, { own: [], shared: await drawShared(limiters, [wanted]) });
}

/** Forgets what is over, here and in PostgreSQL. */
export async function purgeLimits({ limiters }: { limiters: Limiters }): Promise<void> {
  for (const windows of Object.values(limiters.own)) windows.tidy();
  await limiters.inDatabase(purge, undefined);
}
