// What every command does first on a fresh clone: the right Node, the packages, the build. Nothing is done twice:
// stamps hold the hash of what was installed and built. Only node: imports, since nothing is installed yet.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const at = (...names) => join(root, ...names);
const INSTALL_STAMP = at('node_modules', '.authgraph-install');
const BUILD_STAMP = at('dist', '.authgraph-build');
const LOCK = at('dist', '.lock');
const SOURCES = ['src', 'migrations', 'tsconfig.json', 'tsconfig.build.json'];

/** A mistake of the machine's or the user's, which needs a sentence and no stack. */
export class Unprepared extends Error {}

/** Checks Node and installs what package-lock.json names, where that is not what is installed. */
export function ensureInstalled() {
  requireNode();
  const wanted = hash([at('package-lock.json')], `${process.platform}-${process.arch}`);
  if (read(INSTALL_STAMP) === wanted) return;
  locked(() => {
    if (read(INSTALL_STAMP) === wanted) return;
    if (!isInstalledByHand()) install();
    writeFileSync(INSTALL_STAMP, wanted);
  });
}

/** Builds dist/ where the sources are not those that it was built from. Types are `npm run check`'s business. */
export function ensureBuilt() {
  const wanted = hash(SOURCES.flatMap((name) => filesIn(at(name))));
  if (read(BUILD_STAMP) === wanted) return;
  locked(() => {
    if (read(BUILD_STAMP) === wanted) return;
    build();
    writeFileSync(BUILD_STAMP, wanted);
  });
}

/** Installs and builds what is missing, or ends the process with a sentence that says why it cannot. */
export async function prepare({ build = true } = {}) {
  await main(() => {
    ensureInstalled();
    if (build) ensureBuilt();
  });
}

/** Runs `work`; an Unprepared ends the process with its sentence. */
export async function main(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Unprepared)) throw error;
    say(`\n${error.message}`);
    process.exit(1);
  }
}

/** Runs this Node to its end, with its output on stderr; answers its exit code. */
export function runNode(args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: ['inherit', 2, 2] });
  return status ?? 1;
}

/** Runs this Node in the foreground, as if it were this process: same terminal, signals passed on, same exit code. */
export async function becomeNode(args) {
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' });
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  // The terminal sends this one to both.
  process.on('SIGINT', () => undefined);
  process.exitCode = await new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
}

/** Progress goes to stderr: some commands' stdout is piped on. */
export function say(text) {
  process.stderr.write(`${text}\n`);
}

/** Checks that this Node is one that the service runs on. */
export function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const isFit = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
  if (isFit) return;
  throw new Unprepared(
    `authgraph needs Node 20.19 or later, or 22.12 or later; this is ${process.versions.node} (${process.execPath}).\n` +
      'Get one at https://nodejs.org or with your version manager, for example: nvm install 22',
  );
}

/** Somebody ran `npm install` or `npm ci` themselves: every package that must be there is, in the right version. */
function isInstalledByHand() {
  const there = JSON.parse(read(at('node_modules', '.package-lock.json')) ?? '{}').packages ?? {};
  const wanted = JSON.parse(read(at('package-lock.json')) ?? '{}').packages ?? {};
  return Object.entries(wanted).every(
    ([path, { version, optional, link }]) =>
      path === '' || optional || link || (there[path] !== undefined && there[path].version === version),
  );
}

function install() {
  const started = performance.now();
  say('Installing packages; this takes a minute or two, only this once …');
  const npm = npmCommand();
  const args = [...npm.args, 'ci', '--include=dev', '--no-audit', '--no-fund'];
  const { status, error } = spawnSync(npm.command, args, { cwd: root, stdio: ['inherit', 2, 2] });
  if (status !== 0)
    throw new Unprepared(`npm ci failed${error ? `: ${error.message}` : ''}. See above for why.`);
  say(`Installed in ${secondsSince(started)} s.`);
}

/** The npm that started us, which may not be the one on PATH. */
function npmCommand() {
  const script = process.env.npm_execpath;
  const isNpm = script !== undefined && /npm-cli\.c?js$/.test(script);
  return isNpm ? { command: process.execPath, args: [script] } : { command: 'npm', args: [] };
}

function build() {
  const started = performance.now();
  // Without its stamp nobody knows what dist/ holds: have everything written again.
  if (!existsSync(BUILD_STAMP)) rmSync(at('dist', '.tsbuildinfo'), { force: true });
  rmSync(BUILD_STAMP, { force: true });
  const tsc = at('node_modules', 'typescript', 'lib', 'tsc.js');
  const status = runNode([tsc, '-p', 'tsconfig.build.json', '--noCheck']);
  if (status !== 0) throw new Unprepared('The build failed. See above for why.');
  removeStale();
  say(`Built in ${secondsSince(started)} s.`);
}

/** What was built from files that are gone would still be found: an old migration would run. */
function removeStale() {
  for (const file of ['src', 'migrations'].flatMap((name) => filesIn(at('dist', name)))) {
    const source = at(relative(at('dist'), file));
    const isFresh = existsSync(source) || existsSync(source.replace(/\.js(\.map)?$/, '.ts'));
    if (!isFresh) rmSync(file);
  }
}

/** One process at a time, when several start at once in one clone. */
function locked(work) {
  mkdirSync(dirname(LOCK), { recursive: true });
  while (!acquire()) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  try {
    work();
  } finally {
    rmSync(LOCK, { force: true });
  }
}

function acquire() {
  try {
    writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    const text = read(LOCK);
    // Empty: its owner is just writing it.
    if (text && !isAlive(Number(text))) rmSync(LOCK, { force: true });
    return false;
  }
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code !== 'ESRCH';
  }
}

function hash(files, salt = '') {
  const sum = createHash('sha256').update(salt);
  for (const file of files) sum.update(`\0${relative(root, file)}\0`).update(readFileSync(file));
  return sum.digest('hex');
}

function filesIn(path) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  const inside = readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return inside.flatMap((entry) => {
    const full = join(path, entry.name);
    return entry.isDirectory() ? filesIn(full) : [full];
  });
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function secondsSince(started) {
  return ((performance.now() - started) / 1000).toFixed(1);
}
