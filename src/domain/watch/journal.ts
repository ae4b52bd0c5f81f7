import type { Logger } from 'pino';
import type { AuditEntry } from '../audit.js';
import type { Client } from '../client.js';

/** The audit record as lines of the log: alike events within a second are one, with their count. */
export interface Journal {
  note(client: Client | undefined, entry: AuditEntry): void;
  /** Writes what is left, and stops. */
  close(): void;
}

interface Gathered {
  entry: AuditEntry;
  client: Client | undefined;
  count: number;
}

const WRITE_EVERY_MS = 1000;
/** So many different events are kept apart; those beyond are counted together, by type. */
const MOST_EVENTS = 500;

/** Opens the journal. */
export function openJournal(log: Logger): Journal {
  let gathered = new Map<string, Gathered>();
  const write = () => {
    const events = [...gathered.values()];
    gathered = new Map();
    for (const event of events) log.info({ audit: describe(event) }, 'audit');
  };
  const timer = setInterval(write, WRITE_EVERY_MS).unref();
  const count = (key: string, first: () => Omit<Gathered, 'count'>) => {
    const known = gathered.get(key);
    if (known) known.count++;
    else gathered.set(key, { ...first(), count: 1 });
  };
  return {
    note(client, entry) {
      const key = JSON.stringify([entry, client?.ipAddress]);
      if (gathered.has(key) || gathered.size < MOST_EVENTS) return count(key, () => ({ entry, client }));
      const { type, outcome = 'FAILURE' } = entry;
      count(`beyond ${type} ${outcome}`, () => ({ entry: { type, outcome }, client: undefined }));
    },
    close() {
      clearInterval(timer);
      write();
    },
  };
}

/** The members that a row of the record has (audit.ts). */
function describe({ entry: { type, outcome, actor, subject, details }, client, count }: Gathered) {
  return {
    type,
    outcome,
    actor: actor ?? null,
    subject: subject ?? null,
    ipAddress: client?.ipAddress ?? null,
    userAgent: client?.userAgent ?? null,
    requestId: client?.requestId ?? null,
    details: { ...details, count },
  };
}
