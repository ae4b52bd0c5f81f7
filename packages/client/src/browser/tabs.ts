import type { SessionChange } from './tokens.js';

/** What is used of Web Locks. */
interface LockManager {
  request<T>(name: string, work: () => Promise<T>): Promise<T>;
}

/** The tabs of one origin that share a session. */
export interface Tabs {
  /** Runs one piece of work at a time, among all of them. */
  alone<T>(work: () => Promise<T>): Promise<T>;
  /** Tells the others. */
  tell(change: SessionChange): void;
  close(): void;
}

/** Joins the tabs that know each other by this name; without Web Locks, one tab still does one thing at a time. */
export function joinTabs(name: string, hear: (change: SessionChange) => void): Tabs {
  const { locks } = (globalThis as { navigator?: { locks?: LockManager } }).navigator ?? {};
  const channel = typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel(name);
  if (channel) channel.onmessage = ({ data }) => hear(data as SessionChange);
  // Node would wait for it.
  (channel as { unref?: () => void } | undefined)?.unref?.();
  let queue: Promise<unknown> = Promise.resolve();
  return {
    alone<T>(work: () => Promise<T>): Promise<T> {
      const turn = queue.then(() => (locks ? locks.request(name, work) : work()));
      queue = turn.catch(() => undefined);
      return turn;
    },
    tell: (change) => channel?.postMessage(change),
    close: () => channel?.close(),
  };
}
