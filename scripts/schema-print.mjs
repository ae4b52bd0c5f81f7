// `npm run schema:print`: writes schema.graphql, the SDL that composers take, from the built schema. With --check it writes
// nothing and fails when the file is not what would be written.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { main, prepare, root, say, Unprepared } from './prepare.mjs';

await prepare();
await import('reflect-metadata');
const { printSubgraph } = await import('../dist/src/schema/index.js');
const file = join(root, 'schema.graphql');
const wanted = `${(await printSubgraph()).trim()}\n`;

await main(() => {
  if (read() === wanted) return;
  if (process.argv.includes('--check'))
    throw new Unprepared(
      'schema.graphql is not what src/schema says: run npm run schema:print, and commit it.',
    );
  writeFileSync(file, wanted);
  say('schema.graphql is written.');
});
// Whatever the resolvers opened stays behind.
process.exit();

function read() {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
