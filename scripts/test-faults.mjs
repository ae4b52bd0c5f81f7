// `npm run test:faults -- [--quick] [--json file] [scenario …]`: breaks what the service stands on, with real processes, and
// compares what was acknowledged. `--list` names the scenarios.
import { becomeNode, ensureBuilt, ensureInstalled, main, requireNode } from './prepare.mjs';
import { beginFaultPrograms } from './programs.mjs';

await main(async () => {
  requireNode();
  const programs = beginFaultPrograms();
  ensureInstalled();
  ensureBuilt();
  await programs.arrive();
  await becomeNode(['faults/run.mjs', ...process.argv.slice(2)]);
});
