// `npm test [-- jest's arguments]`: everything the tests need, then the tests. PostgreSQL comes from npm; a redis-server
// is found on the machine or installed with its package manager, where that may be done without asking anybody.
import { spawnSync } from 'node:child_process';
import { becomeNode, ensureBuilt, ensureInstalled, main, say, Unprepared } from './prepare.mjs';

await main(async () => {
  ensureInstalled();
  ensureRedis();
  ensureBuilt();
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  await becomeNode([...flags, 'node_modules/jest/bin/jest.js', ...process.argv.slice(2)]);
});

function ensureRedis() {
  if (works('redis-server', '--version')) return;
  const installer = findInstaller();
  if (installer !== undefined) {
    say('redis-server is missing; installing it …');
    for (const [command, ...args] of installer)
      spawnSync(command, args, { stdio: 'inherit', env: quietly() });
  }
  if (works('redis-server', '--version')) return;
  throw new Unprepared(
    'The tests need a redis-server on PATH, and it could not be installed from here. Install it, for example with\n' +
      '  sudo apt-get install redis-server   (Debian, Ubuntu)\n' +
      '  sudo dnf install redis              (Fedora)\n' +
      '  brew install redis                  (macOS)\n' +
      'and run npm test again.',
  );
}

/** The commands that install Redis on this machine without a question, or undefined. */
function findInstaller() {
  if (process.platform === 'darwin')
    return works('brew', '--version') ? [['brew', 'install', 'redis']] : undefined;
  const isRoot = process.geteuid() === 0;
  if (!works('apt-get', '--version') || !(isRoot || works('sudo', '-n', 'true'))) return undefined;
  const apt = isRoot ? ['apt-get'] : ['sudo', '-n', '-E', 'apt-get'];
  return [
    [...apt, 'update'],
    [...apt, 'install', '--yes', '--no-install-recommends', 'redis-server'],
  ];
}

/** No questions; and RUNLEVEL=1 keeps Debian from starting a server that nobody asked for. */
function quietly() {
  return { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
}

function works(command, ...args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}
