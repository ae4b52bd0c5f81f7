/** Calls under way to the service: each ends after its time, and all of them with the client. */
export interface Calls {
  /** Makes one. @throws whatever ends it first: what it meets itself, its time, or the end of the client */
  readonly run: <T>(milliseconds: number, work: (signal: AbortSignal) => Promise<T>) => Promise<T>;
  readonly areOver: () => boolean;
  readonly close: () => void;
}

/**
 * Opens the list of calls. It holds the controller of each: signals that are composed (`AbortSignal.any`) are held weakly, so
 * that after a garbage collection a call that hangs would hang on, whatever its time.
 */
export function openCalls(): Calls {
  const ending = new Set<AbortController>();
  let areOver = false;
  const run = async <T>(milliseconds: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    if (areOver) throw new Error('the client is closed');
    const call = new AbortController();
    const late = () => call.abort(new Error(`no answer within ${milliseconds} ms`));
    const timer = setTimeout(late, milliseconds);
    ending.add(call);
    try {
      return await Promise.race([work(call.signal), abortOf(call.signal)]);
    } finally {
      clearTimeout(timer);
      ending.delete(call);
    }
  };
  return {
    run,
    areOver: () => areOver,
    close() {
      areOver = true;
      for (const call of ending) call.abort(new Error('the client is closed'));
    },
  };
}

const abortOf = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
