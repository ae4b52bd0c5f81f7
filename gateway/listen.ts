import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HeaderMap, type ApolloServer, type BaseContext, type HTTPGraphQLRequest } from '@apollo/server';

/** A server that runs. */
export interface Listening {
  /** Its GraphQL endpoint. */
  url: string;
  close(): Promise<void>;
}

/** As much as the auth service takes itself; what is longer gets 413. */
const LARGEST_BODY_BYTES = 100 * 1024;

/**
 * Serves an Apollo Server on loopback: POST for operations, a page for browsers. Apollo's own standalone server would
 * answer any web page (`Access-Control-Allow-Origin: *`) and take bodies of 50 MB.
 *
 * @param context made of the request
 * @param port 0 takes any free one
 * @throws the error of `listen`, EADDRINUSE among them
 */
export async function listen<C extends BaseContext>(
  server: ApolloServer<C>,
  context: (request: IncomingMessage) => C | Promise<C>,
  port: number,
): Promise<Listening> {
  await server.start();
  const http = createServer((request, response) => {
    answer(server, context, request, response).catch(() => reply(response, 500, 'Internal server error'));
  });
  return listenWith(http, port, () => server.stop());
}

/**
 * Lets a server listen on loopback.
 *
 * @param stop lets go of what stands behind it, once it is closed
 * @throws the error of `listen`, EADDRINUSE among them
 */
export async function listenWith(
  http: Server,
  port: number,
  stop: () => Promise<void> | void,
): Promise<Listening> {
  await new Promise<void>((resolve, reject) => http.once('error', reject).listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${String((http.address() as AddressInfo).port)}/graphql`,
    close: async () => {
      const closed = new Promise((resolve) => http.close(resolve));
      http.closeAllConnections();
      await closed;
      await stop();
    },
  };
}

async function answer<C extends BaseContext>(
  server: ApolloServer<C>,
  context: (request: IncomingMessage) => C | Promise<C>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const wantsPage = request.method === 'GET' && request.headers.accept?.includes('text/html');
  if (request.method !== 'POST' && !wantsPage)
    return reply(response, 405, 'Send operations as POST', { allow: 'POST' });
  const text = await readText(request);
  if (text === undefined) return reply(response, 413, 'The request is too large');
  const httpGraphQLRequest = toApollo(request, text);
  if (!httpGraphQLRequest) return reply(response, 400, 'The request body is not JSON');
  const { status, headers, body } = await server.executeHTTPGraphQLRequest({
    httpGraphQLRequest,
    context: async () => context(request),
  });
  response.writeHead(status ?? 200, Object.fromEntries(headers));
  if (body.kind === 'complete') response.end(body.string);
  else response.end('Incremental delivery is not served here');
}

async function readText(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= LARGEST_BODY_BYTES) chunks.push(chunk); // read to the end, or the client never sees the 413
  }
  return bytes <= LARGEST_BODY_BYTES ? Buffer.concat(chunks).toString('utf8') : undefined;
}

/** The body is read only as what it says it is, so that Apollo's CSRF prevention sees the rest for itself. */
function toApollo(request: IncomingMessage, text: string): HTTPGraphQLRequest | undefined {
  const headers = new HeaderMap();
  for (const [name, value] of Object.entries(request.headers)) if (value) headers.set(name, String(value));
  const isJson = /^application\/json\b/i.test(request.headers['content-type'] ?? '');
  try {
    const body: unknown = isJson ? JSON.parse(text) : undefined;
    return { method: request.method ?? 'GET', headers, search: '', body };
  } catch {
    return undefined;
  }
}

function reply(
  response: ServerResponse,
  status: number,
  message: string,
  headers: Record<string, string> = {},
): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ errors: [{ message, extensions: { code: 'BAD_REQUEST' } }] }));
}
