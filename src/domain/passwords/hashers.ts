import { fork } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { HASHER, HASHING_THREAD } from './place.js';
import type { HashResult, HashWork } from './work.js';

/** What becomes of work, in its order; without results none of it could be done. */
export interface HashAnswer {
  results?: HashResult[];
}

/** Hashes what goes together, after everything else that the machine has to do. */
export interface Hasher {
  /** Again when it has answered; it answers, or ends. */
  ask(works: readonly HashWork[]): void;
  kill(): void;
}

/** Who is told what a hasher does. */
interface Told {
  readonly answered: (answer: HashAnswer) => void;
  /** May be told twice. */
  readonly ended: (exitCode: number | null, signal?: string | null) => void;
}

/** Starts a thread where one may have a priority of its own: a process keeps five times of what that takes. */
export const startHasher = (told: Told): Hasher =>
  process.platform === 'linux' ? startThread(told) : startProcess(told);

/** It prints nothing, and what holds the service up is its server. */
function startThread({ answered, ended }: Told): Hasher {
  const resourceLimits = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 32, stackSizeMb: 1 };
  const quiet = { stdout: true, stderr: true, execArgv: [], env: {} };
  const thread = new Worker(fileURLToPath(HASHING_THREAD), { ...quiet, resourceLimits });
  thread.on('message', answered);
  thread.once('error', () => ended(null));
  thread.once('exit', (code) => ended(code));
  thread.unref();
  return { ask: (works) => thread.postMessage(works), kill: () => void thread.terminate() };
}

/** It inherits neither settings nor streams: what it is to hash arrives on its channel, and no secret by any other way. */
export function startProcess({ answered, ended }: Told): Hasher {
  const child = fork(HASHER, [], {
    execArgv: ['--v8-pool-size=0'],
    env: {},
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  yieldToAll(child.pid);
  child.on('message', answered);
  child.once('error', () => ended(null));
  child.once('exit', ended);
  // What holds the service up is its server.
  child.unref();
  child.channel?.unref();
  // Were the process gone meanwhile, its exit says so.
  return {
    ask: (works) => void child.send([...works], () => undefined),
    kill: () => void child.kill('SIGKILL'),
  };
}

/** From its first instruction on; what it does about that itself comes a moment later. */
function yieldToAll(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {
    // It has ended already, or priorities may not be set here.
  }
}
