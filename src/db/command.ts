import type { Knex } from 'knex';
import { startEmbeddedPostgres } from './embedded.js';
import { connectPostgres } from './postgres.js';

/**
 * Runs a command that only reads on the database that the service uses, whether or not the service is running: the one
 * of `databaseUrl`, or the embedded one in `dir`.
 */
export async function onDatabase<T>(
  { databaseUrl, dir }: { databaseUrl: string | undefined; dir: string },
  work: (db: Knex) => Promise<T>,
): Promise<T> {
  const embedded = databaseUrl === undefined ? await startEmbeddedPostgres({ dataDir: dir }) : undefined;
  const db = connectPostgres(databaseUrl ?? embedded?.url ?? '', 2, { manner: 'patient' });
  try {
    return await work(db);
  } finally {
    await db.destroy();
    await embedded?.stop();
  }
}

/** PostgreSQL's code for a table or a column that is not there. */
const MISSING = new Set(['42P01', '42703', '42883']);

/** Whether an error says that the schema is older than this version. */
export function isOutdated(error: unknown): boolean {
  const { code, nativeError } = error as { code?: string; nativeError?: { code?: string } };
  return MISSING.has(nativeError?.code ?? code ?? '');
}
