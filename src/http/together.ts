/** So many are not kept waiting for one another. */
const MOST = 64;

const waiting: (() => void)[] = [];

/**
 * Sends what is ready at the end of this turn of the event loop, together with all else that is ready by then. One by one between
 * the requests, each answer wakes its reader, who takes the processor or has to be reached on another one: that took a third of
 * the time of short answers. A request that is alone in its turn waits for nothing.
 */
export function together(send: () => void): void {
  const count = waiting.push(send);
  if (count === 1) setImmediate(sendAll);
  else if (count === MOST) sendAll();
}

function sendAll(): void {
  for (const send of waiting.splice(0)) send();
}
