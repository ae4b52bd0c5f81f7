// The built service as processes, as in production.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GATEWAY_SECRET } from './client.mjs';
import { folderFor, freePort, home, start, until } from './processes.mjs';

const MAIN = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));
const secret = () => randomBytes(32).toString('base64');
export const owner = {
  username: 'owner',
  email: 'owner@example.test',
  password: 'Owner-of-this-very-house-1',
};

/** What all replicas of one deployment share. */
export function environment(more = {}) {
  return {
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    PUBLIC_URL: 'https://auth.example.test',
    GATEWAY_SECRETS: GATEWAY_SECRET,
    ENCRYPTION_KEYS: secret(),
    PASSWORD_PEPPERS: secret(),
    PASSWORD_HASH_COST: '10',
    PASSWORD_HASH_PROCESSES: '1',
    LIMITS_SCALE: '100000',
    LOG_LEVEL: 'info',
    OWNER_USERNAME: owner.username,
    OWNER_EMAIL: owner.email,
    OWNER_PASSWORD: owner.password,
    ...more,
  };
}

let count = 0;

/**
 * One replica, which may be killed and started again on the same port.
 * @param ways.main the program, where it is not this version's; `own`: variables of this one alone
 */
export async function openReplica(env, { main = MAIN, isStarted = true, own: special = {} } = {}) {
  const name = `r${++count}`;
  const port = await freePort();
  const folder = folderFor(name);
  const log = join(home, `${name}.log`);
  let program = main;
  let running;
  const replica = {
    name,
    folder,
    url: `http://127.0.0.1:${port}`,
    log: () => readFileSync(log, 'utf8'),
    get pid() {
      return running.child.pid;
    },
    /** The child, and its end. */
    get running() {
      return running;
    },
    isRunning: () => running?.child.exitCode === null && running.child.signalCode === null,
    isReady: () =>
      fetch(`${replica.url}/health/ready`, { signal: AbortSignal.timeout(2000) }).then(
        (answer) => answer.ok,
        () => false,
      ),
    /** @param next a program to go on with, and environment besides */
    launch(next = {}) {
      program = next.main ?? program;
      const own = { ...env, PORT: String(port), DATA_DIR: folder, ...special, ...next.env };
      running = start([process.execPath, program], { log, env: own, cwd: folder });
    },
    async ready(deadlineMs = 90_000) {
      await until(
        `${name} is ready`,
        () => {
          if (!replica.isRunning()) throw new Error(`${name} has ended:\n${replica.log().slice(-2000)}`);
          return replica.isReady();
        },
        deadlineMs,
        50,
      );
    },
    async start(next) {
      replica.launch(next);
      await replica.ready();
    },
    /** Sends a signal and waits until it is gone. @returns its exit code, or the signal that ended it */
    async end(signal) {
      if (!replica.isRunning()) return undefined;
      running.child.kill(signal);
      return running.ended;
    },
  };
  if (isStarted) await replica.start();
  return replica;
}
