import pg from 'pg';

/** What a listener is told. */
export interface Heard {
  onNotify: () => void;
  /** After each connect, the first one included: what was said before is not known. */
  onConnect: () => void;
}

/** A connection to PostgreSQL that stands as long as the process: it hears, and it has the duty or waits for it. */
export interface Standing extends Duty {
  /** Whether notifications arrive right now; while false, poll more often. */
  readonly isUp: boolean;
  /** Hears what is notified on a channel, from now on. */
  hear(channel: string, heard: Heard): void;
  close(): Promise<void>;
}

/**
 * Who does what one process is enough for. Among all that use the database one has the duty, by an advisory lock of its
 * session; the moment that one is gone, it is free for the next. Whatever would be wrong done twice has its own lock besides.
 */
export interface Duty {
  readonly isOnDuty: boolean;
}

/** How long closing waits for a server that may hang, in milliseconds. */
const FAREWELL_MS = 1000;
const RETRY_MS = 500;
const ASK_FOR_DUTY_MS = 2000;
const DUTY_LOCK = 7_203_110_008;

interface State {
  client: pg.Client | undefined;
  isUp: boolean;
  isOnDuty: boolean;
  isClosed: boolean;
  readonly heard: Map<string, Heard>;
}

/** Connects, and again whenever the connection is lost. @param url of PostgreSQL itself, not of a pooler that shares sessions out */
export function openStanding(url: string): Standing {
  const state: State = {
    client: undefined,
    isUp: false,
    isOnDuty: false,
    isClosed: false,
    heard: new Map(),
  };
  let timer: NodeJS.Timeout | undefined;

  const connect = async () => {
    const client = clientOf(url);
    state.client = client;
    const retry = () => {
      if (state.client !== client) return;
      forget(state);
      void leave(client);
      if (!state.isClosed) timer = setTimeout(() => void connect(), RETRY_MS).unref();
    };
    client.on('error', retry);
    client.on('end', retry);
    client.on('notification', ({ channel }) => state.heard.get(channel)?.onNotify());
    try {
      await client.connect();
      for (const channel of state.heard.keys()) await client.query(listenTo(channel));
      state.isUp = state.client === client;
      for (const { onConnect } of state.heard.values()) onConnect();
      await askForDuty(state);
    } catch {
      retry();
    }
  };
  void connect();
  const asking = setInterval(() => void askForDuty(state), ASK_FOR_DUTY_MS).unref();
  return {
    get isUp() {
      return state.isUp;
    },
    get isOnDuty() {
      return state.isOnDuty;
    },
    hear(channel, heard) {
      state.heard.set(channel, heard);
      const { client, isUp } = state;
      if (client && isUp) client.query(listenTo(channel)).then(heard.onConnect, () => client.end());
    },
    async close() {
      state.isClosed = true;
      clearTimeout(timer);
      clearInterval(asking);
      const { client } = state;
      forget(state);
      if (client) await leave(client);
    },
  };
}

const clientOf = (url: string) =>
  new pg.Client({
    connectionString: url,
    application_name: 'authgraph-standing',
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: 2000,
    query_timeout: 2000,
  });

const listenTo = (channel: string) => `listen ${pg.escapeIdentifier(channel)}`;

function forget(state: State): void {
  state.client = undefined;
  state.isUp = false;
  state.isOnDuty = false;
}

/** The lock is the session's: it goes with the connection. */
async function askForDuty(state: State): Promise<void> {
  const { client, isUp, isOnDuty } = state;
  if (!client || !isUp || isOnDuty) return;
  const asked = client.query<{ mine: boolean }>('select pg_try_advisory_lock($1) as mine', [DUTY_LOCK]);
  const { rows } = await asked.catch(() => ({ rows: [] }));
  if (state.client === client) state.isOnDuty = rows[0]?.mine === true;
}

async function leave(client: pg.Client): Promise<void> {
  const patience = new Promise((resolve) => setTimeout(resolve, FAREWELL_MS).unref());
  await Promise.race([client.end().catch(() => undefined), patience]);
}
