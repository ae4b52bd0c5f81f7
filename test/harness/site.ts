import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startApp, type TestApp } from './app.js';
import { findFreePort } from './port.js';

/** Somebody else's pages, on `http://localhost` and a port of their own: browsers take that for a secure place. */
export interface Site {
  /** Its origin. */
  readonly url: string;
  /** What it was asked for, oldest first. */
  readonly requests: { path: string; headers: IncomingHttpHeaders }[];
  close(): Promise<void>;
}

/** Starts a site that shows this page at every address. */
export async function startSite(html: string): Promise<Site> {
  const requests: Site['requests'] = [];
  const server = createServer(({ url: path = '/', headers }, response) => {
    requests.push({ path, headers });
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(html);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://localhost:${port}`, requests, close };
}

const ATTEMPTS = 5;

/** A service under test that a browser reaches at its PUBLIC_URL, of which the links in its mails are made. */
export async function startPublicApp(
  overrides: Record<string, string> = {},
): Promise<TestApp & { publicUrl: string }> {
  for (let attempt = 1; ; attempt++) {
    const port = await findFreePort();
    const publicUrl = `http://localhost:${port}`;
    try {
      const app = await startApp({ PORT: String(port), PUBLIC_URL: publicUrl, ...overrides });
      return { ...app, publicUrl };
    } catch (error) {
      const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (!isTaken || attempt === ATTEMPTS) throw error;
    }
  }
}
