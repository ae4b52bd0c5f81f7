import { once } from 'node:events';
import { get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { TestApp } from './app.js';
import { until } from './until.js';

/** One server-sent event, with when it came (performance.now). */
export interface Told {
  id: string | undefined;
  event: string;
  data: Record<string, unknown>;
  at: number;
}

/** A stream of server-sent events that is being read. */
export interface Following {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  /** All so far. */
  readonly events: readonly Told[];
  revocations(): Told[];
  /** The first revocation that is like that, told already or yet to come. */
  entry(isMeant: (data: Record<string, unknown>) => boolean): Promise<Told>;
  /** All that was known when the stream began was told. */
  ready(): Promise<void>;
  /** The other side has ended it. */
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

/** Begins to read the feed of revocations, behind the entry of this number where one is given. */
export async function follow(
  { url }: Pick<TestApp, 'url'>,
  headers: Record<string, string>,
  lastEventId?: string,
): Promise<Following> {
  const from = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  const asking = get(`${url}/revocations`, { headers: { ...headers, ...from }, agent: false });
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  const events: Told[] = [];
  const waiting = new Set<() => void>();
  const ended = read(response, (told) => {
    events.push(told);
    for (const look of waiting) look();
  }).catch(() => undefined);
  const revocations = () => events.filter(({ event }) => event === 'revocation');
  return {
    status: response.statusCode,
    headers: response.headers,
    events,
    revocations,
    entry: (isMeant) => {
      const find = () => revocations().find(({ data }) => isMeant(data));
      const known = find();
      if (known) return Promise.resolve(known);
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('It was never told.')), 10_000);
        const look = () => {
          const found = find();
          if (!found) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
      });
    },
    ready: async () => {
      await until('the stream is ready', () => events.some(({ event }) => event === 'ready'));
    },
    ended,
    close: async () => {
      response.destroy();
      await ended;
    },
  };
}

async function read(body: AsyncIterable<Uint8Array>, take: (told: Told) => void): Promise<void> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) if (block.includes('event:')) take(parse(block));
  }
}

function parse(block: string): Told {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
  const data = JSON.parse(field('data') ?? '{}') as Record<string, unknown>;
  return { id: field('id'), event: field('event') ?? 'message', data, at: performance.now() };
}
