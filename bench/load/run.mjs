// Loads a server from another process.
import { fork } from 'node:child_process';

const GENERATOR = new URL('./generator.mjs', import.meta.url).pathname;

/** Runs one load to its end; see generator.mjs for what it takes and answers. */
export function load(task) {
  const child = fork(GENERATOR);
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`the load generator ended with ${code}`)));
    child.send(task);
  });
}
