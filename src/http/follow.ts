import type { IncomingMessage, ServerResponse } from 'node:http';
import type { App } from '../context.js';

/** The requests that are being answered. */
export interface Following {
  /** Follows one request from here to its end; `path` is null where the address is not ours, as it may hold anything. */
  follow: (request: IncomingMessage, response: ServerResponse, path: string | null) => void;
  /** From now on no connection is used again once its answer is out, those under way included. */
  drain: () => void;
}

/** Keeps sight of every request, so that stopping leaves no connection open; with LOG_LEVEL=debug each is a line of the log. */
export function followRequests({ clock, log }: Pick<App, 'clock' | 'log'>): Following {
  const underWay = new Set<ServerResponse>();
  let isDraining = false;
  return {
    follow(request, response, path) {
      if (isDraining) response.shouldKeepAlive = false;
      underWay.add(response);
      const startedAt = clock.monotonic();
      response.once('close', () => {
        underWay.delete(response);
        if (!log.isLevelEnabled('debug')) return;
        const ms = Math.round(clock.monotonic() - startedAt);
        const requestId = response.getHeader('x-request-id');
        log.debug({ requestId, method: request.method, path, status: response.statusCode, ms }, 'answered');
      });
    },
    drain() {
      isDraining = true;
      for (const response of underWay) response.shouldKeepAlive = false;
    },
  };
}
