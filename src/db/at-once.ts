import type { Knex } from 'knex';
import { requireStandby } from './transaction.js';

/** A connection of the driver, as knex asks it. */
interface Connection {
  query(
    statement: { text: string; values: readonly unknown[] },
    done: (error: Error | null, result: { rows: unknown[] }) => void,
  ): void;
}

interface Client {
  acquireConnection(): Promise<Connection>;
  releaseConnection(connection: Connection): Promise<void>;
}

/**
 * Has one statement carried out, which commits by itself: with `$1` where a value goes, past what puts statements together, by a
 * connection of the same pool.
 * @returns the rows as PostgreSQL names them
 * @throws {CommittedAlone} as {@link transaction}
 */
export async function atOnce<Row>(db: Knex, text: string, values: readonly unknown[]): Promise<Row[]> {
  const client = db.client as Client;
  const connection = await client.acquireConnection();
  try {
    const rows = await new Promise<unknown[]>((resolve, reject) => {
      connection.query({ text, values }, (error, result) => (error ? reject(error) : resolve(result.rows)));
    });
    requireStandby(connection);
    return rows as Row[];
  } finally {
    await client.releaseConnection(connection);
  }
}
