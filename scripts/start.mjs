// `npm start`: install and build what is missing, then run the server in this process, so that signals and the exit
// code are its own.
import { prepare } from './prepare.mjs';

await prepare();
process.setSourceMapsEnabled(true);
await import('../dist/src/main.js');
