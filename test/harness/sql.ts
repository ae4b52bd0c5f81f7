import type { QueryResultRow } from 'pg';
import { lookInto } from './look.js';

/** One statement to the database of a service under test, past the service, on a connection of its own. */
export async function sql(
  { databaseUrl }: { databaseUrl: string },
  text: string,
  values: unknown[] = [],
): Promise<QueryResultRow[]> {
  const look = await lookInto(databaseUrl);
  try {
    return await look(text, values);
  } finally {
    await look.close();
  }
}
