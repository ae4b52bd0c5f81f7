// `npm run audit:export`: the audit record as JSON lines on standard output.
import { prepare } from './prepare.mjs';

await prepare();
process.setSourceMapsEnabled(true);
await import('../dist/src/audit-export.js');
