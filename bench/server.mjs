// The built service in a child process, on a database of its own.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ENTRY = new URL('../dist/src/main.js', import.meta.url).pathname;
const TICK_MS = 1000 / Number(execFileSync('getconf', ['CLK_TCK']).toString());

/** Starts it with nothing of this shell's configuration: { graphqlUrl, cpuMs(), stop() }. */
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
      return { graphqlUrl: `${url}/graphql`, cpuMs: () => cpuMs(child.pid), stop };
    await sleep(100);
  }
  await stop();
  throw new Error(`${ENTRY} did not start`);
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
