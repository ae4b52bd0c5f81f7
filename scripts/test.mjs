// `npm test [-- jest's arguments]`: everything the tests need, then the tests. PostgreSQL comes from npm; redis-server
// and Chromium are found on the machine or installed with its package manager, where that may be done without asking anybody.
import { becomeNode, ensureBuilt, ensureInstalled, main, requireNode } from './prepare.mjs';
import { beginPrograms } from './programs.mjs';

await main(async () => {
  requireNode();
  const programs = beginPrograms();
  ensureInstalled();
  ensureBuilt();
  await programs.arrive();
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  await becomeNode([...flags, 'node_modules/jest/bin/jest.js', ...process.argv.slice(2)]);
});
