import type { ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { findFreePort } from './port.js';
import { end, makeTempDir, spawnBound } from './process.js';

/** A real redis-server of one test's own, on a loopback port, empty and without persistence. */
export interface RedisServer {
  /** Fit for REDIS_URL. */
  readonly url: string;
  /** The process number; changes with `restart`. */
  readonly pid: number;
  /** FLUSHALL: as after a failover to an empty replica. */
  flush(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** SIGKILL: connections break, then are refused. */
  kill(): Promise<void>;
  /** Starts it again, empty, on the same port, after `kill`. */
  restart(): Promise<void>;
  /** Ends it for good and removes its folder. */
  stop(): Promise<void>;
}

const READY_MS = 5_000;
const ATTEMPTS = 5;

/**
 * Starts a redis-server; a free port found may be taken before it binds, so it tries a few.
 * @throws Error when redis-server is not installed or does not start.
 */
export async function startRedis(): Promise<RedisServer> {
  const folder = makeTempDir();
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = await findFreePort();
    const child = await launch(port, folder);
    if (child !== undefined) return handle(port, folder, child);
  }
  throw new Error('redis-server does not start: is it installed and on PATH?');
}

function handle(port: number, folder: string, first: ChildProcess): RedisServer {
  let child = first;
  const kill = () => end(child, 'SIGKILL');
  return {
    url: `redis://127.0.0.1:${port}`,
    get pid() {
      return child.pid ?? 0;
    },
    flush: async () => {
      await ask(port, 'FLUSHALL');
    },
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    kill,
    restart: async () => {
      const next = await launch(port, folder);
      if (next === undefined) throw new Error(`redis-server does not start again on port ${port}.`);
      child = next;
    },
    stop: async () => {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function launch(port: number, folder: string): Promise<ChildProcess | undefined> {
  const options = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    folder,
  ];
  const child = spawnBound('redis-server', options);
  let isGone = false;
  child.once('exit', () => (isGone = true)).once('error', () => (isGone = true));
  const deadline = performance.now() + READY_MS;
  while (!isGone && performance.now() < deadline) {
    const isAnswering = (await ask(port, 'PING').catch(() => '')) === '+PONG';
    if (isAnswering && !isGone) return child;
    await delay(5);
  }
  if (!isGone) await end(child, 'SIGKILL');
  return undefined;
}

/** One command in Redis' inline form, on a connection of its own: this harness shares no code with what it tests. */
function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`));
    socket.once('error', reject);
    socket.once('data', (data) => {
      socket.destroy();
      resolve(data.toString().trim());
    });
  });
}
