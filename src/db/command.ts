import type { Knex } from 'knex';
import { shareSessions } from './at-once.js';
import { startEmbeddedPostgres } from './embedded.js';
import { migrate } from './migrate.js';
import { connectPostgres } from './postgres.js';
import { chooseRole } from './rights.js';

/** Where the service keeps its data, as configured. */
interface Place {
  databaseUrl: string | undefined;
  /** With which the schema is changed. */
  ownerUrl: string | undefined;
  dir: string;
}

/**
 * Runs a command that only reads on the database that the service uses, whether or not the service is running: the one
 * of `databaseUrl`, or the embedded one in `dir`.
 */
export async function onDatabase<T>(
  { databaseUrl, dir }: Omit<Place, 'ownerUrl'>,
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

/**
 * Runs a command that writes on the database that the service uses, under the service's own rights, whether or not the
 * service is running. @param prepare what is done as the owner before: the schema is brought up to date unless said otherwise
 */
export async function intoDatabase<T>(
  { databaseUrl, ownerUrl, dir }: Place,
  work: (db: Knex) => Promise<T>,
  prepare: (ownerUrl: string) => Promise<unknown> = migrate,
): Promise<T> {
  const embedded = databaseUrl === undefined ? await startEmbeddedPostgres({ dataDir: dir }) : undefined;
  try {
    const owners = ownerUrl ?? embedded?.url ?? '';
    await prepare(owners);
    return await underRole(databaseUrl ?? owners, work);
  } finally {
    await embedded?.stop();
  }
}

async function underRole<T>(databaseUrl: string, work: (db: Knex) => Promise<T>): Promise<T> {
  const { url, role } = await chooseRole(databaseUrl);
  const db = connectPostgres(url, 2, { manner: 'patient', role });
  // Whether a pooler stands in between is not asked: a command is in no hurry.
  shareSessions(db);
  try {
    return await work(db);
  } finally {
    await db.destroy();
  }
}

/** PostgreSQL's code for a table or a column that is not there. */
const MISSING = new Set(['42P01', '42703', '42883']);

/** Whether an error says that the schema is older than this version. */
export function isOutdated(error: unknown): boolean {
  const { code, nativeError } = error as { code?: string; nativeError?: { code?: string } };
  return MISSING.has(nativeError?.code ?? code ?? '');
}
