import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import type { Refusal } from './entry.js';

/** How far the import of one file has come. */
export interface Progress {
  readonly digest: string;
  /** Everything up to this line was looked at before. */
  lines: number;
  /** Of those, the ones that were refused, which are tried again. */
  readonly refused: ReadonlySet<number>;
}

/** Somebody else imports the same file at the same time. */
export class ImportUnderWay extends Error {
  constructor() {
    super('Another import of this file is under way.');
  }
}

/** SHA-256 of a file, which is what it is known by. */
export async function digestOf(chunks: AsyncIterable<Buffer>): Promise<string> {
  const sum = createHash('sha256');
  for await (const chunk of chunks) sum.update(chunk);
  return sum.digest('hex');
}

/** Finds out how far this file has come. */
export async function openProgress(db: Knex, digest: string): Promise<Progress> {
  await db('accountImports').insert({ digest }).onConflict('digest').ignore();
  const row = await db<{ digest: string; lines: number }>('accountImports').where({ digest }).first('lines');
  const refused = await db('accountImportRefusals').where({ digest }).pluck<number[]>('line');
  return { digest, lines: row?.lines ?? 0, refused: new Set(refused) };
}

/** Moves the marker on, in the transaction that writes the accounts. @throws {ImportUnderWay} when another import moved it */
export async function advance(
  trx: Knex,
  { digest, lines }: Progress,
  to: number,
  accounts: number,
): Promise<void> {
  const moved = await trx('accountImports')
    .where({ digest, lines })
    .update({ lines: to, accounts: trx.raw('accounts + ?', [accounts]), updatedAt: trx.raw('now()') });
  if (moved === 0) throw new ImportUnderWay();
}

/** Replaces what is known of these lines. */
export async function noteRefusals(
  trx: Knex,
  { digest, refused: before }: Progress,
  lines: readonly number[],
  refused: readonly Refusal[],
): Promise<void> {
  const tried = lines.filter((line) => before.has(line));
  if (tried.length > 0) await trx('accountImportRefusals').where({ digest }).whereIn('line', tried).delete();
  if (refused.length > 0)
    await trx('accountImportRefusals').insert(refused.map((refusal) => ({ digest, ...refusal })));
}

/** Every line of the file that is refused, in order. */
export function listRefusals(db: Knex, digest: string): Promise<Refusal[]> {
  return db('accountImportRefusals').where({ digest }).orderBy('line').select('line', 'reason');
}
