// `npm run build:client [-- folder]`: packages/client/dist, as it is published: JavaScript with its types.
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ensureInstalled, main, root, runNode, Unprepared } from './prepare.mjs';

await main(() => {
  ensureInstalled();
  const folder = resolve(process.argv[2] ?? join(root, 'packages', 'client', 'dist'));
  rmSync(folder, { recursive: true, force: true });
  const tsc = join(root, 'node_modules', 'typescript', 'lib', 'tsc.js');
  const status = runNode([
    tsc,
    '-p',
    join(root, 'packages', 'client', 'tsconfig.build.json'),
    '--outDir',
    folder,
  ]);
  if (status !== 0) throw new Unprepared('The client was not built. See above.');
});
