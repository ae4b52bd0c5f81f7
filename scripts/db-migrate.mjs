// `npm run db:migrate`: bring the database of DATABASE_URL, or the embedded one, to this version's schema.
import { prepare } from './prepare.mjs';

await prepare();
process.setSourceMapsEnabled(true);
await import('../dist/src/migrate.js');
