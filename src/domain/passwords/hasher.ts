// A process that hashes and does nothing else, at the lowest priority: whatever else the machine has to do goes first.
// It is told what to do over its channel alone, prints nothing, and ends when the channel does, with the service.
import { constants, setPriority } from 'node:os';
import type { HashWork } from './work.js';

try {
  setPriority(constants.priority.PRIORITY_LOW);
} catch {
  // Where priorities may not be set, it hashes all the same.
}
// A terminal and a supervisor signal the whole group; the service is the one that decides when hashing ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('disconnect', () => process.exit(0));

const loading = import('./do-work.js');

process.on('message', (works: HashWork[]) => {
  loading
    .then(({ doWork }) => doWork(works))
    .then(
      (results) => process.send?.({ results }),
      () => process.send?.({}),
    );
});
