import { setTimeout as delay } from 'node:timers/promises';

/** In milliseconds: several times what there is to do for an address that has an account. */
const ANSWER_MS = 150;

/** Finishes no earlier than a moment from now, so that the time does not tell how much there was to do. @throws what `work` does, as late */
export async function inTheSameTime<T>(work: Promise<T>): Promise<T> {
  const [outcome] = await Promise.allSettled([work, delay(ANSWER_MS)]);
  if (outcome.status === 'rejected') throw outcome.reason;
  return outcome.value;
}
