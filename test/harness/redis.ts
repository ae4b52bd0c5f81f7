import type { ChildProcess } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findFreePort } from './port.js';
import { end, makeTempDir, spawnBound } from './process.js';
import { until } from './until.js';

/** A real redis-server of one test's own, on a loopback port, empty and without persistence. */
export interface RedisServer {
  /** Fit for REDIS_URL. */
  readonly url: string;
  readonly port: number;
  /** One command without spaces in its words, and the first part of the answer as it comes. */
  ask(command: string): Promise<string>;
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
 * @param more settings, as on its command line
 * @throws Error when redis-server is not installed or does not start.
 */
export async function startRedis(more: readonly string[] = []): Promise<RedisServer> {
  const folder = makeTempDir();
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = await findFreePort();
    const child = await launch(port, folder, more);
    if (child !== undefined) return handle(port, folder, child, more);
  }
  throw new Error('redis-server does not start: is it installed and on PATH?');
}

function handle(port: number, folder: string, first: ChildProcess, more: readonly string[]): RedisServer {
  let child = first;
  const kill = () => end(child, 'SIGKILL');
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    ask: (command) => ask(port, command),
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
      const next = await launch(port, folder, more);
      if (next === undefined) throw new Error(`redis-server does not start again on port ${port}.`);
      child = next;
    },
    stop: async () => {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function launch(
  port: number,
  folder: string,
  more: readonly string[],
): Promise<ChildProcess | undefined> {
  const options = [
    ...more,
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

/** A master with a replica, and a Sentinel that makes the one the other when it is gone. */
export async function startSentinel(): Promise<{
  url: string;
  failOver(): Promise<RedisServer>;
  stop(): Promise<void>;
}> {
  const master = await startRedis();
  const replica = await startRedis(['--replicaof', '127.0.0.1', String(master.port)]);
  const folder = makeTempDir();
  const file = join(folder, 'sentinel.conf');
  const lines = [
    `monitor here 127.0.0.1 ${master.port} 1`,
    'down-after-milliseconds here 300',
    'failover-timeout here 1000',
  ];
  writeFileSync(file, lines.map((line) => `sentinel ${line}\n`).join(''));
  const sentinel = await startRedis([file, '--sentinel']);
  await until('the replica is known', async () => (await sentinel.ask('info sentinel')).includes('slaves=1'));
  const failOver = async () => {
    await master.kill();
    await until('the replica is the master', async () => (await replica.ask('role')).includes('master'));
    return replica;
  };
  const stop = async () => {
    for (const one of [sentinel, master, replica]) await one.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { url: `redis+sentinel://127.0.0.1:${sentinel.port}/here`, failOver, stop };
}

/** A Cluster of one node, which has all slots. */
export async function startCluster(): Promise<RedisServer> {
  const node = await startRedis(['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1']);
  await node.ask('cluster addslotsrange 0 16383');
  await until('it has its slots', async () => (await node.ask('cluster info')).includes('cluster_state:ok'));
  return { ...node, url: `redis+cluster://127.0.0.1:${node.port}` };
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
