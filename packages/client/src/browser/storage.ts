import { createStore, del, get, set } from 'idb-keyval';

/** Where a session is kept. Tabs share a session through storage that they share. */
export interface SessionStorage {
  get(key: string): string | null | undefined | Promise<string | null | undefined>;
  set(key: string, value: string): void | Promise<void>;
  remove(key: string): void | Promise<void>;
}

/** For this tab, until it is closed or loaded anew. */
export function memoryStorage(): SessionStorage {
  const held = new Map<string, string>();
  return {
    get: (key) => held.get(key),
    set: (key, value) => void held.set(key, value),
    remove: (key) => void held.delete(key),
  };
}

/**
 * The browser's IndexedDB, which all tabs of an origin share; in memory where there is none, or where the browser forbids it.
 * What one tab has written, every other reads from then on. localStorage promises no such thing: a tab in a process of its own
 * may still be shown a token that another has just exchanged.
 */
export function browserStorage(): SessionStorage {
  if (!('indexedDB' in globalThis)) return memoryStorage();
  const store = createStore('authgraph', 'sessions');
  const inBrowser: SessionStorage = {
    get: (key) => get<string>(key, store),
    set: (key, value) => set(key, value, store),
    remove: (key) => del(key, store),
  };
  const chosen = get('', store).then(() => inBrowser, memoryStorage);
  return {
    get: async (key) => (await chosen).get(key),
    set: async (key, value) => (await chosen).set(key, value),
    remove: async (key) => (await chosen).remove(key),
  };
}
