import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Binaries } from './binaries.js';
import { chooseLauncher, handOver, letThrough, run } from './launcher.js';

/** The superuser of the embedded PostgreSQL; only who can enter the data folder can be it. */
export const USER = 'postgres';

/** The database that a new data folder holds. */
export const DATABASE = 'authgraph';

/** An initdb that takes longer than this has been killed: its folder may go. */
const ABANDONED_AFTER_MS = 10 * 60_000;

/**
 * Makes the PostgreSQL data folder once, in a temporary folder that is renamed when it is whole, so that a crash
 * or a second process half way leaves nothing broken.
 * @throws Error when the folder was made by another major version of PostgreSQL.
 */
export async function ensureCluster(folder: string, binaries: Binaries, durable: boolean): Promise<void> {
  const found = await versionOf(folder);
  if (found === undefined) return createCluster(folder, binaries, durable);
  if (found === binaries.major) return;
  throw new Error(
    `${folder} was made by PostgreSQL ${found}, and this is PostgreSQL ${binaries.major}. ` +
      'Dump it with the old version and restore it here, or set DATA_DIR to an empty folder.',
  );
}

async function versionOf(folder: string): Promise<string | undefined> {
  const text = await readFile(join(folder, 'PG_VERSION'), 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`${folder} belongs to another user. Start as that user, or set DATA_DIR.`, {
      cause: error,
    });
  });
  return text?.trim();
}

async function createCluster(folder: string, binaries: Binaries, durable: boolean): Promise<void> {
  await mkdir(dirname(folder), { recursive: true, mode: 0o700 });
  await removeAbandoned(folder);
  const draft = await mkdtemp(`${folder}.init-`);
  try {
    await initialise(draft, binaries, durable);
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if ((await versionOf(folder)) === undefined) throw error;
  }
}

async function initialise(draft: string, binaries: Binaries, durable: boolean): Promise<void> {
  const launcher = await chooseLauncher(draft);
  await letThrough(dirname(draft), launcher);
  await handOver(draft, launcher);
  const sync = durable ? [] : ['--no-sync'];
  await run(launcher, [binaries.initdb, '-D', draft, ...INITDB_OPTIONS, ...sync]);
  const single = [binaries.postgres, '--single', '-D', draft, '-c', `fsync=${durable ? 'on' : 'off'}`, USER];
  const output = await run(launcher, single, `CREATE DATABASE ${DATABASE}\n`);
  if (/\b(ERROR|FATAL|PANIC):/.test(output)) throw new Error(`Creating the database failed: ${output}`);
}

/** `trust`: the folder, and the socket in it, are mode 0700, so who can connect could read the files as well. */
const INITDB_OPTIONS = [
  `--username=${USER}`,
  '--auth-local=trust',
  '--auth-host=reject',
  '--encoding=UTF8',
  '--no-locale',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--set=timezone=UTC',
  '--no-instructions',
];

async function removeAbandoned(folder: string): Promise<void> {
  const start = `${basename(folder)}.init-`;
  for (const name of await readdir(dirname(folder))) {
    if (name.startsWith(start)) await removeIfAbandoned(join(dirname(folder), name));
  }
}

async function removeIfAbandoned(draft: string): Promise<void> {
  const { mtimeMs } = await stat(draft).catch(() => ({ mtimeMs: 0 }));
  // The age of a folder on disk, compared with the clock that stamped it.
  const ageMs = performance.timeOrigin + performance.now() - mtimeMs;
  if (ageMs > ABANDONED_AFTER_MS) await rm(draft, { recursive: true, force: true });
}
