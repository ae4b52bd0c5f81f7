import type { Logger } from 'pino';

/** A running service, as far as the process that it runs in cares. */
export interface Running {
  url: string;
  /** Where its metrics are, if anywhere. */
  metricsUrl: string | undefined;
  log: Logger;
  /**
   * Not ready any more → no new connections → what is in flight ends, within ten seconds → everything is closed.
   * @param isReplaced another process answers on the same port already: no balancer has to notice
   */
  close(isReplaced?: boolean): Promise<void>;
}
