import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The port is part of the socket's name; nothing listens on TCP. */
export const PORT = 5432;

/** What postmaster.pid and the processes of this machine say about a data folder. */
export type Postmaster =
  | { readonly state: 'none' }
  | { readonly state: 'stale'; readonly text: string }
  | { readonly state: 'busy'; readonly pid: number }
  | { readonly state: 'ready'; readonly pid: number; readonly socketFolder: string };

/**
 * Looks who serves `folder`: nobody; nobody, but a crash left its pid file; somebody who is starting or
 * stopping; or somebody who takes connections.
 * @see https://www.postgresql.org/docs/18/storage-file-layout.html postmaster.pid
 */
export async function findPostmaster(folder: string): Promise<Postmaster> {
  const text = await readFile(pidFile(folder), 'utf8').catch(() => undefined);
  if (text === undefined) return { state: 'none' };
  const lines = text.split('\n').map((line) => line.trim());
  const [pid, socketFolder, status] = [Number(lines[0]), lines[4] ?? '', lines[7]];
  if (status === 'ready' && (await accepts(socketFolder))) return { state: 'ready', pid, socketFolder };
  return (await isPostgresOn(folder, pid)) ? { state: 'busy', pid } : { state: 'stale', text };
}

/**
 * Lets PostgreSQL start after a crash. It does so by itself unless the dead process' number has been given to
 * another process since, as is usual in containers; our own number, its parent's, it knows to be no rival. The
 * rest of the file stays: by it PostgreSQL sees whether parts of the old server still live.
 */
export async function disownStale(folder: string, text: string): Promise<void> {
  const socketFolder = text.split('\n')[4]?.trim() ?? '';
  await replacePid(pidFile(folder), text);
  if (socketFolder === '') return;
  const lock = `${socketOf(socketFolder)}.lock`;
  const lockText = await readFile(lock, 'utf8').catch(() => '');
  if (lockText !== '') await replacePid(lock, lockText);
}

async function replacePid(file: string, text: string): Promise<void> {
  if ((await readFile(file, 'utf8').catch(() => undefined)) !== text) return;
  await writeFile(file, text.replace(/^-?\d+/, String(process.pid)));
}

function accepts(socketFolder: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketOf(socketFolder));
    const answer = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('connect', () => answer(true)).once('error', () => answer(false));
  });
}

/** A process number alone proves nothing: after a crash or a reboot it may be anybody's. */
async function isPostgresOn(folder: string, pid: number): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 1) return false;
  const command =
    process.platform === 'linux'
      ? readFile(`/proc/${pid}/cmdline`, 'utf8')
      : promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', String(pid)]).then(({ stdout }) => stdout);
  return command.then(
    (words) => words.includes('postgres') && words.includes(folder),
    () => false,
  );
}

/** The socket's path; the operating system takes no more than 107 bytes. */
export function socketOf(socketFolder: string): string {
  return join(socketFolder, `.s.PGSQL.${PORT}`);
}

function pidFile(folder: string): string {
  return join(folder, 'postmaster.pid');
}
