import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { readdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const hasPdeathsig =
  process.platform === 'linux' &&
  spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true'], { stdio: 'ignore' }).status === 0;

/**
 * Starts a program that dies with this process, however this process ends (on macOS: unless it is killed), and whose
 * output is dropped.
 */
export function spawnBound(command: string, args: readonly string[]): ChildProcess {
  const words = hasPdeathsig ? ['setpriv', '--pdeathsig', 'KILL', command, ...args] : [command, ...args];
  const child = spawn(words[0] ?? command, words.slice(1), { stdio: 'ignore', detached: true });
  const onExit = () => child.kill('SIGKILL');
  process.once('exit', onExit);
  child.once('exit', () => process.off('exit', onExit));
  child.unref();
  return child;
}

/** Ends a process that this one spawned, and waits until it is gone. */
export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.ref();
  child.kill(signal);
  await gone;
}

const PREFIX = 'authgraph-test-';

/** A new folder under the system's temporary one; the name says whose it is, so that {@link removeOrphans} can tell. */
export function makeTempDir(): string {
  return mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
}

/** Removes what test runs left that were killed before they could tidy up. */
export function removeOrphans(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(/^authgraph-test-(\d+)-/.exec(name)?.[1]);
    if (Number.isInteger(pid) && !isAlive(pid))
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

/** Whether there is such a process, ours or not. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** A process that another has started. */
export interface Child {
  pid: number;
  nice: number;
}

/** The living children of a process with this in their command line, as the system lists them. */
export function childrenOf(parent: number, program: string): Child[] {
  const list = execFileSync('ps', ['-axo', 'pid=,ppid=,ni=,stat=,args='], { encoding: 'utf8' });
  return list
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\S+)\s+(.*)$/.exec(line))
    .filter((found) => Number(found?.[2]) === parent && !found?.[4]?.startsWith('Z'))
    .filter((found) => found?.[5]?.includes(program))
    .map((found) => ({ pid: Number(found?.[1]), nice: Number(found?.[3]) }));
}
