// `npm run users:import -- accounts.jsonl`: bring accounts of another system, with their password hashes, into the database of
// DATABASE_URL, or into the embedded one, whether or not the service is running.
import { prepare } from './prepare.mjs';

await prepare();
process.setSourceMapsEnabled(true);
await import('../dist/src/users-import.js');
