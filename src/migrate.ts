import { loadConfig } from './config.js';
import { startEmbeddedPostgres } from './db/embedded.js';
import { migrate } from './db/migrate.js';

/** `npm run db:migrate`: brings the database up to date and says what was applied. */
const config = loadConfig(process.env);
const postgres =
  config.data.databaseUrl === undefined
    ? await startEmbeddedPostgres({ dataDir: config.data.dir })
    : undefined;
try {
  const applied = await migrate(config.data.databaseUrl ?? postgres?.url ?? '');
  process.stdout.write(
    applied.length > 0 ? `Applied ${applied.join(', ')}.\n` : 'The database is up to date.\n',
  );
} finally {
  await postgres?.stop();
}
