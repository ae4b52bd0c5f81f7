import { createHash } from 'node:crypto';
import { lstat, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { handOver, type Launcher } from './launcher.js';
import { socketOf } from './postmaster.js';

/** sockaddr_un holds 108 bytes on Linux and 104 on macOS. */
const LONGEST_PATH_BYTES = 100;

/**
 * The folder for PostgreSQL's socket: the data folder, or, where that path is too long for a socket, a private
 * one under the system's temporary folder.
 * @throws Error when somebody else already holds that name there.
 */
export async function chooseSocketFolder(folder: string, launcher: Launcher): Promise<string> {
  if (Buffer.byteLength(socketOf(folder)) <= LONGEST_PATH_BYTES) return folder;
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  const substitute = join(tmpdir(), `authgraph-${name}`);
  await mkdir(substitute, { mode: 0o700 }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  });
  await requirePrivate(substitute, launcher);
  await handOver(substitute, launcher);
  return substitute;
}

async function requirePrivate(folder: string, { id }: Launcher): Promise<void> {
  const { uid, mode } = await lstat(folder);
  const isOurs = uid === process.geteuid?.() || uid === id;
  if (isOurs && (mode & 0o170_777) === 0o040_700) return;
  throw new Error(
    `${folder} exists and is not private to this user. Remove it, or set DATA_DIR to a shorter path.`,
  );
}
