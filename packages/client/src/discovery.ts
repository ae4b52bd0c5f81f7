import { openCalls } from './calls.js';

/** What is needed to learn who issues the tokens. */
export interface DiscoveryDeps {
  readonly url: string;
  readonly fetch: typeof fetch;
  readonly timeoutMs: number;
  readonly onFound: (issuer: string) => void;
}

const RETRY_MS = 1000;

/** Reads `issuer` from the discovery document (RFC 8414 §3), again and again until it is there. */
export function discoverIssuer({ url, fetch, timeoutMs, onFound }: DiscoveryDeps): { close: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const calls = openCalls();
  const read = async (signal: AbortSignal) => {
    const response = await fetch(url, { signal, redirect: 'error' });
    const { issuer } = (await response.json()) as { issuer?: unknown };
    if (typeof issuer !== 'string') throw new Error('the discovery document names no issuer');
    onFound(issuer);
  };
  const look = () => {
    calls.run(timeoutMs, read).catch(() => {
      if (!calls.areOver()) timer = setTimeout(look, RETRY_MS).unref();
    });
  };
  look();
  return {
    close() {
      calls.close();
      clearTimeout(timer);
    },
  };
}
