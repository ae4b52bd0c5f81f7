import type { ServerResponse } from 'node:http';

/** What is said of a revocation. */
export type FakeRevocation =
  | { readonly kind: 'session'; readonly key: string }
  | {
      readonly kind: 'subject';
      readonly key: string;
      readonly status: 'ACTIVE' | 'SUSPENDED' | 'DELETED';
      readonly version: number;
    }
  | { readonly kind: 'key' | 'serviceToken'; readonly key: string }
  /** What has changed; everything, where that is not said. */
  | { readonly kind: 'catalogue'; readonly of?: 'roles' | 'services' | 'serviceTokens' };

/** The stream of revocations of an auth service that is none. */
export interface FakeFeed {
  /** Tells everybody who listens, and whoever comes later. */
  revoke(entry: FakeRevocation): void;
  /** Whether heartbeats are sent. */
  beat(isBeating: boolean): void;
  /** Begins anew for everybody: reset, the snapshot, ready. */
  reset(): void;
  /** Ends every connection. */
  cut(): void;
  /** How many listen. */
  listeners(): number;
  /** The Last-Event-ID of each connection so far; undefined where there was none. */
  readonly resumed: (string | undefined)[];
}

const BEAT_MS = 200;
const REMEMBERED_MS = 7_260_000;

/** Opens a feed without anybody listening; `admit` takes on a connection. */
export function openFakeFeed(now: () => number) {
  const rows: { seq: number; data: object }[] = [];
  const listening = new Set<ServerResponse>();
  const resumed: (string | undefined)[] = [];
  let [seq, isBeating] = [0, true];
  const send = (to: ServerResponse, event: string, data: object, id?: number) =>
    void to.write(
      `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`,
    );
  const beat = (to: ServerResponse) => send(to, 'heartbeat', { seq, at: new Date(now()).toISOString() });
  const catchUp = (to: ServerResponse, after: number) => {
    for (const row of rows) if (row.seq > after) send(to, 'revocation', row.data, row.seq);
    send(to, 'ready', { seq }, seq);
    if (isBeating) beat(to);
  };
  const timer = setInterval(() => {
    if (isBeating) for (const to of listening) beat(to);
  }, BEAT_MS).unref();
  const feed: FakeFeed = {
    resumed,
    listeners: () => listening.size,
    beat(isOn) {
      isBeating = isOn;
    },
    revoke(entry) {
      const data = { ...entry, expiresAt: new Date(now() + REMEMBERED_MS).toISOString() };
      rows.push({ seq: ++seq, data });
      for (const to of listening) send(to, 'revocation', data, seq);
    },
    reset() {
      for (const to of listening) {
        send(to, 'reset', {});
        catchUp(to, 0);
      }
    },
    cut() {
      for (const to of listening) to.destroy();
      listening.clear();
    },
  };
  return {
    feed,
    admit(to: ServerResponse, lastEventId: string | undefined): void {
      resumed.push(lastEventId);
      to.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      listening.add(to);
      to.once('close', () => listening.delete(to));
      catchUp(to, Number(lastEventId ?? 0));
    },
    close(): void {
      clearInterval(timer);
      feed.cut();
    },
  };
}
