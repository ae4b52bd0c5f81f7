import pg from 'pg';

/** A standing LISTEN on one channel. */
export interface Listener {
  /** Whether notifications arrive right now; while false, poll more often. */
  readonly isUp: boolean;
  close(): Promise<void>;
}

/** Listens on `channel` with a connection of its own, and connects again whenever it is lost; `onNotify` also runs after each connect. */
export function listen(url: string, channel: string, onNotify: () => void): Listener {
  let client: pg.Client | undefined;
  let closed = false;
  let isUp = false;
  let timer: NodeJS.Timeout | undefined;

  const retry = () => {
    isUp = false;
    client?.removeAllListeners('end');
    void client?.end().catch(() => undefined);
    client = undefined;
    if (!closed) timer = setTimeout(() => void connect(), 500).unref();
  };
  const connect = async () => {
    const next = new pg.Client({
      connectionString: url,
      application_name: 'authgraph-listen',
      keepAlive: true,
      connectionTimeoutMillis: 2000,
    });
    client = next;
    next.on('error', () => undefined);
    next.on('notification', onNotify);
    try {
      await next.connect();
      next.on('end', retry);
      await next.query(`listen ${pg.escapeIdentifier(channel)}`);
      isUp = !closed;
      onNotify();
    } catch {
      retry();
    }
  };
  void connect();
  return {
    get isUp() {
      return isUp;
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      client?.removeAllListeners('end');
      await client?.end().catch(() => undefined);
    },
  };
}
