import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pathToFileURL } from 'node:url';
import { createAuthClient, type AuthClient } from '@authgraph/client';

/** An example that listens. */
export interface Running {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** Starts an example where its file is what was started: `node --import @swc-node/register/esm-register express.ts`. */
export async function runIfMain(
  file: string,
  start: (auth: AuthClient, port: number) => Promise<Running>,
): Promise<void> {
  if (file !== pathToFileURL(process.argv[1] ?? '').href) return;
  const auth = createAuthClient({ onEvent: (event) => process.stdout.write(`${JSON.stringify(event)}\n`) });
  const { url } = await start(auth, Number(process.env['PORT'] ?? 3000));
  process.stdout.write(`listening at ${url}\n`);
}

/** Listens on loopback with a server of node:http. */
export async function listen(server: Server, port: number): Promise<Running> {
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}
