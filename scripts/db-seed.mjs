// `npm run db:seed -- --preset <name>`: add a ready set of roles to the database of DATABASE_URL, or to the embedded one,
// whether or not the service is running.
import { prepare } from './prepare.mjs';

await prepare();
process.setSourceMapsEnabled(true);
await import('../dist/src/seed.js');
