// `npm run dev`: the server from its sources, started again whenever one of them changes.
import { becomeNode, prepare } from './prepare.mjs';

// The hashing processes run as they were built.
await prepare();
const loader = ['--import', '@swc-node/register/esm-register'];
await becomeNode(['--watch', '--enable-source-maps', ...loader, 'src/main.ts', ...process.argv.slice(2)]);
