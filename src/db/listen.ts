import pg from 'pg';

/** A standing LISTEN on one channel. */
export interface Listener {
  /** Whether notifications arrive right now; while false, poll more often. */
  readonly isUp: boolean;
  close(): Promise<void>;
}

/** What a listener tells. */
export interface Heard {
  onNotify: () => void;
  /** After each connect, the first one included: what was said before is not known. */
  onConnect: () => void;
}

/** How long closing waits for a server that may hang, in milliseconds. */
const FAREWELL_MS = 1000;
const RETRY_MS = 500;

/** Listens on `channel` with a connection of its own, and connects again whenever it is lost. */
export function listen(url: string, channel: string, heard: Heard): Listener {
  const state: { client?: pg.Client | undefined; isUp: boolean; isClosed: boolean } = {
    isUp: false,
    isClosed: false,
  };
  let timer: NodeJS.Timeout | undefined;

  const connect = async () => {
    const client = new pg.Client({
      connectionString: url,
      application_name: 'authgraph-listen',
      keepAlive: true,
      connectionTimeoutMillis: 2000,
      query_timeout: 2000,
    });
    state.client = client;
    const retry = () => {
      if (state.client !== client) return;
      state.client = undefined;
      state.isUp = false;
      void leave(client);
      if (!state.isClosed) timer = setTimeout(() => void connect(), RETRY_MS).unref();
    };
    client.on('error', retry);
    client.on('end', retry);
    client.on('notification', heard.onNotify);
    try {
      await client.connect();
      await client.query(`listen ${pg.escapeIdentifier(channel)}`);
      state.isUp = state.client === client;
      heard.onConnect();
    } catch {
      retry();
    }
  };
  void connect();
  return {
    get isUp() {
      return state.isUp;
    },
    async close() {
      state.isClosed = true;
      clearTimeout(timer);
      const { client } = state;
      state.client = undefined;
      if (client) await leave(client);
    },
  };
}

async function leave(client: pg.Client): Promise<void> {
  const patience = new Promise((resolve) => setTimeout(resolve, FAREWELL_MS).unref());
  await Promise.race([client.end().catch(() => undefined), patience]);
}
