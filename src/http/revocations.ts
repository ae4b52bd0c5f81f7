import { randomInt } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { App } from '../context.js';
import type { ServiceActor } from '../domain/access.js';
import type { LogEntry } from '../domain/revocations.js';
import { isLive } from '../domain/service-tokens.js';
import { requireService, type OAuthCaller } from './oauth/caller.js';
import { OAuthError } from './oauth/errors.js';
import { safely } from './oauth/safely.js';

/** The feed of revocations as server-sent events; docs/revocations.md is what verifiers may count on. */
export interface Streams {
  open(request: IncomingMessage, response: ServerResponse, caller: OAuthCaller): Promise<void>;
  /** Ends all of them, so that their readers go elsewhere, and lets no other begin. */
  close(): void;
}

/** One reader. It holds a place in the feed, and no entry of it. */
interface Reader {
  readonly response: ServerResponse;
  readonly service: ServiceActor;
  /** Number of the last entry that was sent. */
  place: number;
  edition: number;
  isReady: boolean;
  /** Since when it has left too much, in monotonic milliseconds. */
  stuckSince: number | undefined;
}

/** Connections to one process, and those of one service among them. */
const MOST_READERS = 1000;
const MOST_OF_ONE_SERVICE = 100;
/** What may wait for a reader in memory, in bytes; whoever leaves so much for so many milliseconds is cut off. */
const MOST_WAITING = 256 * 1024;
const MOST_STUCK_MS = 10_000;
const ENTRIES_AT_ONCE = 200;
const BEAT_MS = 1000;

/** Starts telling readers of what this process hears. */
export function openStreams(app: App): Streams {
  const readers = new Set<Reader>();
  const state = { isClosed: false };
  const stopHearing = app.feed.onNews(() => readers.forEach((reader) => tell(app, reader)));
  const beating = setInterval(() => readers.forEach((reader) => beat(app, reader)), BEAT_MS).unref();
  const leave = (reader: Reader) => {
    readers.delete(reader);
    app.meters.followed(readers.size);
  };
  const open = safely<OAuthCaller>(app, async (request, response, caller) => {
    const { client, network } = caller.asService();
    const service = await requireService(app, request, client, network);
    if (request.method === 'HEAD') return void begin(response).end();
    const place = await placeOf(app, request);
    // It went while it was looked up, and nothing will say so again.
    if (response.destroyed) return;
    requireRoom(readers, service, state.isClosed);
    const reader = { response, service, isReady: false, stuckSince: undefined, ...place };
    readers.add(reader);
    app.meters.followed(readers.size);
    response.on('close', () => leave(reader)).on('drain', () => tell(app, reader));
    begin(response).write(`retry: ${randomInt(500, 1500)}\n\n`);
    tell(app, reader);
  });
  return {
    open,
    close() {
      state.isClosed = true;
      clearInterval(beating);
      stopHearing();
      for (const { response } of readers) response.end();
    },
  };
}

function requireRoom(readers: ReadonlySet<Reader>, service: ServiceActor, isClosed: boolean): void {
  const own = [...readers].filter((reader) => reader.service.id === service.id).length;
  const status = own >= MOST_OF_ONE_SERVICE ? 429 : 503;
  if (!isClosed && readers.size < MOST_READERS && status === 503) return;
  const headers = { 'retry-after': '5' };
  throw new OAuthError('temporarily_unavailable', 'No more readers here; try again.', status, { headers });
}

const NUMBER = /^\d{1,15}$/;

/** Where a reader goes on: behind the entry it heard last, where that is known here; else at the beginning, once it was told to forget. */
async function placeOf({ feed }: App, request: IncomingMessage): Promise<Pick<Reader, 'place' | 'edition'>> {
  const { log } = feed;
  const heard = request.headers['last-event-id'];
  if (heard === undefined || heard === '') return { place: 0, edition: log.edition };
  const place = NUMBER.test(String(heard)) ? Number(heard) : -1;
  // Another process may have told it a moment before this one hears.
  if (place > log.last) await feed.poll().catch(() => undefined);
  return place >= log.floor && place <= log.last ? { place, edition: log.edition } : { place: 0, edition: 0 };
}

function begin(response: ServerResponse): ServerResponse {
  response.setHeader('content-type', 'text/event-stream; charset=utf-8');
  response.setHeader('cache-control', 'no-store, no-transform');
  // nginx would hold events back.
  response.setHeader('x-accel-buffering', 'no');
  response.flushHeaders();
  return response;
}

const event = (name: string, data: object) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
const told = ({ seq, data }: LogEntry) => `id: ${seq}\nevent: revocation\ndata: ${data}\n\n`;

/** Sends what the reader has not been sent, as far as it takes it. @returns whether it has everything now */
function tell(app: App, reader: Reader): boolean {
  const { response } = reader;
  if (response.writableEnded || response.destroyed) return false;
  if (!mayGoOn(app, reader.service)) {
    response.end();
    return false;
  }
  const { log } = app.feed;
  if (reader.edition !== log.edition) {
    response.write(event('reset', {}));
    Object.assign(reader, { place: 0, edition: log.edition, isReady: false });
  }
  while (response.writableLength < MOST_WAITING) {
    const entries = log.after(reader.place, ENTRIES_AT_ONCE);
    if (entries.length === 0) return greet(app, reader);
    response.write(entries.map(told).join(''));
    reader.place = entries.at(-1)?.seq ?? reader.place;
  }
  return false;
}

/** The token that opened the stream is asked about again and again, without its secret. */
function mayGoOn({ catalogue, clock }: App, { id, tokenId }: ServiceActor): boolean {
  const token = catalogue.serviceToken(tokenId);
  return token !== undefined && isLive(token, clock.now()) && catalogue.service(id)?.status === 'ACTIVE';
}

/** Says once that everything up to now was sent, which only a process may say that has heard everything. */
function greet({ feed }: App, reader: Reader): boolean {
  if (reader.isReady) return true;
  if (!feed.isFresh()) return false;
  reader.isReady = true;
  reader.response.write(event('ready', { seq: feed.log.last }));
  return true;
}

function beat(app: App, reader: Reader): void {
  const { response } = reader;
  if (isStuck(reader, app.clock.monotonic())) return void response.destroy();
  if (!tell(app, reader) || !app.feed.isFresh()) return;
  const age = Math.max(0, Math.round(app.feed.age()));
  const at = new Date(app.clock.now() - age).toISOString();
  response.write(event('heartbeat', { seq: app.feed.log.last, at, ageMs: age }));
}

/** Whether it has left too much for too long. */
function isStuck(reader: Reader, now: number): boolean {
  const { response, stuckSince } = reader;
  reader.stuckSince = response.writableLength < MOST_WAITING ? undefined : (stuckSince ?? now);
  return reader.stuckSince !== undefined && now - reader.stuckSince > MOST_STUCK_MS;
}
