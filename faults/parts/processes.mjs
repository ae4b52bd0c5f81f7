// Processes, ports and folders of one run; nothing of it outlives the run.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, closeSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export { sleep };

// Each process that is started is ended with this one.
process.setMaxListeners(0);

/** A folder for everything that this run writes. PostgreSQL's sockets lie in it, so its path is short. */
export const home = mkdtempSync(join(tmpdir(), 'agf-'));
process.once('exit', () => rmSync(home, { recursive: true, force: true, maxRetries: 5 }));
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(name, () => process.exit(1));

/** A new folder of its own. */
export function folderFor(name) {
  const folder = join(home, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

const has = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;
const BOUND = has('setpriv', '--pdeathsig', 'KILL', 'true') ? ['setpriv', '--pdeathsig', 'KILL'] : [];

/** Whether a program is on this machine. */
export const isThere = (program) => has('sh', '-c', `command -v ${program}`);

/**
 * Starts a program that dies with this process; its output goes to a file.
 * @returns the child, and `ended`, its exit code or signal once it is gone
 */
export function start(words, { log, env = {}, ...options }) {
  const fd = openSync(log, 'a');
  const [command, ...args] = [...BOUND, ...words];
  const child = spawn(command, args, {
    stdio: ['ignore', fd, fd],
    env: { PATH: process.env.PATH, ...env },
    ...options,
  });
  closeSync(fd);
  const ended = new Promise((resolve) => {
    child
      .once('exit', (code, signal) => resolve(code ?? signal))
      .once('error', (error) => resolve(error.message));
  });
  const onExit = () => child.kill('SIGKILL');
  process.once('exit', onExit);
  void ended.then(() => process.off('exit', onExit));
  return { child, ended };
}

/** The process numbers of a process's children. */
export function childrenOf(pid) {
  const list = execFileSync('ps', ['-axo', 'pid=,ppid='], { encoding: 'utf8' });
  const pairs = list
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  return pairs.filter(([, parent]) => parent === pid).map(([child]) => child);
}

/** Sends a signal to a process that may be gone. */
export function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

const given = new Set();

/** One that nobody listens on and that was not answered before. @param above how far above it another one is free as well */
export async function freePort(above = 0) {
  const port = await listenOnce(0);
  if (given.has(port) || !(await isFree(port + above))) return freePort(above);
  given.add(port);
  return port;
}

const isFree = (port) =>
  port <= 65_535 &&
  listenOnce(port).then(
    () => true,
    () => false,
  );

async function listenOnce(wanted) {
  const server = createServer();
  await new Promise((resolve, reject) => server.once('error', reject).listen(wanted, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Asks again and again until the answer is truthy. @throws Error naming `what` when that takes too long */
export async function until(what, look, deadlineMs = 60_000, everyMs = 20) {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (performance.now() > deadline) throw new Error(`Waited ${deadlineMs / 1000} s in vain until ${what}.`);
    await sleep(everyMs);
  }
}

/** Does something with each of a list, so many at a time. */
export async function each(list, width, work) {
  const left = [...list];
  const worker = async () => {
    while (left.length > 0) await work(left.shift());
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** A whole number from 0 to below `n`. */
export const below = (n) => Math.floor(Math.random() * n);
export const oneOf = (list) => list[below(list.length)];
