import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where the numbers can be read. */
export interface Page {
  url: string;
  close(): Promise<void>;
}

const FORMAT = 'text/plain; version=0.0.4; charset=utf-8';

/** Serves `GET /metrics` and nothing else, on a port of its own. @throws when the port is taken */
export async function servePage(
  { port, host }: { port: number; host: string },
  write: () => Promise<string>,
): Promise<Page> {
  const limits = { requestTimeout: 10_000, headersTimeout: 5000, keepAliveTimeout: 30_000 };
  const server = createServer(limits, (request, response) => {
    answer(request, response, write).catch(() => response.destroy());
  });
  server.maxConnections = 64;
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  server.unref();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  { method, url = '' }: IncomingMessage,
  response: ServerResponse,
  write: () => Promise<string>,
): Promise<void> {
  const isThere = url.split('?')[0] === '/metrics';
  const isRead = method === 'GET' || method === 'HEAD';
  response.statusCode = !isThere ? 404 : isRead ? 200 : 405;
  response.setHeader('cache-control', 'no-store');
  if (!isThere || !isRead) return void response.end();
  const text = await write();
  response.setHeader('content-type', FORMAT);
  response.end(method === 'HEAD' ? undefined : text);
}
