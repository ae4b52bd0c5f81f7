// `npm run build`: dist/ from scratch as far as needed, with types checked.
import { ensureBuilt, ensureInstalled, main, runNode, Unprepared } from './prepare.mjs';

await main(() => {
  ensureInstalled();
  const status = runNode(['node_modules/typescript/lib/tsc.js', '-p', 'tsconfig.build.json', '--noEmit']);
  if (status !== 0) throw new Unprepared('The types do not fit. See above.');
  ensureBuilt();
});
