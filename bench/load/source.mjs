// Where the next request of a load comes from: { next(), answered(values, body), left() }.
import { bytesOf, captured, personOf } from './template.mjs';

/** The source that a job's mode asks for. */
export function sourceOf(job, host) {
  return { cycle, fresh, chain }[job.mode](job, host);
}

/** The same requests in turn, put together once. */
function cycle({ rows, ...job }, host) {
  const requests = rows.map((values) => ({ bytes: bytesOf(job, values, host) }));
  let at = 0;
  return { next: () => requests[at++ % requests.length], answered: () => undefined, left: () => rows };
}

/** Somebody new each time. */
function fresh({ first, ...job }, host) {
  let n = first;
  return {
    next: () => ({ bytes: bytesOf(job, personOf(n++), host) }),
    answered: () => undefined,
    left: () => n,
  };
}

/** Each request spends what an earlier answer gave; nothing is spent twice. */
function chain({ rows, ...job }, host) {
  const waiting = [...rows];
  let at = 0;
  return {
    next() {
      if (at === waiting.length) return undefined;
      const values = waiting[at];
      waiting[at++] = undefined;
      return { bytes: bytesOf(job, values, host), values };
    },
    answered: ({ values }, body) => waiting.push({ ...values, ...captured(job, body.toString('utf8')) }),
    left: () => waiting.slice(at),
  };
}
