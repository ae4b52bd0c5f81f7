// `npm run db:restored`: once a backup has been restored, before the service starts on it: nothing that was handed out before
// counts any more.
import { prepare } from './prepare.mjs';

await prepare();
process.setSourceMapsEnabled(true);
await import('../dist/src/restored.js');
