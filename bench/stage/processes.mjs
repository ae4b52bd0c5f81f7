// Servers in processes of their own, and what their process trees use, read from /proc.
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const TICK_MS = 1000 / Number(execFileSync('getconf', ['CLK_TCK']).toString());
const READY_MS = 60_000;
const STOP_MS = 15_000;
const SETTLE_MS = 15_000;

/**
 * Starts a server on a free port, and waits until it answers: { url, pid, readyMs, stop() }.
 * @param command words; `log` is the file that its output goes to; `ready` the path that is asked, `isReady` whether an answer's status will do
 * @throws Error with the end of its output when it does not start
 */
export async function startServer({
  command,
  cwd,
  env,
  log,
  ready = '/',
  isReady = () => true,
  pollMs = 50,
}) {
  const port = await freePort();
  const startedAt = performance.now();
  const child = spawnApart(command, { cwd, log, env: { ...env, PORT: String(port) } });
  const url = `http://127.0.0.1:${port}`;
  while (!child.hasEnded() && performance.now() - startedAt < READY_MS) {
    const status = await statusOf(url + ready);
    if (status && isReady(status))
      return { url, pid: child.pid, readyMs: performance.now() - startedAt, stop: child.stop };
    await sleep(pollMs);
  }
  await child.stop();
  throw new Error(`it did not start: ${lastWords(log)}`);
}

const running = new Set();
let isWatching = false;

/** In groups of their own they do not hear Ctrl-C: that they end with this process is its own work. */
function endWithThis(pid) {
  if (!isWatching) {
    isWatching = true;
    // Before whoever removes their files.
    process.prependListener('exit', () => running.forEach((one) => signalGroup(one, 'SIGKILL')));
    for (const signal of ['SIGINT', 'SIGTERM'])
      if (process.listenerCount(signal) === 0) process.on(signal, () => process.exit(130));
  }
  running.add(pid);
}

/** Spawns a program in a group of its own, which ends when this process does: { pid, hasEnded(), stop() }. */
export function spawnApart([command, ...args], { cwd, env, log }) {
  const out = openSync(log, 'a');
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', out, out], detached: true });
  closeSync(out);
  let isOver = false;
  const ended = new Promise((resolve) => child.once('exit', resolve).once('error', resolve));
  void ended.then(() => (isOver = true));
  const signal = (name) => signalGroup(child.pid, name);
  endWithThis(child.pid);
  const stop = async () => {
    if (!isOver) signal('SIGTERM');
    await Promise.race([ended, sleep(STOP_MS, undefined, { ref: false })]);
    signal('SIGKILL');
    running.delete(child.pid);
  };
  return { pid: child.pid, hasEnded: () => isOver, stop };
}

function signalGroup(pid, name) {
  if (pid === undefined) return;
  try {
    process.kill(-pid, name);
  } catch {
    // All of them are gone.
  }
}

const statusOf = (url) =>
  fetch(url, { signal: AbortSignal.timeout(2000), redirect: 'manual' }).then(
    async (response) => (await response.arrayBuffer(), response.status),
    () => undefined,
  );

function lastWords(log) {
  const lines = readFileSync(log, 'utf8').trim().split('\n');
  const telling = lines.find((line) => /\w*error: \S/i.test(line)) ?? lines.at(-1);
  return telling.trim().slice(0, 200) || 'it said nothing';
}

/** A port that nobody listens on. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** What a process and all its descendants have used and hold: { cpuMs, rssMb, each: [{ pid, rssMb, command }] }. */
export function usageOf(root) {
  const each = treeOf(root).flatMap((pid) => usageOfOne(pid) ?? []);
  const sum = (name) => each.reduce((total, one) => total + one[name], 0);
  return { cpuMs: sum('cpuMs'), rssMb: sum('rssMb'), each };
}

function usageOfOne(pid) {
  try {
    const fields = fieldsOf(pid);
    // Its own time, and that of children who have ended: user and system.
    const ticks = fields.slice(11, 15).reduce((total, field) => total + Number(field), 0);
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const rssMb = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return { pid, command, cpuMs: ticks * TICK_MS, rssMb };
  } catch {
    return undefined;
  }
}

function treeOf(root) {
  const parents = new Map();
  for (const name of readdirSync('/proc')) if (/^\d+$/.test(name)) noteParent(parents, Number(name));
  const all = [root];
  for (const pid of all)
    for (const [child, parent] of parents) if (parent === pid && !all.includes(child)) all.push(child);
  return all;
}

function noteParent(parents, pid) {
  try {
    parents.set(pid, Number(fieldsOf(pid)[1]));
  } catch {
    // It has ended meanwhile.
  }
}

/** What follows the name in /proc/…/stat: state, parent and so on. */
const fieldsOf = (pid) =>
  readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');

/** Waits until a process tree has worked off what a load has left behind. */
export async function settled(pid) {
  for (const end = performance.now() + SETTLE_MS; performance.now() < end;) {
    const before = usageOf(pid).cpuMs;
    await sleep(200);
    if (usageOf(pid).cpuMs - before <= 20) return;
  }
}
