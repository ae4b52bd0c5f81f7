import type { IncomingMessage } from 'node:http';
import { currentStep, during } from '../domain/tracing.js';

/** Largest body that is read, in bytes. */
const MOST_BYTES = 100 * 1024;

/** So much of a body that is too large is read and thrown away, for at most so long. */
const MOST_DISCARDED = 16 * 1024 * 1024;
const DISCARDING_MS = 10_000;

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

/** Reads a JSON body of at most so many bytes. @throws {BodyRefused} */
export const readJson = (request: IncomingMessage, most = MOST_BYTES): Promise<unknown> =>
  withJson(request, (body) => body, most);

/** {@link readJson}, and at once, without a promise between, does with the body what there is to be done. */
export function withJson<T>(
  request: IncomingMessage,
  use: (body: unknown) => T | Promise<T>,
  most = MOST_BYTES,
): Promise<T> {
  const { 'content-type': type, 'content-encoding': encoding, 'content-length': length } = request.headers;
  if (!JSON_TYPE.test(type ?? '')) return refuse(415, 'Send application/json in UTF-8.');
  if (encoding !== undefined && encoding !== 'identity')
    return refuse(415, 'Compressed bodies are not taken.');
  if (Number(length ?? 0) > most) return refuseTooLarge(request, most);
  return withBytes(request, (bytes) => use(parseJson(bytes)), most);
}

function refuse(status: BodyRefused['status'], message: string): Promise<never> {
  return Promise.reject(new BodyRefused(status, message));
}

/** Reads a body of at most so many bytes. @throws {BodyRefused} */
export const readBytes = (request: IncomingMessage, most = MOST_BYTES): Promise<Buffer> =>
  withBytes(request, (bytes) => bytes, most);

function withBytes<T>(
  request: IncomingMessage,
  use: (bytes: Buffer) => T | Promise<T>,
  most: number,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const step = currentStep();
    const finish = () => {
      try {
        const bytes = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
        // A listener does not know by itself of which request it is a part.
        resolve(step ? during(step, () => use(bytes)) : use(bytes));
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    };
    const keep = (chunk: Buffer) => {
      size += chunk.length;
      if (size <= most) return void chunks.push(chunk);
      request.off('data', keep).off('end', finish);
      refuseTooLarge(request, most).catch(reject);
    };
    request.on('data', keep).on('end', finish);
    request.on('error', () => reject(new BodyRefused(400, 'The body broke off.')));
  });
}

/** Refuses once the sender has finished: most of them listen no earlier, and hear nothing of a connection that is cut. */
async function refuseTooLarge(request: IncomingMessage, most: number): Promise<never> {
  if (Number(request.headers['content-length'] ?? 0) <= MOST_DISCARDED) await discard(request);
  return refuse(413, `A body may have at most ${most} bytes.`);
}

function discard(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let size = 0;
    const count = (chunk: Buffer) => {
      size += chunk.length;
      if (size > MOST_DISCARDED) stop();
    };
    const stop = () => {
      clearTimeout(late);
      request.off('data', count).pause();
      resolve();
    };
    const late = setTimeout(stop, DISCARDING_MS);
    request.on('data', count).once('end', stop).once('close', stop);
  });
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new BodyRefused(400, 'The body is not JSON.');
  }
}
