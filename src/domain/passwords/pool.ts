import { randomInt } from 'node:crypto';
import { channel } from 'node:diagnostics_channel';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { AuthError } from '../../errors.js';
import { silentMeters, type Meters } from '../meters.js';
import { within } from '../tracing.js';
import { startHasher, type HashAnswer, type Hasher } from './hashers.js';
import { takeTogether, type HashResult, type HashWork } from './work.js';

/** Longest that a newcomer may have to wait for a hash, in milliseconds; beyond that they are told to come back. */
const LONGEST_WAIT_MS = 5000;
/** So many may wait in any case: a burst on a slow machine is no storm. */
const ALWAYS_WAITING = 32;
/**
 * A refusal is held back for a while between these, in milliseconds: a crowd that came back at once, or all together, would
 * take from everything else the time that it needs to be served.
 */
const REFUSAL_DELAY_MS = { min: 500, max: 1500 };
/** A hasher that has not answered by then never will; in milliseconds. */
const DEADLINE_MS = 30_000;
/** What bcrypt takes for each of its 2^cost rounds, in milliseconds, until it is known better. */
const ROUND_MS = 0.06;
/** How much of the newest time goes into the average. */
const NEWEST = 0.1;

/** Told of each piece of work that is taken on: `{ kind }`, nothing of the password. For those who count hashes. */
const taken = channel('authgraph:password-hash');

/** What a password is hashed by. */
export interface Hashing {
  /** @throws {AuthError} RATE_LIMITED when too many wait, SERVICE_UNAVAILABLE when hashing fails twice */
  run(work: HashWork): Promise<HashResult>;
  /** For what can be left for another time. */
  hasRoom(): boolean;
}

/** A place in the queue, for one hash; to be released when it is known not to be needed any more, used or not. */
export interface Place extends Hashing {
  release(): void;
}

/** Where all hashing happens: hashers of the lowest priority, a bounded number of them, with a bounded queue. */
export interface HashPool extends Hashing {
  /** Takes a place before anything else is done for somebody. @throws {AuthError} RATE_LIMITED when too many wait */
  reserve(): Promise<Place>;
  /** How much there is to do now: who waits, places that are taken included, and how many hashers work, of how many. */
  load(): { waiting: number; busy: number; size: number };
  close(): void;
}

interface Job {
  readonly work: HashWork;
  readonly resolve: (result: HashResult) => void;
  readonly reject: (error: Error) => void;
  readonly queuedAt: number;
  tries: number;
}

/** Jobs in the hands of a hasher. */
interface Task {
  readonly jobs: readonly Job[];
  readonly startedAt: number;
  readonly deadline: NodeJS.Timeout;
}

interface Pool {
  readonly size: number;
  readonly log: Logger;
  readonly meters: Meters;
  readonly waiting: Job[];
  /** Places that are taken and not used yet. */
  reserved: number;
  /** Every hasher there is, with what it is at. */
  readonly hashers: Map<Hasher, Task | undefined>;
  averageMs: number;
  isClosed: boolean;
}

interface PoolDeps {
  size: number;
  cost: number;
  log: Logger;
  meters?: Meters;
}

/** Opens a pool of at most `size` hashers, each started when it is first needed. */
export function openHashPool({ size, cost, log, meters = silentMeters }: PoolDeps): HashPool {
  const pool: Pool = {
    size,
    log,
    meters,
    waiting: [],
    reserved: 0,
    hashers: new Map(),
    averageMs: ROUND_MS * 2 ** cost,
    isClosed: false,
  };
  return {
    async run(work) {
      if (isFull(pool)) throw await refusal(pool);
      return queue(pool, work);
    },
    async reserve() {
      if (isFull(pool)) throw await refusal(pool);
      return takePlace(pool);
    },
    hasRoom: () => !isFull(pool),
    load: () => ({ waiting: pool.waiting.length + pool.reserved, busy: busyOf(pool), size }),
    close: () => closePool(pool),
  };
}

function queue(pool: Pool, work: HashWork): Promise<HashResult> {
  taken.publish({ kind: work.kind });
  const done = () =>
    new Promise<HashResult>((resolve, reject) => {
      pool.waiting.push({ work, resolve, reject, queuedAt: performance.now(), tries: 0 });
      pump(pool);
    });
  return within('passwords.hash', done, { 'authgraph.hash.kind': work.kind });
}

function takePlace(pool: Pool): Place {
  let isHeld = true;
  pool.reserved++;
  const release = () => {
    if (isHeld) pool.reserved--;
    isHeld = false;
  };
  return {
    async run(work) {
      if (!isHeld && isFull(pool)) throw await refusal(pool);
      release();
      return queue(pool, work);
    },
    hasRoom: () => !isFull(pool),
    release,
  };
}

const tasksOf = ({ hashers }: Pool) => [...hashers.values()].filter((task) => task !== undefined);
const busyOf = (pool: Pool) => tasksOf(pool).length;
const underWay = (pool: Pool) => tasksOf(pool).flatMap(({ jobs }) => jobs);

/** When one who comes now would have their turn. */
function waitMs(pool: Pool): number {
  const { waiting, reserved, averageMs, size } = pool;
  return ((waiting.length + reserved + underWay(pool).length) / size) * averageMs;
}

const isFull = (pool: Pool) =>
  pool.waiting.length + pool.reserved >= ALWAYS_WAITING && waitMs(pool) > LONGEST_WAIT_MS;

async function refusal(pool: Pool): Promise<AuthError> {
  pool.meters.turnedAway();
  const turn = Math.ceil(waitMs(pool) / 1000);
  // Not everybody at once.
  const retryAfterSeconds = randomInt(turn, 2 * turn + 1);
  await delay(randomInt(REFUSAL_DELAY_MS.min, REFUSAL_DELAY_MS.max));
  return new AuthError('RATE_LIMITED', {
    message: 'Too many people are signing in right now.',
    retryAfterSeconds,
  });
}

/** Gives what waits to those who are free, and starts another hasher where none is and there may be one more. */
function pump(pool: Pool): void {
  while (pool.waiting.length > 0 && !pool.isClosed) {
    const hasher = freeOf(pool) ?? (pool.hashers.size < pool.size ? hire(pool) : undefined);
    if (!hasher) return;
    give(pool, hasher, takeTogether(pool.waiting));
  }
}

function freeOf({ hashers }: Pool): Hasher | undefined {
  for (const [hasher, task] of hashers) if (!task) return hasher;
  return undefined;
}

function hire(pool: Pool): Hasher {
  const hasher = startHasher({
    answered: (answer) => settle(pool, hasher, answer),
    ended: (exitCode, signal = null) => bury(pool, hasher, { exitCode, signal }),
  });
  pool.hashers.set(hasher, undefined);
  return hasher;
}

function give(pool: Pool, hasher: Hasher, jobs: readonly Job[]): void {
  for (const job of jobs) job.tries++;
  const deadline = setTimeout(() => hasher.kill(), DEADLINE_MS).unref();
  pool.hashers.set(hasher, { jobs, startedAt: performance.now(), deadline });
  hasher.ask(jobs.map(({ work }) => work));
}

function settle(pool: Pool, hasher: Hasher, { results }: HashAnswer): void {
  const task = pool.hashers.get(hasher);
  if (!task) return;
  clearTimeout(task.deadline);
  pool.hashers.set(hasher, undefined);
  const { jobs, startedAt } = task;
  if (!results && jobs.length > 1) return tryAgain(pool, jobs);
  const workMs = performance.now() - startedAt;
  pool.averageMs += NEWEST * (workMs / jobs.length - pool.averageMs);
  jobs.forEach((job, nth) => {
    pool.meters.hashed(job.work.kind, startedAt - job.queuedAt, workMs);
    tell(job, results?.[nth]);
  });
  pump(pool);
}

function tell({ resolve, reject }: Job, result: HashResult | undefined): void {
  if (result === undefined) reject(new Error('A password could not be hashed.'));
  else resolve(result);
}

/** A hasher has ended, or could not start; what it was at is tried once more by another. */
function bury(pool: Pool, hasher: Hasher, how: { exitCode: number | null; signal: string | null }): void {
  const task = pool.hashers.get(hasher);
  if (!pool.hashers.delete(hasher) || pool.isClosed) return;
  pool.log.error(how, 'a hasher has ended unexpectedly');
  clearTimeout(task?.deadline);
  tryAgain(pool, task?.jobs ?? []);
}

/** One by one, and once: one of them may be what the others failed over. */
function tryAgain(pool: Pool, jobs: readonly Job[]): void {
  pool.waiting.unshift(...jobs.filter(({ tries }) => tries < 2));
  for (const job of jobs) if (job.tries >= 2) job.reject(new AuthError('SERVICE_UNAVAILABLE'));
  pump(pool);
}

function closePool(pool: Pool): void {
  pool.isClosed = true;
  for (const { deadline } of tasksOf(pool)) clearTimeout(deadline);
  for (const job of [...pool.waiting.splice(0), ...underWay(pool)])
    job.reject(new AuthError('SERVICE_UNAVAILABLE'));
  for (const hasher of pool.hashers.keys()) hasher.kill();
  pool.hashers.clear();
}
