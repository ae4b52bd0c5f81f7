import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { App } from '../context.js';
import { currentStep } from '../domain/tracing.js';
import type { Reply } from './reply.js';

/** The requests that are being answered. */
export interface Following {
  /** Follows one request from here to its end; `path` is null where the address is not ours, as it may hold anything. */
  follow: (request: IncomingMessage, reply: Reply, path: string | null) => void;
  /** From now on no connection is used again once its answer is out, those under way included. */
  drain: () => void;
}

/** Gives every request its number, keeps sight of it until it is answered, and takes its time; with LOG_LEVEL=debug each is a line of the log. */
export function followRequests({ clock, log, meters }: Pick<App, 'clock' | 'log' | 'meters'>): Following {
  const house = { isDraining: false };
  // One for all: an answer is its own `this`.
  function ended(this: Reply): void {
    if (!this.arrival) return;
    const { requestId, path, at, ids } = this.arrival;
    const ms = clock.monotonic() - at;
    const { statusCode: status } = this;
    meters.answered(path, status, ms);
    if (!log.isLevelEnabled('debug')) return;
    log.debug({ ...ids, requestId, method: this.req.method, path, status, ms: Math.round(ms) }, 'answered');
  }
  return {
    follow(request, reply, path) {
      const requestId = requestIdOf(request);
      reply.arrival = { requestId, path, at: clock.monotonic(), ids: currentStep()?.ids, house };
      reply.on('close', ended);
    },
    drain() {
      house.isDraining = true;
    },
  };
}

/** What is taken for a request's number. */
export const SOUND_REQUEST_ID = /^[\w.:-]{1,64}$/;

function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && SOUND_REQUEST_ID.test(given) ? given : randomUUID();
}
