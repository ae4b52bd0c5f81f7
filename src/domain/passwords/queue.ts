import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import bcrypt from 'bcrypt';
import PQueue from 'p-queue';
import { AuthError } from '../../errors.js';

/** How many may wait for a hash before others are told to come back. */
const LONGEST_QUEUE = 128;

/** Where all hashing happens: a bounded number at once, a bounded number waiting. */
export interface HashQueue {
  /** @throws {AuthError} RATE_LIMITED when too many wait */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** A hash of nothing anybody knows, at the same cost as real ones. */
  decoy(): Promise<string>;
}

/**
 * bcrypt shares the pool of four threads with WebCrypto and DNS, and one hash takes a fifth of a second: with as many
 * at once as there are cores, at most two, everything else keeps its place.
 */
export function openHashQueue(cost: number): HashQueue {
  const queue = new PQueue({ concurrency: Math.min(2, availableParallelism()) });
  let decoy: Promise<string> | undefined;
  return {
    run(work) {
      if (queue.size >= LONGEST_QUEUE)
        throw new AuthError('RATE_LIMITED', {
          message: 'Too many people are signing in right now.',
          retryAfterSeconds: 5,
        });
      return queue.add(work) as Promise<Awaited<ReturnType<typeof work>>>;
    },
    decoy: () => (decoy ??= bcrypt.hash(randomBytes(32).toString('base64'), cost)),
  };
}
