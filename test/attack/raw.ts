import { connect } from 'node:net';

/** What came back over the wire. */
export interface RawAnswer {
  status: number;
  /** Names in lower case; a header that comes twice is joined by ", ". */
  headers: Record<string, string>;
  body: string;
}

/** One HTTP request written by hand: no client tidies it up. `lines` are the request line and the headers. */
export function sendRaw(url: string, lines: readonly string[], body = ''): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const text = [...lines, 'Host: localhost', 'Connection: close', '', body].join('\r\n');
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => socket.write(text, 'latin1'));
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.once('end', () => resolve(read(Buffer.concat(chunks).toString('utf8'))));
    // A server that refuses early may reset while we still write: what it said counts.
    socket.once('error', (error) =>
      chunks.length > 0 ? resolve(read(Buffer.concat(chunks).toString('utf8'))) : reject(error),
    );
  });
}

/** One GraphQL operation with headers written by hand. */
export function postRaw(url: string, query: string, headers: readonly string[]): Promise<RawAnswer> {
  const body = JSON.stringify({ query });
  return sendRaw(
    url,
    [
      'POST /graphql HTTP/1.1',
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...headers,
    ],
    body,
  );
}

function read(text: string): RawAnswer {
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const name = line.slice(0, line.indexOf(':')).toLowerCase();
    const value = line.slice(line.indexOf(':') + 1).trim();
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  }
  return { status: Number(statusLine.split(' ')[1]), headers, body: rest.join('\r\n\r\n') };
}
