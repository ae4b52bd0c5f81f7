import type { Knex } from 'knex';
import type { QueryBuilder } from 'objection';
import { AuditEventModel } from '../../db/models/audit-event.js';
import { badInput } from '../../errors.js';
import { readPage, type Order, type Page, type PageRequest } from '../pages.js';

export type StoredEvent = AuditEventModel;
type Events = QueryBuilder<AuditEventModel, AuditEventModel[]>;

/** Which events are wanted; every condition given must be met. */
export interface EventFilter {
  type?: string | null;
  /** Any of these. */
  types?: readonly string[] | null;
  actor?: string | null;
  subject?: string | null;
  outcome?: AuditEventModel['outcome'] | null;
  /** At this moment or later. */
  occurredAfter?: Date | null;
  /** Earlier than this moment. */
  occurredBefore?: Date | null;
  requestId?: string | null;
}

const newestFirst: Order<AuditEventModel> = {
  name: 'OCCURRED_AT',
  column: 'occurredAt',
  type: 'timestamptz(3)',
  value: (event) => event.occurredAt.toISOString(),
  descending: true,
};

/** One page of events, newest first. @throws {AuthError} BAD_USER_INPUT for a bad size or cursor, or a list too long */
export async function listEvents(
  db: Knex,
  request: PageRequest,
  filter: EventFilter,
): Promise<Page<AuditEventModel>> {
  return readPage(narrow(AuditEventModel.query(db), filter), newestFirst, request);
}

/** More than there are. */
const MOST_TYPES = 50;
/** How many events are read at once. */
const BATCH = 1000;

/** All events that are wanted, oldest first, without ever holding more than a thousand of them. */
export async function* streamEvents(db: Knex, filter: EventFilter): AsyncGenerator<AuditEventModel, void> {
  let last: AuditEventModel | undefined;
  for (;;) {
    const query = narrow(AuditEventModel.query(db), filter).orderBy(['occurredAt', 'id']).limit(BATCH);
    if (last)
      void query.whereRaw('(occurred_at, id) > (?::timestamptz, ?::uuid)', [last.occurredAt, last.id]);
    const batch = await query;
    yield* batch;
    if (batch.length < BATCH) return;
    last = batch.at(-1);
  }
}

function narrow(query: Events, filter: EventFilter): Events {
  const { types, occurredAfter, occurredBefore } = filter;
  if (types && types.length > MOST_TYPES)
    throw badInput([{ name: 'types', message: `Must have at most ${MOST_TYPES} entries.` }]);
  for (const column of ['type', 'actor', 'subject', 'outcome', 'requestId'] as const) {
    const wanted = filter[column];
    if (typeof wanted === 'string') void query.where(column, sane(wanted));
  }
  if (types) void query.whereIn('type', types.map(sane));
  if (occurredAfter) void query.where('occurredAt', '>=', occurredAfter);
  if (occurredBefore) void query.where('occurredAt', '<', occurredBefore);
  return query;
}

/** What PostgreSQL takes for no text is no event's either: U+FFFF is no character. */
const sane = (text: string) => text.toWellFormed().replaceAll('\0', '\uffff');
