import DataLoader from 'dataloader';

/** How many statements of a kind are under way at once: while one waits for the disk, another is worked on. */
const UNDER_WAY = 2;

/**
 * Lets calls of one moment go together. A call that comes while few are under way goes at once, with those of the same turn of the
 * event loop; one that comes while many are waits for the next to return, and goes with all that have come by then.
 * @param most how many go together
 * @param ask asks for all of them; its answers are in the order of the calls, an `Error` where only that call has failed
 */
export function gather<Call, Answer>(
  most: number,
  ask: (calls: readonly Call[]) => Promise<(Answer | Error)[]>,
): (call: Call) => Promise<Answer> {
  const waiting: (() => void)[] = [];
  let places = UNDER_WAY;
  const enter = (go: () => void) => {
    if (places === 0) return void waiting.push(go);
    places--;
    setImmediate(go);
  };
  const leave = () => {
    const go = waiting.shift();
    if (go) go();
    else places++;
  };
  const loader = new DataLoader<Call, Answer>((calls) => ask(calls).finally(leave), {
    cache: false,
    maxBatchSize: most,
    batchScheduleFn: enter,
  });
  return (call) => loader.load(call);
}
