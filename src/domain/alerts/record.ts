import type { Knex } from 'knex';
import { NO_ID } from '../ids.js';
import type { Watched } from './rule.js';

/** How far somebody has looked, and how far anybody may look now. */
export interface Place {
  position: number;
  eventId: string;
  lookedAt: Date;
  /** Every event below this position is committed or never will be. */
  settled: number;
}

/** One process at a time looks: the others have nothing to add. */
const LOCK = 7_203_110_007;

const PLACE = `
  select c.position, c.event_id as "eventId", c.looked_at as "lookedAt", pg_snapshot_xmin(pg_current_snapshot())::text::bigint +
    (select shift from audit_shifts order by seq desc limit 1) as settled
  from alert_cursor c`;

/** @returns where to go on; undefined where somebody else is looking */
export async function takeTurn(trx: Knex): Promise<Place | undefined> {
  const { rows: locks } = await trx.raw<{ rows: { mine: boolean }[] }>(
    'select pg_try_advisory_xact_lock(?) as mine',
    [LOCK],
  );
  if (locks[0]?.mine !== true) return undefined;
  return (await trx.raw<{ rows: Place[] }>(PLACE)).rows[0];
}

/** Events that are read at once. */
const BATCH = 2000;

// By position alone, whatever types are asked for, and along the index: of what it has not counted yet PostgreSQL thinks that it is little,
// and would gather and sort all that is left of the record each time.
const NEXT = `
  with next as materialized (
    select id, position, type, actor, subject, ip_address as "ipAddress", occurred_at as "occurredAt", details
    from audit_events where (position, id) > (?::bigint, ?::uuid) and position < ?::bigint
    order by position, id limit ${BATCH})
  select n.*, n.type = any(?::text[]) as wakes, (select count(*) from next) as read
  from next n
  where n.type = any(?::text[]) or n.id = (select id from next order by position desc, id desc limit 1)
  order by n.position, n.id`;

/** What lies ahead. */
interface Ahead {
  /** Those of the types asked for. */
  events: Watched[];
  /** The last one that was read, where there may be more behind it. */
  last: Watched | undefined;
}

/** Reads on, in the order of positions, up to where no transaction that is still open can add anything. */
export async function readOn(
  trx: Knex,
  { position, eventId, settled }: Place,
  types: readonly string[],
): Promise<Ahead> {
  await trx.raw('set local enable_bitmapscan = off');
  const { rows } = await trx.raw<{ rows: (Watched & { wakes: boolean; read: number })[] }>(NEXT, [
    position,
    eventId,
    settled,
    types as string[],
    types as string[],
  ]);
  await trx.raw('set local enable_bitmapscan to default');
  const last = rows.at(-1);
  return { events: rows.filter(({ wakes }) => wakes), last: last?.read === BATCH ? last : undefined };
}

/** Has the next look begin after this event, or where none can come in any more. */
export async function moveOn(trx: Knex, last: Watched | undefined, place: Place): Promise<void> {
  const next = last
    ? { position: last.position, eventId: last.id }
    : { position: Math.max(place.settled, place.position), eventId: NO_ID };
  await trx('alertCursor').update({ ...next, lookedAt: trx.raw('now()') });
}
