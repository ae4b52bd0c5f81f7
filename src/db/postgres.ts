import knexPkg, { type Knex } from 'knex';
import { knexSnakeCaseMappers } from 'objection';
import pg from 'pg';
import { noteAlone } from './standby.js';

const DATE_OID = 1082;
const BIGINT_OID = 20;

// Calendar dates stay text (a Date would shift with the time zone); counts and sequence numbers fit a double.
pg.types.setTypeParser(DATE_OID, (text) => text);
pg.types.setTypeParser(BIGINT_OID, Number);

/** How long, in milliseconds, anything waits for PostgreSQL before the caller is told that we are unavailable. */
const PATIENCE = {
  acquire: 2000,
  connect: 2000,
  lock: 1500,
  statement: 5000,
  idleInTransaction: 10_000,
  reply: 6000,
};

/** In the words of the driver. */
const HASTE = {
  statement_timeout: PATIENCE.statement,
  lock_timeout: PATIENCE.lock,
  idle_in_transaction_session_timeout: PATIENCE.idleInTransaction,
  query_timeout: PATIENCE.reply,
};

const ignore = () => undefined;

/** What a pool is for: requests, which are told soon that nothing can be done, or work that takes as long as it takes. */
type Manner = 'hasty' | 'patient';

/** How a pool works. */
interface Ways {
  manner?: Manner;
  /** The role that each connection takes on before anything else. */
  role?: string | undefined;
}

interface Connection {
  query(text: string, done: (error: Error | null) => void): void;
  on(event: 'notice', listener: (notice: { routine?: string }) => void): void;
}

/** A pool of connections; `url` is any PostgreSQL connection string, over TCP or a unix socket. */
export function connectPostgres(url: string, poolSize: number, { manner = 'hasty', role }: Ways = {}): Knex {
  return knexPkg({
    // What goes wrong is thrown, and logged where it is caught.
    log: { warn: ignore, error: ignore, deprecate: ignore, debug: ignore },
    client: 'pg',
    connection: {
      connectionString: url,
      application_name: 'authgraph',
      connectionTimeoutMillis: PATIENCE.connect,
      keepAlive: true,
      ...(manner === 'hasty' ? HASTE : {}),
    } as Knex.PgConnectionConfig,
    pool: { min: 0, max: poolSize, afterCreate: prepare(role) },
    acquireConnectionTimeout: PATIENCE.acquire,
    ...knexSnakeCaseMappers(),
  });
}

function prepare(role: string | undefined) {
  return (connection: Connection, done: (error: Error | null, connection: Connection) => void) => {
    // Not by its words, which are in the server's language.
    connection.on('notice', ({ routine }) => routine === 'SyncRepWaitForLSN' && noteAlone(connection));
    if (role === undefined) return done(null, connection);
    connection.query(`set role ${pg.escapeIdentifier(role)}`, (error) => done(error, connection));
  };
}

/** Whether PostgreSQL answers within `timeoutMs`. */
export async function isPostgresUp(db: Knex, timeoutMs: number): Promise<boolean> {
  return db
    .raw('select 1')
    .timeout(timeoutMs)
    .then(
      () => true,
      () => false,
    );
}
