import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import type { Config } from '../config.js';
import type { AuditEntry } from './audit.js';
import type { Client } from './client.js';
import type { Clock } from './clock.js';
import { digestOf } from './compact.js';
import { deliver } from './deliveries.js';
import { newId } from './ids.js';
import { openJournal } from './watch/journal.js';
import { isByTurns, isNear, useOf, type Use } from './watch/uses.js';
import type { Refusal } from './witness.js';

/** Keeps the record of a service without a database: as lines of its log, and alerts besides. */
export interface Watch {
  /** A verification was answered no. */
  refused(refusal: Refusal): void;
  /** A verification was answered yes. */
  accepted(use: { token: string; subject: string; client: Client }): void;
  /** Somebody was kept from a field or a door. */
  denied(denial: { actor: string | null; field: string; code: string; client: Client }): void;
  /** Writes what is left. */
  close(): Promise<void>;
}

export interface WatchDeps {
  config: Pick<Config, 'webhook'>;
  clock: Clock;
  log: Logger;
}

const MINUTE_MS = 60_000;
/**
 * What is suspicious, as far as verification alone can see: the rules that are wanting of src/domain/alerts/rules.ts, in
 * memory. A network is told of once an hour, a token once.
 */
const RULES = {
  repeated_refusals_address: { atLeast: 20, windowMs: 15 * MINUTE_MS, quietMs: 60 * MINUTE_MS },
  token_two_networks: { windowMs: 5 * MINUTE_MS },
} as const;
type Rule = keyof typeof RULES;

const MOST_REMEMBERED = 50_000;
/** A refused token is nobody's secret check: these say nothing against the address. */
const INNOCENT: ReadonlySet<string> = new Set([
  'EXPIRED',
  'ISSUER_UNAVAILABLE',
  'NO_SERVICE_ACCESS',
  'MISSING_PERMISSION',
]);
/** What is refused to a subject in good standing, rather than a bad token. */
const DENIALS: ReadonlySet<string> = new Set(['NO_SERVICE_ACCESS', 'MISSING_PERMISSION']);

/** Starts watching. */
export function openWatch(deps: WatchDeps): Watch {
  const journal = openJournal(deps.log);
  const raise = openBell(deps);
  const refusals = new LRUCache<string, { since: number; count: number; quietUntil: number }>({
    max: MOST_REMEMBERED,
  });
  const uses = new LRUCache<string, { places: Use[]; told: Set<string> }>({ max: MOST_REMEMBERED });
  const now = () => deps.clock.monotonic();

  const countRefusal = (network: string) => {
    const { atLeast, windowMs, quietMs } = RULES.repeated_refusals_address;
    const before = refusals.get(network);
    const isOver = before === undefined || now() - before.since > windowMs;
    const entry = isOver ? { since: now(), count: 0, quietUntil: before?.quietUntil ?? 0 } : before;
    refusals.set(network, entry);
    if (++entry.count < atLeast || now() < entry.quietUntil) return;
    entry.quietUntil = now() + quietMs;
    raise('repeated_refusals_address', 'MEDIUM', null, { failures: entry.count, network });
  };

  const noteUse = (digest: string, subject: string, network: string) => {
    const entry = uses.get(digest) ?? { places: [], told: new Set<string>() };
    uses.set(digest, entry);
    const use = useOf(entry.places, network, now());
    const other = entry.places.find((place) => isNear(place, use, RULES.token_two_networks.windowMs));
    if (!other) return;
    const severity = isByTurns(other, use) ? 'MEDIUM' : 'LOW';
    if (entry.told.has(severity)) return;
    entry.told.add(severity);
    raise('token_two_networks', severity, subject, { networks: [other.network, use.network] });
  };

  return {
    refused({ reason, subject, serviceId, askedBy, client }) {
      const outcome = DENIALS.has(reason) ? 'DENIED' : 'FAILURE';
      const details = { reason, service: serviceId };
      journal.note(client, entryOf('token.refused', outcome, askedBy, subject, details));
      if (client?.network && !INNOCENT.has(reason)) countRefusal(client.network);
    },
    accepted({ token, subject, client: { network } }) {
      if (network !== null) noteUse(digestOf(token), subject, network);
    },
    denied({ actor, field, code, client }) {
      journal.note(client, entryOf('access.denied', 'DENIED', actor, null, { field, code }));
    },
    close: () => Promise.resolve(journal.close()),
  };
}

function entryOf(
  type: AuditEntry['type'],
  outcome: 'FAILURE' | 'DENIED',
  actor: string | null,
  subject: string | null | undefined,
  details: Record<string, unknown>,
): AuditEntry {
  return { type, outcome, ...(actor === null ? {} : { actor }), ...(subject ? { subject } : {}), details };
}

/** How often an alert is handed to the webhook, and after how long for the first time again; then twice as long each time. */
const TRIES = 8;
const FIRST_WAIT_MS = 1000;
/** Alerts that wait at a time; the log has every one. */
const MOST_WAITING = 100;

/** Raises alerts: a line of the log each, and the webhook is told. */
function openBell({ config: { webhook }, clock, log }: WatchDeps) {
  let waiting = 0;
  const post = async (delivery: { id: string; body: string }, attempt = 1): Promise<void> => {
    if (!webhook) return;
    try {
      await deliver(webhook, clock, delivery);
    } catch (error) {
      if (attempt === TRIES)
        return log.error({ err: error }, 'the webhook was not told of an alert; it is given up');
      await new Promise((resolve) => setTimeout(resolve, FIRST_WAIT_MS * 2 ** (attempt - 1)).unref());
      await post(delivery, attempt + 1);
    }
  };
  return (
    type: Rule,
    severity: string,
    subject: string | null,
    { network, ...details }: Record<string, unknown>,
  ) => {
    const id = newId();
    const raisedAt = new Date(clock.now()).toISOString();
    const alert = { id, type, severity, status: 'OPEN', subject, raisedAt };
    log.warn(
      { alert: { ...alert, details: { ...details, ...(network === undefined ? {} : { network }) } } },
      'alert',
    );
    if (waiting >= MOST_WAITING) return;
    waiting++;
    // Where somebody is stays here, as with every alert.
    const { networks: _here, ...told } = details;
    const body = JSON.stringify({
      id,
      type: 'alert.raised',
      timestamp: raisedAt,
      data: { ...alert, details: told },
    });
    void post({ id, body }).finally(() => waiting--);
  };
}
