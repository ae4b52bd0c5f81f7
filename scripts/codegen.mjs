// `npm run codegen [-- --check]`: the types that codegen.yml describes, from schema.graphql.
import { becomeNode, prepare } from './prepare.mjs';

await prepare({ build: false });
const cli = 'node_modules/@graphql-codegen/cli/cjs/bin.js';
await becomeNode([cli, '--config', 'codegen.yml', '--errors-only', ...process.argv.slice(2)]);
