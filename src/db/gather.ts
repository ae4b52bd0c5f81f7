import { AsyncResource } from 'node:async_hooks';
import DataLoader from 'dataloader';

/** How many statements of a kind are under way at once: two would each bring fewer, and cost more for each call. */
const UNDER_WAY = 1;
/** Nobody waits longer for others to return, in milliseconds: that a statement hangs is no reason for others not to go. */
const PATIENCE_MS = 500;

/** Calls that wait for a place. */
interface Waiting {
  readonly go: () => void;
  late: NodeJS.Timeout | undefined;
}

/**
 * Lets calls of one moment go together. A call that comes while nothing is under way goes at once, with those of the same turn of
 * the event loop; one that comes later waits for that to return, and goes with all that have come by then.
 * @param most how many go together
 * @param ask asks for all of them; its answers are in the order of the calls, an `Error` where only that call has failed
 */
export function gather<Call, Answer>(
  most: number,
  ask: (calls: readonly Call[]) => Promise<(Answer | Error)[]>,
  patienceMs = PATIENCE_MS,
): (call: Call) => Promise<Answer> {
  // No Map: one that is changed all the time keeps what it has forgotten until the next full collection (decision 37).
  const waiting: Waiting[] = [];
  let places = UNDER_WAY;
  const start = (next: Waiting) => {
    clearTimeout(next.late);
    waiting.splice(waiting.indexOf(next), 1);
    places--;
    next.go();
  };
  const wait = (dispatch: () => void) => {
    // Whoever makes room for it has a trace of its own, and what is asked here belongs into that of the first of these calls.
    const place = new AsyncResource('gather');
    const next: Waiting = { go: () => place.runInAsyncScope(dispatch), late: undefined };
    next.late = setTimeout(start, patienceMs, next);
    waiting.push(next);
  };
  const enter = (dispatch: () => void) => {
    if (places <= 0) return wait(dispatch);
    places--;
    setImmediate(dispatch);
  };
  const leave = () => {
    places++;
    const [next] = waiting;
    if (next && places > 0) start(next);
  };
  const loader = new DataLoader<Call, Answer>((calls) => ask(calls).finally(leave), {
    cache: false,
    maxBatchSize: most,
    batchScheduleFn: enter,
  });
  return (call) => loader.load(call);
}
