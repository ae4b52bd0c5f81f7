import { LONGEST_ACCESS_TOKEN_SECONDS } from '../../config.js';
import type { RevocationModel } from '../../db/models/revocation.js';

/** How long an entry is kept: until no token is left that is older than it. */
export const ENTRY_LIFE_SECONDS = LONGEST_ACCESS_TOKEN_SECONDS + 60;

/** A change is seen by all soon after its entry was written, once it is committed. */
const SEEN_AFTER_SECONDS = 5;

/** One entry of the feed as verifiers elsewhere are told of it. */
export interface LogEntry {
  readonly seq: number;
  /** Milliseconds since 1970; no token that it is about is good any longer then. */
  readonly expiresAt: number;
  /** JSON; the shapes stand in docs/revocations.md. */
  readonly data: string;
}

/** The live entries of the feed in their order, for whoever follows it from outside. */
export interface RevocationLog {
  /** Number of the latest entry that was read, told of or not; 0 before there was any. */
  readonly last: number;
  /** Entries up to this number may have been forgotten. */
  readonly floor: number;
  /** Goes up when numbers were given anew, as by another PostgreSQL: whoever follows starts over. */
  readonly edition: number;
  /** Up to `limit` entries beyond this number. */
  after(seq: number, limit: number): readonly LogEntry[];
}

/** A log that is written to: every row that is read is taken, in the order of numbers, also when read again. */
export interface OpenLog extends RevocationLog {
  take(row: RevocationModel): void;
  /** A reading from the very beginning has come to its end at this number. */
  settle(last: number): void;
  /** Forgets what expired before this time, in milliseconds since 1970. */
  forget(now: number): void;
}

/** Starts an empty log. */
export function openLog(): OpenLog {
  let entries: LogEntry[] = [];
  const state = { last: 0, floor: 0, edition: 1 };
  const cutAt = (index: number, last: number) => {
    entries = entries.slice(0, index);
    state.last = last;
    state.edition++;
  };
  return {
    get last() {
      return state.last;
    },
    get floor() {
      return state.floor;
    },
    get edition() {
      return state.edition;
    },
    after: (seq, limit) => {
      const from = firstBeyond(entries, seq);
      return entries.slice(from, from + limit);
    },
    take(row) {
      const { seq } = row;
      const entry = describe(row);
      if (seq <= state.last) {
        const index = firstBeyond(entries, seq - 1);
        const known = entries[index]?.seq === seq ? entries[index] : undefined;
        // The same once more; or what nobody is told of, or needs, any longer.
        if (seq <= state.floor || known?.data === entry?.data) return;
        cutAt(index, seq - 1);
      }
      if (state.last === 0) state.floor = seq - 1;
      state.last = seq;
      if (entry) entries.push(entry);
    },
    settle(last) {
      if (last < state.last) cutAt(firstBeyond(entries, last), last);
    },
    forget(now) {
      const kept = entries.findIndex(({ expiresAt }) => expiresAt >= now);
      const gone = entries.splice(0, kept < 0 ? entries.length : kept);
      state.floor = gone.at(-1)?.seq ?? state.floor;
    },
  };
}

/** Index of the first entry with a greater number, by halving. */
function firstBeyond(entries: readonly LogEntry[], seq: number): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((entries[middle]?.seq ?? 0) <= seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What verifiers are told of a row; undefined for new service tokens, and for steps in the lives of keys that they see in the published set. */
function describe(row: RevocationModel): LogEntry | undefined {
  const data = dataOf(row);
  return data === undefined ? undefined : { seq: row.seq, expiresAt: row.expiresAt.getTime(), data };
}

function dataOf({ kind, key, status, version, expiresAt }: RevocationModel): string | undefined {
  if (kind === 'session') return JSON.stringify({ kind, key, expiresAt });
  if (kind === 'subject') return JSON.stringify({ kind, key, status, version, expiresAt });
  if (kind === 'keys') return status === 'COMPROMISED' ? JSON.stringify({ kind: 'key', key }) : undefined;
  if (status === 'ENDED') return JSON.stringify({ kind: 'serviceToken', key });
  // Nobody can have heard of it, nor remember a no to a text that nobody could guess.
  if (status === 'ISSUED') return undefined;
  const of = (status === null ? undefined : CHANGED[status]) ?? 'roles';
  return JSON.stringify({ kind: 'catalogue', of, at: new Date(seenByAll(expiresAt)) });
}

/** What of the catalogue has changed, by the status of its row; with `roles` all the rest may have, too. */
const CHANGED: Readonly<Record<string, string>> = { SERVICES: 'services', ROTATED: 'serviceTokens' };

/** When tokens began to say what is so since this entry, in milliseconds since 1970. */
const seenByAll = (expiresAt: Date): number =>
  expiresAt.getTime() - (ENTRY_LIFE_SECONDS - SEEN_AFTER_SECONDS) * 1000;
