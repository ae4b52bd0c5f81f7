import { spawn, spawnSync, type ChildProcess, type StdioOptions } from 'node:child_process';
import { chmod, chown, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** How PostgreSQL, which refuses to run as root, is run from here. */
export interface Launcher {
  /** Command words that go before the program; may be empty. */
  readonly prefix: readonly string[];
  /** The user and group to become, where that is not done by the prefix. */
  readonly id?: number;
}

/** `nobody` on every Linux distribution. */
const NOBODY = 65_534;

/** Has the kernel tell PostgreSQL to shut down when this process is gone, however it went. */
const DIE_WITH_US = ['setpriv', '--pdeathsig', 'INT'];
const AS_NOBODY = ['unshare', '--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`];

/** What to do when PostgreSQL could not be run. */
export function advise({ id }: Launcher): string {
  const general = 'Set DATABASE_URL to use a PostgreSQL of your own.';
  if (id === undefined) return general;
  const here = `PostgreSQL does not run as root; it was tried as user ${id}, who may not enter every folder above.`;
  return `${here} Start authgraph as another user, or allow user namespaces (unshare). ${general}`;
}

/**
 * Chooses how to run PostgreSQL on `folder`: plainly when this process is unprivileged; as root in a user
 * namespace that calls us nobody, which needs no other user and no change of ownership; as root where that is
 * forbidden, or the folder already belongs to somebody else, as that other user.
 */
export async function chooseLauncher(folder: string): Promise<Launcher> {
  const bound = works(DIE_WITH_US) ? DIE_WITH_US : [];
  if (process.geteuid?.() !== 0) return { prefix: bound };
  const owner = await ownerOf(folder);
  const namespaced = [...AS_NOBODY, ...bound];
  if (owner === 0 && works(namespaced)) return { prefix: namespaced };
  return { prefix: bound, id: owner === 0 ? NOBODY : owner };
}

/** Lets the launcher's user pass through `folder`, to what it owns inside. */
export async function letThrough(folder: string, { id }: Launcher): Promise<void> {
  if (id !== undefined) await chmod(folder, ((await stat(folder)).mode & 0o7777) | 0o111);
}

/** Lets the launcher's user own `folder` and everything in it; the folder itself last, as the sign that it is done. */
export async function handOver(folder: string, { id }: Launcher): Promise<void> {
  if (id === undefined || (await ownerOf(folder)) === id) return;
  const inside = await readdir(folder, { recursive: true });
  for (const name of [...inside, '']) await chown(join(folder, name), id, id);
}

/** Starts a program as the launcher says, in a session of its own so that Ctrl-C does not reach it. */
export function launch(launcher: Launcher, words: readonly string[], stdio: StdioOptions): ChildProcess {
  const [command = '', ...args] = [...launcher.prefix, ...words];
  const { id } = launcher;
  return spawn(command, args, {
    stdio,
    detached: true,
    cwd: '/',
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    ...(id === undefined ? {} : { uid: id, gid: id }),
  });
}

/**
 * Runs a program to its end and answers what it printed.
 * @throws Error with what it printed when it fails.
 */
export async function run(launcher: Launcher, words: readonly string[], input = ''): Promise<string> {
  const child = launch(launcher, words, 'pipe');
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (part) => (output += String(part)));
  child.stdin?.on('error', () => undefined).end(input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  if (code === 0) return output;
  const last = output.trim().split('\n').slice(-3).join('\n');
  throw new Error(`${advise(launcher)}\n${words[0] ?? ''} failed (${code ?? 'killed'}):\n${last}`);
}

function works(prefix: readonly string[]): boolean {
  if (process.platform !== 'linux') return false;
  const [command, ...args] = [...prefix, 'true'];
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

async function ownerOf(folder: string): Promise<number> {
  return (await stat(folder)).uid;
}
