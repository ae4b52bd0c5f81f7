import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** The way between a service and its PostgreSQL, as a TCP port that a test can cut, hold and make lose answers. */
export interface Wire {
  /** Fit for DATABASE_URL. */
  readonly url: string;
  /** Connections break, and new ones break at once. */
  cut(): void;
  /** Connections stay open and nothing passes, as with a host that is gone without a word. */
  hold(): void;
  /** All is well again; what was held passes. */
  mend(): void;
  /**
   * The next COMMIT, or statement of a refresh that commits by itself, reaches PostgreSQL and is carried out, and the connection
   * breaks before the service hears of it.
   */
  loseNextCommit(): void;
  close(): Promise<void>;
}

type State = 'whole' | 'cut' | 'held';

const COMMITS = ['COMMIT', 'rotate_refresh_tokens'];

/** Lays a wire to the PostgreSQL at `url`, which listens on a unix socket or on TCP. */
export async function layWire(url: string): Promise<Wire> {
  const pairs = new Set<[near: Socket, far: Socket]>();
  let state: State = 'whole';
  let losesCommit = false;

  const accept = (near: Socket) => {
    near.on('error', () => undefined);
    if (state === 'cut') return hangUp(near);
    const far = reach(url).on('error', () => near.destroy());
    const pair: [Socket, Socket] = [near, far];
    pairs.add(pair);
    let isLosing = false;
    near.on('data', (chunk) => {
      if (losesCommit && COMMITS.some((words) => chunk.includes(words))) {
        losesCommit = false;
        isLosing = true;
      }
      far.write(chunk);
    });
    far.on('data', (chunk) => {
      if (isLosing) hangUp(near);
      else near.write(chunk);
    });
    near.on('close', () => {
      pairs.delete(pair);
      far.destroy();
    });
    far.on('close', () => near.destroy());
    if (state === 'held') for (const end of pair) end.pause();
  };
  const server = createServer(accept);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const change = (next: State, toEach: (end: Socket) => unknown) => {
    state = next;
    for (const pair of pairs) for (const end of pair) toEach(end);
  };
  return {
    url: urlOf(server, url),
    cut: () => change('cut', hangUp),
    hold: () => change('held', (end) => end.pause()),
    mend: () => change('whole', (end) => end.resume()),
    loseNextCommit: () => {
      losesCommit = true;
    },
    close: async () => {
      change('cut', (end) => end.destroy());
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Without a reset: that would be an error of Node's own, which is no `instanceof Error` inside Jest. */
function hangUp(end: Socket): void {
  end.removeAllListeners('data').resume().end();
}

function reach(url: string): Socket {
  const { hostname, port, searchParams } = new URL(url);
  const folder = searchParams.get('host');
  return folder?.startsWith('/') === true
    ? connect(`${folder}/.s.PGSQL.${port || '5432'}`)
    : connect(Number(port || 5432), hostname);
}

function urlOf(server: Server, original: string): string {
  const url = new URL(original);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  url.searchParams.delete('host');
  return url.href;
}
