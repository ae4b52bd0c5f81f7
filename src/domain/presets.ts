import type { Knex } from 'knex';
import { transaction, type Unit } from '../db/transaction.js';
import { lockAdministration } from './access.js';
import { applyPreset } from './presets/apply.js';
import { findMistakes } from './presets/check.js';
import type { Outcome } from './presets/compare.js';
import { healthcare } from './presets/healthcare.js';
import { platform } from './presets/platform.js';
import { readPreset } from './presets/shape.js';
import { byNotifyAlone, revoke } from './revocations.js';

export type { Outcome } from './presets/compare.js';

/** The ready sets of roles, by name. */
export const presets: Readonly<Record<string, unknown>> = { platform, healthcare };

/** A preset of {@link presets}, or what was read from a file. */
export interface Source {
  /** What it is called in what is said about it. */
  name: string;
  given: unknown;
}

/** How a seeding is done. */
export interface Seeding {
  /** Roles and the like that differ are brought to the preset's state, as far as nothing is taken away. */
  updates: boolean;
  /** Nothing stays of it: only what would be done is told. */
  rehearses: boolean;
}

/** Every mistake in presets, said at once; nothing was done. */
export class PresetError extends Error {
  constructor(readonly mistakes: readonly string[]) {
    super(mistakes.length === 1 ? 'There is a mistake:' : `There are ${mistakes.length} mistakes:`);
    this.name = 'PresetError';
  }
}

/**
 * Applies presets, one after the other, in one transaction; every running process hears of it. Seeding again changes nothing.
 * @throws {PresetError} with every mistake found
 */
export async function seed(
  db: Knex,
  sources: readonly Source[],
  { updates, rehearses }: Seeding,
): Promise<Map<string, Outcome[]>> {
  const done = new Map<string, Outcome[]>();
  await transaction(db, async (unit) => {
    await lockAdministration(unit.trx);
    const readings = sources.map(({ given }) => readPreset(given));
    requireNone(sources, await findMistakes(unit, readings));
    for (const [at, { preset }] of readings.entries())
      done.set(sources[at]?.name ?? '', await applyPreset(unit, preset, updates));
    if (rehearses) throw new Rehearsed();
    if ([...done.values()].flat().some(isDeed)) tellEverybody(unit);
  }).catch(unlessRehearsed);
  return done;
}

function requireNone(sources: readonly Source[], mistakes: readonly string[][]): void {
  const told = mistakes.flatMap((own, at) => own.map((mistake) => `${sources[at]?.name ?? ''}: ${mistake}`));
  if (told.length > 0) throw new PresetError(told);
}

/** Whether something was written. */
export const isDeed = ({ what }: Outcome): boolean => what === 'created' || what === 'changed';

/** Ends the transaction of a rehearsal. */
class Rehearsed extends Error {}

function unlessRehearsed(error: unknown): void {
  if (!(error instanceof Rehearsed)) throw error;
}

const tellEverybody = (unit: Unit) => revoke(byNotifyAlone, unit, { kind: 'roles', key: 'presets' });
