// `npm run audit:verify`: go through the whole audit record of DATABASE_URL, or of the embedded database, whether or not the
// service is running; exit code 1, and a line for each finding, where it is not as it was written.
import { prepare } from './prepare.mjs';

await prepare();
process.setSourceMapsEnabled(true);
await import('../dist/src/audit-verify.js');
