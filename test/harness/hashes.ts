import { subscribe, unsubscribe } from 'node:diagnostics_channel';

/** What was asked of the hashing processes. */
export interface Hashes {
  /** Passwords hashed for storage. */
  made: number;
  /** Passwords checked, against decoys as well. */
  checked: number;
}

/** Runs `work` and counts what this process, with every service in it, has hashed meanwhile. */
export async function countHashes<T>(work: () => Promise<T>): Promise<Hashes & { result: T }> {
  const counted: Hashes = { made: 0, checked: 0 };
  const count = (message: unknown) => {
    if ((message as { kind: string }).kind === 'make') counted.made++;
    else counted.checked++;
  };
  subscribe('authgraph:password-hash', count);
  try {
    const result = await work();
    return { ...counted, result };
  } finally {
    unsubscribe('authgraph:password-hash', count);
  }
}
