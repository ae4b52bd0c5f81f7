import type { IncomingMessage, ServerResponse } from 'node:http';
import type { App } from '../context.js';
import { currentStep } from '../domain/tracing.js';

/** The requests that are being answered. */
export interface Following {
  /** Follows one request from here to its end; `path` is null where the address is not ours, as it may hold anything. */
  follow: (request: IncomingMessage, response: ServerResponse, path: string | null) => void;
  /** From now on no connection is used again once its answer is out, those under way included. */
  drain: () => void;
}

/** Keeps sight of every request, so that stopping leaves no connection open, and takes its time; with LOG_LEVEL=debug each is a line of the log. */
export function followRequests({ clock, log, meters }: Pick<App, 'clock' | 'log' | 'meters'>): Following {
  const underWay = new Set<ServerResponse>();
  let isDraining = false;
  return {
    follow(request, response, path) {
      if (isDraining) response.shouldKeepAlive = false;
      underWay.add(response);
      const startedAt = clock.monotonic();
      const ids = currentStep()?.ids;
      response.on('close', () => {
        underWay.delete(response);
        const ms = clock.monotonic() - startedAt;
        const status = response.statusCode;
        meters.answered(path, status, ms);
        if (!log.isLevelEnabled('debug')) return;
        const requestId = response.getHeader('x-request-id');
        log.debug(
          { ...ids, requestId, method: request.method, path, status, ms: Math.round(ms) },
          'answered',
        );
      });
    },
    drain() {
      isDraining = true;
      for (const response of underWay) response.shouldKeepAlive = false;
    },
  };
}
