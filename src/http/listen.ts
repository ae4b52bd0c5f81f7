import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config.js';
import type { Doors } from './server.js';

/** How long balancers may take to see that we are not ready any more, and clients to end their connections, in milliseconds; until then all is answered. */
const LEAVE_MS = 3000;
/** How long requests in flight may take to end, in milliseconds. */
const DRAIN_MS = 10_000;
const SWEEP_MS = 50;
/** How long a connection may be open before its first request has begun, in milliseconds, while the others end. */
const SILENT_MS = 1000;

/** Where a server listens, and how it stops: not ready any more, no new connections, what is in flight ends. */
export interface Listening {
  url: string;
  close: (isReplaced?: boolean) => Promise<void>;
}

/** Starts listening. */
export async function listen(
  { server, drain }: Doors,
  { http, production }: Pick<Config, 'http' | 'production'>,
): Promise<Listening> {
  const endSilent = watchSilent(server);
  await new Promise<void>((resolve, reject) =>
    server.once('error', reject).listen(http.port, http.host, resolve),
  );
  const close = async (isReplaced = false) => {
    drain(isReplaced);
    if (production || isReplaced) await delay(LEAVE_MS);
    const closed = new Promise((resolve) => server.close(resolve));
    // Again and again: a connection whose request was under way is idle only once it is answered.
    const sweeping = setInterval(() => {
      server.closeIdleConnections();
      endSilent();
    }, SWEEP_MS);
    const timer = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
    await closed;
    clearInterval(sweeping);
    clearTimeout(timer);
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

/**
 * Connections that were opened in advance, as browsers and fetch do, and over which nothing ever came: to Node they are as busy as
 * one whose request is under way. @returns what ends those that have been open for {@link SILENT_MS}
 */
function watchSilent(server: Doors['server']): () => void {
  const opened = new Map<Socket, number>();
  server.on('connection', (socket) => {
    opened.set(socket, performance.now());
    socket.once('close', () => opened.delete(socket));
  });
  return () => {
    const before = performance.now() - SILENT_MS;
    for (const [socket, since] of opened) if (since <= before && socket.bytesRead === 0) socket.destroy();
  };
}
