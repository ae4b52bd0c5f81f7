import type { IncomingMessage } from 'node:http';

/** Largest body that is read, in bytes. */
const MOST_BYTES = 100 * 1024;

/** Why a body was not taken: an HTTP status and a sentence. */
export class BodyRefused extends Error {
  constructor(
    readonly status: 400 | 413 | 415,
    message: string,
  ) {
    super(message);
  }
}

const JSON_TYPE = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;

/** Reads a JSON body of bounded size. @throws {BodyRefused} */
export function readJson(request: IncomingMessage): Promise<unknown> {
  const { 'content-type': type, 'content-encoding': encoding, 'content-length': length } = request.headers;
  if (!JSON_TYPE.test(type ?? '')) return refuse(415, 'Send application/json in UTF-8.');
  if (encoding !== undefined && encoding !== 'identity')
    return refuse(415, 'Compressed bodies are not taken.');
  if (Number(length ?? 0) > MOST_BYTES) return refuse(413, `A body may have at most ${MOST_BYTES} bytes.`);
  return readBytes(request).then(parseJson);
}

function refuse(status: BodyRefused['status'], message: string): Promise<never> {
  return Promise.reject(new BodyRefused(status, message));
}

/** Reads a body of at most so many bytes. @throws {BodyRefused} */
export function readBytes(request: IncomingMessage, most = MOST_BYTES): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > most) {
        request.pause();
        reject(new BodyRefused(413, `A body may have at most ${most} bytes.`));
      } else chunks.push(chunk);
    });
    request.on('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    request.on('error', () => reject(new BodyRefused(400, 'The body broke off.')));
  });
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new BodyRefused(400, 'The body is not JSON.');
  }
}
