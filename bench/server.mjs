// The built service in a child process, on a database of its own.
import { execFileSync, fork, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ENTRY = new URL('../dist/src/main.js', import.meta.url).pathname;
const TICK_MS = 1000 / Number(execFileSync('getconf', ['CLK_TCK']).toString());

/** Starts it with nothing of this shell's configuration: { graphqlUrl, databaseUrl(), cpuMs(), stop() }. */
export async function startServer(environment) {
  const dir = mkdtempSync(join(tmpdir(), 'authgraph-bench-'));
  const port = await freePort();
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    PORT: String(port),
    DATA_DIR: dir,
    LOG_LEVEL: 'warn',
    ...environment,
  };
  const child = spawn(process.execPath, [ENTRY], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    await Promise.race([ended, sleep(15_000)]);
    child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; child.exitCode === null && tries < 300; tries++) {
    if (
      await fetch(`${url}/health/ready`).then(
        (r) => r.ok,
        () => false,
      )
    )
      return {
        graphqlUrl: `${url}/graphql`,
        databaseUrl: () => databaseUrl(dir),
        cpuMs: () => cpuMs(child.pid),
        stop,
      };
    await sleep(100);
  }
  await stop();
  throw new Error(`${ENTRY} did not start`);
}

/** Where its embedded PostgreSQL listens. */
async function databaseUrl(dataDir) {
  const { startEmbeddedPostgres } = await import('../dist/src/db/embedded.js');
  // It runs already, so this only finds it.
  return (await startEmbeddedPostgres({ dataDir, onDeath: () => undefined })).url;
}

/** Loads a server for a while: { rate, cpuUs } in requests a second and processor time a request. */
export async function measureRate(server, job, { seconds = 2, connections = 32 } = {}) {
  const child = fork(new URL('./load.mjs', import.meta.url).pathname);
  const before = server.cpuMs();
  const result = await new Promise((resolve, reject) => {
    child
      .once('message', resolve)
      .once('exit', (code) => reject(new Error(`the load generator ended with ${code}`)));
    child.send({ url: server.graphqlUrl, seconds, connections, ...job });
  });
  if (result.wrong > 0 || result.answered === 0)
    throw new Error(`${result.wrong} wrong answers: refusals are not measured`);
  return {
    rate: result.answered / result.seconds,
    cpuUs: ((server.cpuMs() - before) * 1000) / result.answered,
  };
}

/** User and system time of the service's own process, its threads included and PostgreSQL left out, in milliseconds. */
function cpuMs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

/** To hundredths, as text. */
export function round(number) {
  return number.toFixed(2);
}
