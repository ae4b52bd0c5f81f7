import type { Knex } from 'knex';
import { currentStep } from '../domain/tracing.js';
import type { Families } from './families.js';

/** What tarn, knex's pool, tells; knex has no types of it. */
interface Pool {
  max: number;
  numUsed(): number;
  numFree(): number;
  numPendingAcquires(): number;
  on(event: 'acquireRequest' | 'acquireSuccess' | 'acquireFail', listener: (id: number) => void): void;
  on(event: 'createSuccess', listener: (id: number, connection: Connection) => void): void;
}

/** A connection of the driver, as knex asks it: by a statement with placeholders, and what is to be called with the answer. */
interface Connection {
  query(statement: unknown, done: unknown): unknown;
}

type Done = (error: unknown, result: unknown) => void;

const now = () => performance.now();

/** Counts what goes through a pool of connections, and makes each statement a step of the trace. */
export function watchPool(families: Families | undefined, name: string, db: Knex): void {
  const pool = poolOf(db);
  pool.on('createSuccess', (_id, connection) => watchStatements(families, name, connection));
  if (families) watchWaiting(families, name, pool);
}

const poolOf = (db: Knex) => (db.client as { pool: Pool }).pool;

/** At the driver: knex tells nothing of the ends of transactions, where the disk is waited for. */
function watchStatements(families: Families | undefined, name: string, connection: Connection): void {
  const ask = connection.query.bind(connection);
  connection.query = (statement, done) => {
    if (typeof done !== 'function') return ask(statement, done);
    const sql = textOf(statement);
    const operation = operationOf(sql);
    const step = currentStep()?.begin(spanName(operation, sql), aboutSql(operation, sql), 'client');
    const startedAt = now();
    return ask(statement, (error: unknown, result: unknown) => {
      const seconds = (now() - startedAt) / 1000;
      families?.authgraph_db_query_duration_seconds.cell(name, operation).observe(seconds);
      if (error) families?.authgraph_db_query_errors_total.add(name, classOf(error));
      step?.end(error ?? undefined);
      (done as Done)(error, result);
    });
  };
}

/** Never with what takes the place of the placeholders. */
function textOf(statement: unknown): string {
  const text = typeof statement === 'string' ? statement : (statement as { text?: unknown }).text;
  return typeof text === 'string' ? text : '';
}

const OPERATIONS: ReadonlySet<string> = new Set([
  'select',
  'insert',
  'update',
  'delete',
  'begin',
  'commit',
  'rollback',
  'set',
  'with',
]);

function operationOf(sql: string): string {
  const word = /^[\s(]*(\w+)/.exec(sql)?.[1]?.toLowerCase() ?? '';
  return OPERATIONS.has(word) ? word : 'other';
}

/** A statement is written down to this length. */
const MOST_SQL = 1000;

const aboutSql = (operation: string, sql: string) => ({
  'db.system.name': 'postgresql',
  'db.operation.name': operation.toUpperCase(),
  'db.query.text': sql.slice(0, MOST_SQL),
});

/** As in `SELECT users`. */
function spanName(operation: string, sql: string): string {
  const table = /\b(?:from|into|update)\s+"?(\w+)\b(?!\()/i.exec(sql)?.[1];
  return table === undefined ? operation.toUpperCase() : `${operation.toUpperCase()} ${table}`;
}

/** The first two characters of a SQLSTATE say what kind of failure it is. */
function classOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code.slice(0, 2) : 'none';
}

function watchWaiting(families: Families, name: string, pool: Pool): void {
  const asked = new Map<number, number>();
  pool.on('acquireRequest', (id) => asked.set(id, now()));
  pool.on('acquireSuccess', (id) => {
    const since = asked.get(id);
    asked.delete(id);
    if (since !== undefined)
      families.authgraph_db_pool_wait_seconds.cell(name).observe((now() - since) / 1000);
  });
  pool.on('acquireFail', (id) => {
    asked.delete(id);
    families.authgraph_db_pool_timeouts_total.add(name);
  });
  families.authgraph_db_pool_timeouts_total.cell(name);
}

/** Takes down how a pool stands. */
export function readPool(families: Families, name: string, db: Knex): void {
  const pool = poolOf(db);
  families.authgraph_db_pool_connections.set(pool.numUsed(), name, 'used');
  families.authgraph_db_pool_connections.set(pool.numFree(), name, 'free');
  families.authgraph_db_pool_waiting.set(pool.numPendingAcquires(), name);
  families.authgraph_db_pool_limit.set(pool.max, name);
}
