import { availableParallelism } from 'node:os';
import { z } from 'zod';

/** A whole number, in words for whoever set it. */
export const whole = () =>
  z.coerce
    .number({
      error: ({ code }: { code?: string | undefined }) =>
        code === 'invalid_type' ? 'must be a number' : undefined,
    })
    .int('must be a whole number');

/** The variables that say into how many processes the work goes. */
export const processVariables = {
  WEB_CONCURRENCY: whole().min(1).max(64).default(1),
  PASSWORD_HASH_PROCESSES: whole().min(1).max(256).optional(),
};

interface Given {
  WEB_CONCURRENCY: number;
  PASSWORD_HASH_PROCESSES?: number | undefined;
}

/** How many processes answer requests, and each one's share of those that hash. */
export function processesOf({
  WEB_CONCURRENCY: workers,
  PASSWORD_HASH_PROCESSES: hashing = availableParallelism(),
}: Given) {
  return { workers, hashersEach: Math.ceil(hashing / workers) };
}
