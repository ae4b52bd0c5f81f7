import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { keepOutput } from './secrets.js';
import { until } from './until.js';

const MAIN = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));

/** The built service as a process of its own. */
export interface Program {
  readonly url: string;
  readonly pid: number;
  /** All that it has printed so far. */
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** Its exit code, once it has ended. */
  readonly ended: Promise<number | null>;
}

/** Starts dist/src/main.js with this environment and nothing else, and waits until it is ready. */
export async function startProgram(env: Record<string, string>): Promise<Program> {
  const child = spawn(process.execPath, [MAIN], {
    cwd: join(MAIN, '..'),
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => (output += String(chunk)));
    createInterface({ input: stream }).on('line', keepOutput);
  }
  const onExit = () => child.kill('SIGKILL');
  process.once('exit', onExit);
  const ended = new Promise<number | null>((resolve) =>
    child.once('exit', (code) => {
      process.off('exit', onExit);
      resolve(code);
    }),
  );
  const url = await until(
    'the program is ready',
    () => {
      if (child.exitCode !== null) throw new Error(`The program ended before it was ready:\n${output}`);
      return /ready at (http:\/\/\S+)\/graphql/.exec(output)?.[1];
    },
    30_000,
  );
  return { url, pid: child.pid ?? 0, output: () => output, signal: (name) => void child.kill(name), ended };
}

/** What became of a program that ran to its end. */
export interface Run {
  code: number | null;
  out: string;
  err: string;
}

/**
 * Runs a built program of dist/src, such as "seed", with this environment and nothing else, in this folder; it is killed
 * once it has said `killAt`.
 */
export async function runProgram(
  name: string,
  args: readonly string[],
  env: Record<string, string>,
  killAt?: RegExp,
): Promise<Run> {
  const child = spawn(process.execPath, [join(MAIN, '..', `${name}.js`), ...args], {
    cwd: env['DATA_DIR'] ?? join(MAIN, '..'),
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  child.stderr.on('data', (chunk) => {
    err += String(chunk);
    if (killAt?.test(err) === true) child.kill('SIGKILL');
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, out, err };
}
