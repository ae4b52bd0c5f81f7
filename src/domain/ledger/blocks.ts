import { createHash, type Hash } from 'node:crypto';
import type { Knex } from 'knex';
import type { AuditEventModel } from '../../db/models/audit-event.js';
import type { AuditRetentionModel } from '../../db/models/audit-retention.js';
import type { AuditSealModel } from '../../db/models/audit-seal.js';
import type { Vouched } from '../audit.js';
import { NO_ID } from '../ids.js';
import { authenticate, isAuthentic, type SealingKeys } from '../sealing.js';

/** What the first seal follows on. */
export const GENESIS = '0'.repeat(64);

/** How many events are read at once, and gone through without letting a request come in between. */
const PAGE = 500;

/** All that is sealed of an event. */
export type LedgerEvent = Vouched & Pick<AuditEventModel, 'position' | 'occurredAt' | 'mac'>;

export type Seal = Pick<
  AuditSealModel,
  'seq' | 'fromPosition' | 'toPosition' | 'events' | 'unsigned' | 'previous' | 'digest' | 'mac' | 'sealedAt'
>;
export type Retention = Pick<
  AuditRetentionModel,
  'throughSeq' | 'digest' | 'toPosition' | 'events' | 'purgedAt' | 'mac'
>;
/** A seal before its events were read. */
export type Header = Omit<Seal, 'digest' | 'mac'>;

/** Positions that JavaScript can tell apart; no others are ever given. */
export const FIRST_POSITION = Number.MIN_SAFE_INTEGER;
export const BEYOND_POSITIONS = Number.MAX_SAFE_INTEGER;

const EVENTS = `
  select id, type, outcome, actor, subject, ip_address as "ipAddress", user_agent as "userAgent",
    request_id as "requestId", details, position, occurred_at as "occurredAt", mac
  from audit_events
  where (position, id) > (?::bigint, ?::uuid) and position >= ?::bigint and position < ?::bigint
  order by position, id limit ${PAGE}`;

/**
 * For the rest of a transaction: what lies in an index in the order that is asked for is read there, in that order. Of what it has
 * not counted yet PostgreSQL thinks that it is little, and would gather and sort all of it for each page.
 */
const IN_ORDER = 'set local enable_bitmapscan = off';

/** Events from one position up to another, page by page, in the order in which seals are made over them. */
export async function* pagesBetween(
  trx: Knex,
  from: number,
  to: number,
): AsyncGenerator<LedgerEvent[], void> {
  await trx.raw(IN_ORDER);
  // No id comes before the first of all.
  let last = { position: from - 1, id: NO_ID };
  for (;;) {
    const bindings = [last.position, last.id, from, to];
    const { rows } = await trx.raw<{ rows: LedgerEvent[] }>(EVENTS, bindings);
    yield rows;
    const end = rows.at(-1);
    if (!end || rows.length < PAGE) return;
    last = end;
  }
}

/** Works out the digest of a block: each event with its place, time and signature, then the header. */
export class BlockDigest {
  readonly #hash: Hash = createHash('sha256');
  #events = 0;

  /** @param content the event's, as `contentOf` tells it */
  add({ position, occurredAt, mac }: LedgerEvent, content: string): void {
    // PostgreSQL has moments, infinity, that are no Date.
    const time = occurredAt instanceof Date ? occurredAt.toISOString() : String(occurredAt);
    this.#hash.update(`${JSON.stringify([position, time, mac, content])}\n`);
    this.#events++;
  }

  get events(): number {
    return this.#events;
  }

  /** Of all that was added; once. */
  under(header: Header): string {
    return this.#hash.update(textOf(header)).digest('hex');
  }
}

const textOf = (header: Header): string => {
  const { seq, fromPosition, toPosition, events, unsigned, previous, sealedAt } = header;
  return JSON.stringify([seq, fromPosition, toPosition, events, unsigned, previous, sealedAt.toISOString()]);
};

const SEAL = 'audit seal';
const sealText = (header: Header, digest: string) => `${textOf(header)}${digest}`;

export const signSeal = (keys: SealingKeys, header: Header, digest: string): Seal => ({
  ...header,
  digest,
  mac: authenticate(keys, SEAL, sealText(header, digest)),
});

export const isOurSeal = (keys: SealingKeys, seal: Seal): boolean =>
  isAuthentic(keys, SEAL, sealText(seal, seal.digest), seal.mac);

const RETENTION = 'audit retention';
const retentionText = ({ throughSeq, digest, toPosition, events, purgedAt }: Omit<Retention, 'mac'>) =>
  JSON.stringify([throughSeq, digest, toPosition, events, purgedAt.toISOString()]);

export const signRetention = (keys: SealingKeys, retention: Omit<Retention, 'mac'>): Retention => ({
  ...retention,
  mac: authenticate(keys, RETENTION, retentionText(retention)),
});

export const isOurRetention = (keys: SealingKeys, retention: Retention): boolean =>
  isAuthentic(keys, RETENTION, retentionText(retention), retention.mac);

/** How a seal is named outside, so that it can be looked for later. */
export const anchorOf = ({ seq, digest }: Pick<Seal, 'seq' | 'digest'>): string => `${seq}:${digest}`;

const LOCK = 7_203_110_006;

/** Whether this transaction may seal and purge; one at a time may, among all processes. */
export async function mayWork(trx: Knex): Promise<boolean> {
  const { rows } = await trx.raw<{ rows: { got: boolean }[] }>('select pg_try_advisory_xact_lock(?) as got', [
    LOCK,
  ]);
  return rows[0]?.got === true;
}
