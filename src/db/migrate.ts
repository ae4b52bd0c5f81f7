import { readdirSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { join } from 'node:path';
import type { Knex } from 'knex';
import { connectPostgres } from './postgres.js';
import { grantRights } from './rights.js';
import { retryOnLock } from './transaction.js';

const FOLDER = fileURLToPath(new URL('../../migrations/', import.meta.url));
const LOCK = 7_203_110_001;

/** How long a migration waits for a table, in milliseconds: everybody who wants that table waits behind it. */
const LOCK_TIMEOUT_MS = 500;
/** Over about two minutes; what holds a table for longer than that is somebody's to look after. */
const TRIES = 80;

/** Migrations by file name without extension, so that source and build count as the same migration. */
const source: Knex.MigrationSource<string> = {
  getMigrations: () =>
    Promise.resolve(
      readdirSync(FOLDER)
        .filter((file) => /^\d{14}_\w+\.(ts|js)$/.test(file))
        .sort(),
    ),
  getMigrationName: (file) => file.replace(/\.(ts|js)$/, ''),
  getMigration: (file) => import(pathToFileURL(join(FOLDER, file)).href) as Promise<Knex.Migration>,
};

/**
 * Brings the schema up to date, and the rights of the service's role with it; `url` is its owner's. Any number of
 * processes may do so at once, as an advisory lock lets one through at a time. Replicas of the version before go on meanwhile:
 * whoever is in the way is let go first, and all of it is tried again.
 * @returns the names of the migrations that this call applied
 */
export async function migrate(url: string): Promise<string[]> {
  return withOwnConnection(url, (db) =>
    retryOnLock(TRIES, Math.random, () => db.transaction((trx) => applyAll(trx))),
  );
}

async function applyAll(trx: Knex.Transaction): Promise<string[]> {
  await trx.raw('select pg_advisory_xact_lock(?)', [LOCK]);
  await trx.raw(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
  const [, applied] = (await trx.migrate.latest({ ...options, disableTransactions: true })) as [
    number,
    string[],
  ];
  await grantRights(trx);
  return applied.map((file) => source.getMigrationName(file));
}

/** Names of the migrations that {@link migrate} would apply. */
export async function pendingMigrations(url: string): Promise<string[]> {
  return withOwnConnection(url, async (db) => {
    const [, waiting] = (await db.migrate.list(options)) as [unknown, string[]];
    return waiting.map((file) => source.getMigrationName(file));
  });
}

/** Takes the last batch of migrations back. @returns their names */
export async function rollback(url: string): Promise<string[]> {
  return withOwnConnection(url, async (db) => {
    const [, undone] = (await db.migrate.rollback(options)) as [number, string[]];
    return undone.map((file) => source.getMigrationName(file));
  });
}

/** Where the schema was last changed by a newer version of the service, that is its matter. */
const options = { migrationSource: source, disableMigrationsListValidation: true };

// knex's migrator switches the mapping of names off for good on the connection that it is given.
async function withOwnConnection<T>(url: string, work: (db: Knex) => Promise<T>): Promise<T> {
  const db = connectPostgres(url, 2, { manner: 'patient' });
  try {
    return await work(db);
  } finally {
    await db.destroy();
  }
}
