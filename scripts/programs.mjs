// The programs that the tests need besides Node and its packages. What is missing is installed with the machine's package
// manager, where that may be done without asking anybody, while the packages of npm are on their way.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { say, Unprepared } from './prepare.mjs';

const hasRedis = () => works('redis-server', '--version');

/** Where Chromium, or a browser of its family, may be found; TEST_CHROMIUM says it outright. */
const CHROMIUM = [
  ...['chromium', 'google-chrome-stable', 'google-chrome', 'chromium-browser'],
  ...['Chromium', 'Google Chrome'].map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`),
];
/** @returns its whole path */
function findChromium() {
  const { TEST_CHROMIUM: told, PATH = '' } = process.env;
  const folders = PATH.split(delimiter);
  const paths = CHROMIUM.flatMap((name) => folders.map((folder) => resolve(folder, name)));
  return (told ? [resolve(told)] : paths.filter(existsSync)).find((path) => works(path, '--version'));
}

/** Begins to install what is missing. Await `arrive()` before the tests. */
export function beginPrograms() {
  const missing = [
    ...(hasRedis() ? [] : ['redis-server']),
    ...(process.env.TEST_CHROMIUM || findChromium() ? [] : ['chromium']),
  ];
  const commands = missing.length === 0 ? [] : commandsFor(missing);
  const installing = commands.length === 0 ? undefined : inBackground(commands, missing);
  return {
    /** @throws Unprepared without Redis; without Chromium the tests in a browser fail, and say why */
    async arrive() {
      await installing;
      requireRedis();
      passOnChromium();
    },
  };
}

/** What some of the scenarios in faults/ need besides, by its package; those scenarios say so where it is not to be had. */
const FAULT_PROGRAMS = {
  'redis-server': hasRedis,
  pgbouncer: () => works('pgbouncer', '--version'),
  libfaketime: () => works('sh', '-c', 'ls /usr/lib/*/faketime/libfaketimeMT.so.1'),
};

/** The same for `npm run test:faults`; nothing of it is compulsory. */
export function beginFaultPrograms() {
  const missing =
    process.platform === 'linux' ? Object.keys(FAULT_PROGRAMS).filter((name) => !FAULT_PROGRAMS[name]()) : [];
  const commands = missing.length === 0 ? [] : commandsFor(missing);
  const isComplete = () => missing.every((name) => FAULT_PROGRAMS[name]());
  const installing = commands.length === 0 ? undefined : inBackground(commands, missing, isComplete);
  return { arrive: async () => await installing };
}

/** One shell line each; a program that cannot be had does not keep another from being installed. */
function commandsFor(missing) {
  if (process.platform === 'darwin')
    return missing.includes('redis-server') && works('brew', '--version') ? ['brew install redis'] : [];
  const isRoot = process.geteuid() === 0;
  if (!works('apt-get', '--version') || !(isRoot || works('sudo', '-n', 'true'))) return [];
  const apt = `${isRoot ? '' : 'sudo -n -E '}apt-get -o DPkg::Lock::Timeout=300`;
  const install = (program) => `${apt} install --yes --no-install-recommends ${program}`;
  return [`${apt} update`, ...missing.map(install)];
}

/** Its output is shown only where something is missing afterwards: the terminal belongs to npm meanwhile. */
async function inBackground(commands, missing, isComplete = () => hasRedis() && findChromium()) {
  const started = performance.now();
  const size = missing.includes('chromium') ? ', about 130 MB' : '';
  say(`${missing.join(' and ')} missing: being installed in the background, only this once${size} …`);
  const folder = mkdtempSync(join(tmpdir(), 'authgraph-programs-'));
  const log = openSync(join(folder, 'log'), 'w');
  const child = spawn('sh', ['-c', commands.join('\n')], { stdio: ['ignore', log, log], env: quietly() });
  await new Promise((resolve) => child.once('close', resolve).once('error', resolve));
  const failed = !isComplete();
  say(
    failed
      ? readFileSync(join(folder, 'log'), 'utf8').trimEnd()
      : `Installed ${missing.join(' and ')} in ${((performance.now() - started) / 1000).toFixed(1)} s.`,
  );
  rmSync(folder, { recursive: true });
}

/** No questions; and RUNLEVEL=1 keeps Debian from starting a server that nobody asked for. */
function quietly() {
  return { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
}

function requireRedis() {
  if (hasRedis()) return;
  throw new Unprepared(
    'The tests need a redis-server on PATH, and it could not be installed from here. Install it, for example with\n' +
      '  sudo apt-get install redis-server   (Debian, Ubuntu)\n' +
      '  sudo dnf install redis              (Fedora)\n' +
      '  brew install redis                  (macOS)\n' +
      'and run npm test again.',
  );
}

/** test/harness/browser.ts reads it. */
function passOnChromium() {
  const path = findChromium();
  process.env.TEST_CHROMIUM = path ?? '';
  if (path) return;
  say(
    'There is no Chromium on PATH or where TEST_CHROMIUM says, and none could be installed from here: the tests in test/web\n' +
      'will fail. Install it, for example with sudo apt-get install chromium, and run npm test again.\n',
  );
}

function works(command, ...args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}
