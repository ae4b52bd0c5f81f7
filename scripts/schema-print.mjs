// `npm run schema:print`: writes schema.graphql, the SDL that composers take, from the built schema, and
// schema.router.graphql, the same with the directives that some gateways enforce. With --check it writes nothing and fails
// when a file is not what would be written.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { main, prepare, root, say, Unprepared } from './prepare.mjs';

await prepare();
await import('reflect-metadata');
const { printForRouters, printSubgraph } = await import('../dist/src/schema/index.js');

await main(() => {
  keep('schema.graphql', printSubgraph());
  keep('schema.router.graphql', printForRouters());
});
// Whatever the resolvers opened stays behind.
process.exit();

function keep(name, text) {
  const file = join(root, name);
  const wanted = `${text.trim()}\n`;
  if (read(file) === wanted) return;
  if (process.argv.includes('--check'))
    throw new Unprepared(`${name} is not what src/schema says: run npm run schema:print, and commit it.`);
  writeFileSync(file, wanted);
  say(`${name} is written.`);
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
