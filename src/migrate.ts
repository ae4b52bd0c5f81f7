import { loadConfig } from './config.js';
import { startEmbeddedPostgres } from './db/embedded.js';
import { migrate, rollback } from './db/migrate.js';

/** `npm run db:migrate`: brings the database up to date; with `-- --down` it takes the last batch back. Says what it did. */
const config = loadConfig(process.env);
const embedded =
  config.data.databaseUrl === undefined
    ? await startEmbeddedPostgres({ dataDir: config.data.dir })
    : undefined;
const url = config.data.ownerUrl ?? embedded?.url ?? '';
const [word, names] = process.argv.includes('--down')
  ? ['Took back', await rollback(url)]
  : ['Applied', await migrate(url)];
process.stdout.write(names.length > 0 ? `${word} ${names.join(', ')}.\n` : 'There was nothing to do.\n');
await embedded?.stop();
