import type { Knex } from 'knex';
import { expectStandby } from './standby.js';

/** A statement, with `$1` where a value goes. */
export interface Statement {
  /**
   * Of its own among all statements. PostgreSQL knows it by that from its second time on a connection, and may keep the plan that it
   * made while tables were small; without a name it plans it each time.
   */
  readonly name?: string;
  readonly text: string;
}

/** A connection of the driver, as knex asks it. */
interface Connection {
  query(
    statement: { name?: string; text: string; values: readonly unknown[] },
    done: (error: Error | null, result: { rows: unknown[] }) => void,
  ): void;
}

interface Client {
  acquireConnection(): Promise<Connection>;
  releaseConnection(connection: Connection): Promise<void>;
}

const SHARED = 'sharesSessions';

/** Says that what is behind this pool gives sessions to others between transactions: what one of them knows, the next may not. */
export function shareSessions(db: Knex): void {
  db.userParams[SHARED] = true;
}

/**
 * Has one statement carried out that commits by itself, on a connection of the pool, past all that puts statements together.
 * @returns the rows, by the names that PostgreSQL has for them
 * @throws {CommittedAlone} as `transaction` does
 */
export async function atOnce<Row>(
  db: Knex,
  { name, text }: Statement,
  values: readonly unknown[],
): Promise<Row[]> {
  const isKnown = name !== undefined && db.userParams[SHARED] !== true;
  const statement = isKnown ? { name, text, values } : { text, values };
  const client = db.client as Client;
  const connection = await client.acquireConnection();
  const confirm = expectStandby(connection);
  try {
    const rows = await new Promise<unknown[]>((resolve, reject) => {
      connection.query(statement, (error, result) => (error ? reject(error) : resolve(result.rows)));
    });
    confirm();
    return rows as Row[];
  } catch (error) {
    // The driver's tells where the answer was read, and not who asked.
    if (error instanceof Error) Error.captureStackTrace(error);
    throw error;
  } finally {
    await client.releaseConnection(connection);
  }
}
