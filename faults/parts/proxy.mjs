// A balancer as stands in front of replicas: it asks who is ready, and repeats what may be repeated.
import { Agent, createServer } from 'node:http';
import { IDEMPOTENT, post } from './client.mjs';
import { sleep } from './processes.mjs';

const LOOK_EVERY_MS = 100;
/** How long it goes on trying for one call. */
const PATIENCE_MS = 8000;

/** Never sent, whatever it was. */
const isUnsent = ({ code }) => code === 'ECONNREFUSED';

/** @param urls of the replicas */
export async function openProxy(urls) {
  const replicas = urls.map((url) => ({ url, isReady: false }));
  const kept = new Agent({ keepAlive: true, maxSockets: 128 });
  // A connection that has waited may be closed just when it is used again: what must not be done twice has its own.
  const fresh = new Agent({ keepAlive: false });
  let turn = 0;
  let isClosed = false;
  const look = async (replica) => {
    while (!isClosed) {
      const isReady = await fetch(`${replica.url}/health/ready`, { signal: AbortSignal.timeout(2000) }).then(
        async (answer) => (await answer.arrayBuffer(), answer.ok),
        () => false,
      );
      replica.isReady = isReady;
      await sleep(LOOK_EVERY_MS);
    }
  };
  const looking = replicas.map(look);

  const forward = async (request, body) => {
    const isIdempotent = IDEMPOTENT.has(JSON.parse(body).operationName);
    const deadline = performance.now() + PATIENCE_MS;
    const { 'x-gateway-secret': secret, authorization } = request.headers;
    const headers = { 'x-gateway-secret': secret, ...(authorization ? { authorization } : {}) };
    while (performance.now() < deadline) {
      const ready = replicas.filter(({ isReady }) => isReady);
      const replica = ready[turn++ % ready.length];
      if (replica) {
        try {
          return await post(`${replica.url}/graphql`, body, headers, { agent: isIdempotent ? kept : fresh });
        } catch (error) {
          if (isUnsent(error)) replica.isReady = false;
          else if (!isIdempotent) break;
        }
      }
      await sleep(50);
    }
    return { status: 502, text: '' };
  };

  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request.setEncoding('utf8')) body += part;
    const { status, text } = await forward(request, body);
    response.writeHead(status, { 'content-type': 'application/json' }).end(text);
  });
  server.keepAliveTimeout = 60_000;
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    allReady: () => replicas.every(({ isReady }) => isReady),
    async close() {
      isClosed = true;
      server.closeAllConnections();
      server.close();
      kept.destroy();
      await Promise.all(looking);
    },
  };
}
