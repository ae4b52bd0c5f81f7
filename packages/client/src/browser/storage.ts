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

/** What is used of the browser's localStorage and sessionStorage. */
interface WebStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** localStorage, which all tabs of an origin share; in memory where there is none, or where the browser forbids it. */
export function browserStorage(
  store: WebStorage | undefined = (globalThis as { localStorage?: WebStorage }).localStorage,
): SessionStorage {
  if (!store) return memoryStorage();
  return {
    get: (key) => store.getItem(key),
    set: (key, value) => store.setItem(key, value),
    remove: (key) => store.removeItem(key),
  };
}
