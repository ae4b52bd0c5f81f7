// A thread that hashes and does nothing else, at the lowest priority: whatever else the machine has to do goes first. On Linux a
// priority is a thread's own, though the call speaks of processes (setpriority(2)). What may take memory without measure, what takes
// long and what is timed by its processor time it leaves to a process of its own, which may be killed without harm to the service.
import { constants, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import type { HashAnswer, Hasher } from './hashers.js';
import type { HashWork } from './work.js';

try {
  setPriority(constants.priority.PRIORITY_LOW);
} catch {
  // Where priorities may not be set, it hashes all the same.
}

const loading = import('./do-work.js');
const answer = (given: HashAnswer) => parentPort?.postMessage(given);
let hashingProcess: Promise<Hasher> | undefined;

/** Loaded where it is needed: it takes memory of each thread. */
async function openProcess(): Promise<Hasher> {
  const { startProcess } = await import('./hashers.js');
  return startProcess({ answered: answer, ended: () => process.exit(1) });
}

/** Kept, as a check that waits for it to start would take longer than others. Where it dies, this thread does: another one tries again. */
async function leaveToProcess(works: readonly HashWork[]): Promise<void> {
  const hasher = await (hashingProcess ??= openProcess());
  hasher.ask(works);
}

parentPort?.on('message', (works: readonly HashWork[]) => {
  loading
    .then(async ({ doWork, isForThread }) => {
      if (isForThread(works)) answer({ results: await doWork(works) });
      else await leaveToProcess(works);
    })
    .catch(() => answer({}));
});
