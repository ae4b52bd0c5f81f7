import type { Knex } from 'knex';
import type { Model, QueryBuilder } from 'objection';
import { z } from 'zod';
import { badInput } from '../errors.js';
import { isId } from './ids.js';

/** Arguments of a list, after the Relay cursor specification; `last` turns the direction. */
export interface PageRequest {
  first?: number | null;
  after?: string | null;
  last?: number | null;
  before?: string | null;
}

/** One page of a list; the total is counted only when somebody asks for it. */
export interface Page<T> {
  edges: { cursor: string; node: T }[];
  nodes: T[];
  pageInfo: {
    hasNextPage: boolean;
    hasPreviousPage: boolean;
    startCursor: string | null;
    endCursor: string | null;
  };
  totalCount: () => Promise<number>;
}

/** By what a list is ordered: a column of ours, never a word of the client's; the id breaks ties. */
export interface Order<T> {
  name: string;
  column: string;
  /** The SQL type that the cursor's text is cast to. */
  type: 'text' | 'timestamptz(3)' | 'integer';
  value: (row: T) => string;
  descending: boolean;
}

const MOST = 100;
const USUAL = 20;
const cursorShape = z.tuple([z.string(), z.string(), z.string().refine(isId)]);

/**
 * Reads one page by keyset: as quick for the last page as for the first.
 * @throws {AuthError} BAD_USER_INPUT for a size outside 0 to 100 or a cursor that is not from this list
 */
export async function readPage<M extends Model & { id: string }>(
  query: QueryBuilder<M, M[]>,
  order: Order<M>,
  request: PageRequest,
): Promise<Page<M>> {
  const backward = typeof request.last === 'number';
  const [first, last] = [readSize('first', request.first), readSize('last', request.last)];
  const size = backward ? last : first;
  const counted = query.clone();
  const descending = order.descending !== backward;
  within(query, order, request.after, 'after', order.descending ? '<' : '>');
  within(query, order, request.before, 'before', order.descending ? '>' : '<');
  const direction = descending ? 'desc' : 'asc';
  const rows = await query
    .orderBy([
      { column: order.column, order: direction },
      { column: 'id', order: direction },
    ])
    .limit(size + 1);
  const shown = rows.slice(0, size);
  if (backward) shown.reverse();
  return toPage(shown, order, {
    more: rows.length > size,
    backward,
    request,
    count: () => counted.resultSize(),
  });
}

/** A row's place in an order: its value there, as text, and its id. */
export type Place = readonly [value: string, id: string];

/**
 * Makes a forward page of rows that somebody else reads: of many lists at once, where that is cheaper.
 * @param read answers at most `limit` rows that come after `place`, which is null for the first page, in this order
 * @throws {AuthError} BAD_USER_INPUT as {@link readPage}
 */
export async function readForward<M extends { id: string }>(
  order: Order<M>,
  request: Pick<PageRequest, 'first' | 'after'>,
  read: (limit: number, place: Place | null) => Promise<M[]>,
  count: () => Promise<number>,
): Promise<Page<M>> {
  const size = readSize('first', request.first);
  const { after } = request;
  const place = typeof after === 'string' ? decodeCursor(order, after, 'after') : null;
  const rows = await read(size + 1, place);
  return toPage(rows.slice(0, size), order, {
    more: rows.length > size,
    backward: false,
    request,
    count,
  });
}

function toPage<M extends { id: string }>(
  rows: M[],
  order: Order<M>,
  read: { more: boolean; backward: boolean; request: PageRequest; count: () => Promise<number> },
): Page<M> {
  const edges = rows.map((node) => ({ cursor: encodeCursor(order, node), node }));
  const pageInfo = {
    hasNextPage: read.backward ? Boolean(read.request.before) : read.more,
    hasPreviousPage: read.backward ? read.more : Boolean(read.request.after),
    startCursor: edges[0]?.cursor ?? null,
    endCursor: edges.at(-1)?.cursor ?? null,
  };
  return { edges, nodes: rows, pageInfo, totalCount: read.count };
}

function readSize(name: string, size: number | null | undefined): number {
  const wanted = size ?? USUAL;
  if (wanted < 0 || wanted > MOST) throw badInput([{ name, message: `Must be from 0 to ${MOST}.` }]);
  return wanted;
}

function within<M extends Model>(
  query: QueryBuilder<M, M[]>,
  order: Order<never>,
  cursor: string | null | undefined,
  name: string,
  sign: '<' | '>',
): void {
  if (cursor === null || cursor === undefined) return;
  const [value, id] = decodeCursor(order, cursor, name);
  const bindings: Knex.RawBinding[] = [order.column, value, id];
  const comparison = {
    '<': `(??, id) < (?::${order.type}, ?::uuid)`,
    '>': `(??, id) > (?::${order.type}, ?::uuid)`,
  };
  void query.whereRaw(comparison[sign], bindings);
}

function encodeCursor<M extends { id: string }>(order: Order<M>, row: M): string {
  return Buffer.from(JSON.stringify([order.name, order.value(row), row.id])).toString('base64url');
}

function decodeCursor(order: Order<never>, cursor: string, name: string): Place {
  const parsed = cursorShape.safeParse(parseJson(cursor));
  if (parsed.success && parsed.data[0] === order.name && isOfType(order.type, parsed.data[1]))
    return [parsed.data[1], parsed.data[2]];
  throw badInput([{ name, message: 'Must be a cursor of this list in this order.' }]);
}

function parseJson(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

function isOfType(type: Order<never>['type'], value: string): boolean {
  if (type === 'integer') return /^-?\d{1,9}$/.test(value);
  if (type === 'text') return !value.includes('\0') && value.isWellFormed();
  return isMoment(value);
}

/** As our own cursors write it: what JavaScript would carry over (30 February), PostgreSQL would stumble over. */
function isMoment(text: string): boolean {
  const moment = Date.parse(text);
  return !Number.isNaN(moment) && new Date(moment).toISOString() === text && /^(?!0000)\d{4}-/.test(text);
}
