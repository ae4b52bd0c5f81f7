import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { FeedKeeper } from './feed.js';

/** A stream without a heartbeat for this long hangs: it is cut and opened anew. */
const SILENCE_MS = 5000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;
const REFUSED_PAUSE_MS = 15_000;

/** What is needed to listen to revocations. */
export interface StreamDeps {
  readonly url: string;
  readonly fetch: typeof fetch;
  readonly headers: () => Readonly<Record<string, string>>;
  readonly keeper: FeedKeeper;
  readonly monotonic: () => number;
  /** Told when everything is known, at the latest with each heartbeat. */
  readonly onWhole: () => void;
  /** Told each time that a stream could not be opened, or ended. */
  readonly onLost: (cause: unknown) => void;
}

/** The service answered, and not with a stream. */
class Refused extends Error {}

/** Listens to `GET /revocations` until it is closed: server-sent events, resumed where they broke off. */
export function openStream(deps: StreamDeps): { close: () => void } {
  const closing = new AbortController();
  void listen(deps, closing.signal);
  return { close: () => closing.abort() };
}

async function listen(deps: StreamDeps, closing: AbortSignal): Promise<void> {
  let lastEventId: string | undefined;
  let failures = 0;
  while (!closing.aborted) {
    const startedAt = deps.monotonic();
    const cause: unknown = await follow(deps, closing, lastEventId, (id) => (lastEventId = id)).catch(
      (error: unknown) => error,
    );
    // What broke off in the middle of a snapshot has to begin again.
    if (!deps.keeper.isWhole()) lastEventId = undefined;
    failures = deps.monotonic() - startedAt > SILENCE_MS && deps.keeper.isWhole() ? 0 : failures + 1;
    if (hasEnded(closing)) return;
    deps.onLost(cause);
    await pause(pauseMs(cause, failures), closing);
  }
}

/** Asked anew after each wait, which the compiler would not believe. */
const hasEnded = ({ aborted }: AbortSignal): boolean => aborted;

/** At once or nearly, then less and less often, never at the same time as everybody else. */
function pauseMs(cause: unknown, failures: number): number {
  if (cause instanceof Refused) return REFUSED_PAUSE_MS * (0.5 + Math.random() / 2);
  return Math.random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures, 10));
}

function pause(milliseconds: number, closing: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      closing.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    closing.addEventListener('abort', done);
  });
}

/** One connection, until it ends. @returns why it did */
async function follow(
  { url, fetch, headers, keeper, monotonic, onWhole }: StreamDeps,
  closing: AbortSignal,
  lastEventId: string | undefined,
  reached: (id: string) => void,
): Promise<Error> {
  const cutting = new AbortController();
  const cut = () => cutting.abort(new Error('no heartbeat came'));
  const watchdog = setTimeout(cut, SILENCE_MS);
  const { signal } = cutting;
  const close = () => cutting.abort(closing.reason);
  closing.addEventListener('abort', close);
  const measure = lagMeter(monotonic);
  try {
    const resume: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const all = { accept: 'text/event-stream', 'cache-control': 'no-store', ...headers(), ...resume };
    const response = await fetch(url, { headers: all, signal, redirect: 'error' });
    const body = streamOf(response);
    const parser = createParser({
      onEvent: (message) => {
        const data = readData(message);
        const { ageMs, lateMs } = message.event === 'heartbeat' ? measure(data) : NOT_LATE;
        if (lateMs > SILENCE_MS) return cut();
        keeper.take({ event: message.event ?? 'message', data }, ageMs + lateMs);
        if (message.id !== undefined) reached(message.id);
        if (message.event !== 'revocation' && keeper.isWhole()) onWhole();
        watchdog.refresh();
      },
    });
    for await (const text of textOf(body, signal)) parser.feed(text);
    return new Error('the stream ended');
  } finally {
    clearTimeout(watchdog);
    closing.removeEventListener('abort', close);
    cutting.abort();
  }
}

function streamOf(response: Response): NonNullable<Response['body']> {
  const type = response.headers.get('content-type') ?? '';
  const isStream = response.status === 200 && type.startsWith('text/event-stream') && response.body;
  if (isStream) return response.body;
  void response.body?.cancel().catch(() => undefined);
  const error = `the stream of revocations was answered with HTTP ${response.status}`;
  throw response.status >= 500 ? new Error(error) : new Refused(error);
}

/** What comes, until it ends or is cut. `fetch` itself forgets its signal once a garbage collection has come between. */
async function* textOf(body: NonNullable<Response['body']>, signal: AbortSignal): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  const cut = () => void reader.cancel(signal.reason).catch(() => undefined);
  signal.addEventListener('abort', cut);
  if (signal.aborted) cut();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return signal.throwIfAborted();
    yield value;
  }
}

function readData({ data }: EventSourceMessage): unknown {
  try {
    return data === '' ? undefined : JSON.parse(data);
  } catch {
    throw new Error('the stream of revocations sent what is no JSON');
  }
}

const NOT_LATE = { ageMs: 0, lateMs: 0 };

/** A heartbeat says when it was sent by when its sender last heard everything, and how long ago that was. */
interface Heartbeat {
  readonly at?: unknown;
  readonly ageMs?: unknown;
}

/**
 * How old a heartbeat's news is: by what its sender says, and by how much longer it took than the quickest of this connection.
 * What waited in a proxy, or while this process was stopped, is no news. A service whose clock was put back is listened to anew.
 */
function lagMeter(monotonic: () => number): (data: unknown) => { ageMs: number; lateMs: number } {
  let quickest = Number.POSITIVE_INFINITY;
  return (data) => {
    const { at, ageMs: said } = (data ?? {}) as Heartbeat;
    const ageMs = typeof said === 'number' && said > 0 ? said : 0;
    const heardAt = typeof at === 'string' ? Date.parse(at) : at;
    if (typeof heardAt !== 'number' || !Number.isFinite(heardAt)) return { ageMs, lateMs: 0 };
    const took = monotonic() - (heardAt + ageMs);
    quickest = Math.min(quickest, took);
    return { ageMs, lateMs: took - quickest };
  };
}
