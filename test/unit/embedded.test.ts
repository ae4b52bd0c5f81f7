import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/db/embedded.js';
import { makeTempDir } from '../harness/process.js';

let folder: string;
let dataDir: string;
let running: EmbeddedPostgres[];

beforeEach(() => {
  folder = makeTempDir();
  dataDir = join(folder, 'data');
  running = [];
});

afterEach(async () => {
  for (const server of running) await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('what was written is there after a restart', async () => {
  const first = await start();
  await ask(first, 'CREATE TABLE facts AS SELECT 42 AS answer');
  await first.stop();
  const again = await start();
  expect(await ask(again, 'SELECT answer FROM facts')).toEqual([{ answer: 42 }]);
});

test('a second start on the same data connects to the first, and its stop leaves the first running', async () => {
  const first = await start();
  const second = await start();
  expect([first.isOwn, second.isOwn]).toEqual([true, false]);
  expect(second.url).toBe(first.url);
  await second.stop();
  expect(await ask(first, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('several that start at once on an empty folder share one server', async () => {
  const all = await Promise.all([start(), start(), start()]);
  expect(all.filter((server) => server.isOwn)).toHaveLength(1);
  expect(new Set(all.map((server) => server.pid)).size).toBe(1);
});

test('after a crash it starts, with what was committed, although another process has the old number', async () => {
  const first = await start(true);
  await ask(first, 'CREATE TABLE facts AS SELECT 42 AS answer');
  const pidFile = join(dataDir, 'postgres', 'postmaster.pid');
  const lines = readFileSync(pidFile, 'utf8').split('\n');
  await crash(first);
  writeFileSync(pidFile, [String(process.pid), ...lines.slice(1)].join('\n'));
  const again = await start();
  expect(await ask(again, 'SELECT answer FROM facts')).toEqual([{ answer: 42 }]);
});

test('a start that was broken off half way leaves nothing that the next one trips over', async () => {
  mkdirSync(join(dataDir, 'postgres.init-abc123'), { recursive: true });
  const server = await start();
  expect(await ask(server, 'SELECT current_database() AS name')).toEqual([{ name: 'authgraph' }]);
});

test('data of another PostgreSQL version is refused with a sentence and left alone', async () => {
  mkdirSync(join(dataDir, 'postgres'), { recursive: true });
  writeFileSync(join(dataDir, 'postgres', 'PG_VERSION'), '9\n');
  await expect(start()).rejects.toThrow('was made by PostgreSQL 9');
  expect(readdirSync(join(dataDir, 'postgres'))).toEqual(['PG_VERSION']);
});

test('only this user can reach it: no TCP, and folder, socket and log are private', async () => {
  const server = await start();
  expect(await ask(server, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '' }]);
  const modes = ['postgres', 'postgres/.s.PGSQL.5432', 'postgres.log'].map((name) =>
    modeOf(join(dataDir, name)),
  );
  expect(modes).toEqual([0o700, 0o700, 0o600]);
});

test('a data folder with a path too long for a socket works', async () => {
  dataDir = join(dataDir, 'a folder, "quoted"', 'x'.repeat(100));
  const server = await start();
  expect(await ask(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  expect(Buffer.byteLength(server.connection.host)).toBeLessThan(90);
});

test('it shuts down when the process that started it is killed', async () => {
  if (process.platform !== 'linux') return;
  const pid = await startInAnotherProcessAndKillThat();
  while (isRunning(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(readdirSync(join(dataDir, 'postgres'))).not.toContain('postmaster.pid');
});

async function start(durable = false): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, durable });
  running.push(server);
  return server;
}

async function ask(server: EmbeddedPostgres, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  const { rows } = await client.query<Record<string, unknown>>(sql);
  await client.end();
  return rows;
}

/** As when the machine loses power: no shutdown, no tidying up. */
async function crash(server: EmbeddedPostgres): Promise<void> {
  process.kill(server.pid, 'SIGKILL');
  while (isRunning(server.pid)) await new Promise((resolve) => setTimeout(resolve, 10));
}

async function startInAnotherProcessAndKillThat(): Promise<number> {
  const module = new URL('../../src/db/embedded.ts', import.meta.url).href;
  const script = `const { startEmbeddedPostgres } = await import(${JSON.stringify(module)});
    const { pid } = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)}, durable: false });
    process.stdout.write(String(pid)); setInterval(() => {}, 1000);`;
  const loader = ['--import', '@swc-node/register/esm-register', '--input-type=module', '-e', script];
  const child = spawn(process.execPath, loader, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [pid] = (await once(child.stdout, 'data')) as [Buffer];
  child.kill('SIGKILL');
  return Number(pid.toString());
}

/** A zombie that nobody reaps, as in containers without an init, is not running. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/State:\s+Z/.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}
