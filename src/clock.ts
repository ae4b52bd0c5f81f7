import type { Clock } from './domain/clock.js';

/** The machine's own time. */
export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };
