import type { Knex } from 'knex';
import { RoleModel } from '../db/models/role.js';
import { transaction } from '../db/transaction.js';
import { OWNER_ROLE } from './access.js';
import type { ProfileDeps } from './accounts.js';
import { readEntry, type Entry, type EntryDeps, type Refusal } from './imports/entry.js';
import { translator, type FirebaseConfig, type Format } from './imports/formats.js';
import { readLines, type Line } from './imports/lines.js';
import {
  advance,
  digestOf,
  listRefusals,
  noteRefusals,
  openProgress,
  type Progress,
} from './imports/progress.js';
import { writeEntries } from './imports/write.js';

export { firebaseConfigShape, type FirebaseConfig, type Format } from './imports/formats.js';
export { ImportUnderWay } from './imports/progress.js';
export type { Refusal } from './imports/entry.js';

/** The formats that {@link importAccounts} reads. */
export const FORMATS: readonly Format[] = ['authgraph', 'auth0', 'firebase', 'keycloak', 'supabase'];

/** A file of accounts, one a line, that can be read from its beginning any number of times. */
export interface Source {
  open: () => AsyncIterable<Buffer>;
  format: Format;
  firebase?: FirebaseConfig | undefined;
}

export interface ImportDeps extends ProfileDeps {
  db: Knex;
}

/** What became of an import. */
export interface Imported {
  /** How many accounts this run has made. */
  accounts: number;
  /** Every line of the file that is not in, this run's and earlier ones'. */
  refused: Refusal[];
  /** Lines that an earlier run had finished with. */
  resumedAfter: number;
}

/** Accounts a transaction. */
const BATCH = 1000;

/**
 * Brings accounts of another system in with their password hashes, which the first sign-in replaces. It goes on where an
 * earlier run of the same file ended, and tries again what was refused then; nothing is ever written twice.
 * @param progress told how many lines were looked at, after each batch
 * @throws {ImportUnderWay} when the same file is being imported by somebody else
 */
export async function importAccounts(
  deps: ImportDeps,
  source: Source,
  progress: (lines: number) => void = () => undefined,
): Promise<Imported> {
  const marker = await openProgress(deps.db, await digestOf(source.open()));
  const resumedAfter = marker.lines;
  const reading = await openReading(deps, source);
  let accounts = 0;
  for await (const lines of batches(marker, readLines(source.open()))) {
    accounts += await importBatch(deps.db, marker, reading, lines);
    progress(lines.at(-1)?.number ?? 0);
  }
  return { accounts, refused: await listRefusals(deps.db, marker.digest), resumedAfter };
}

async function openReading(deps: ImportDeps, { format, firebase }: Source): Promise<EntryDeps> {
  const all = await RoleModel.query(deps.db).whereNot({ name: OWNER_ROLE });
  const { config, clock, db } = deps;
  const marked =
    config.accounts.defaultRole ?? (await RoleModel.query(db).findOne({ isDefault: true }))?.name;
  return {
    config,
    clock,
    translate: translator(format, firebase),
    roles: new Map(all.map(({ name, id }) => [name, id])),
    defaultRole: marked ?? 'USER',
  };
}

/** The lines that are still to be looked at, some at a time. */
async function* batches(marker: Progress, lines: AsyncIterable<Line>): AsyncGenerator<Line[]> {
  const done = marker.lines;
  let batch: Line[] = [];
  for await (const line of lines) {
    if (line.number <= done && !marker.refused.has(line.number)) continue;
    batch.push(line);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** One batch, with the marker moved behind it: both or neither. @returns how many accounts it made */
async function importBatch(db: Knex, marker: Progress, reading: EntryDeps, lines: Line[]): Promise<number> {
  const read = lines.map((line) => readEntry(reading, line));
  const entries = read.filter((one): one is Entry => !('reason' in one));
  const unread = read.filter((one): one is Refusal => 'reason' in one);
  const to = Math.max(marker.lines, lines.at(-1)?.number ?? 0);
  const accounts = await transaction(db, async ({ trx }) => {
    const written = await writeEntries(trx, entries);
    await advance(trx, marker, to, written.accounts);
    await noteRefusals(
      trx,
      marker,
      lines.map(({ number }) => number),
      [...unread, ...written.refused],
    );
    return written.accounts;
  });
  marker.lines = to;
  return accounts;
}
