import cluster from 'node:cluster';
import './load-graphql.js';
import { ConfigError, loadConfig, type Config } from './config.js';
import { keepPostgres } from './db/kept-postgres.js';
import { isUnavailable } from './errors.js';
import { openLog } from './log.js';
import { serveCrew } from './observability.js';
import { serve } from './serve.js';
import { NotStarted, openCrew } from './supervisor.js';

/** Starts workers, and passes on what this process is told: SIGHUP replaces them, SIGTERM and SIGINT stop everything. */
async function supervise(config: Config): Promise<void> {
  const log = openLog(config);
  // Before all are there it is heard all the same, and done once they are: unheard, it would end this process.
  const wish = { isMade: false };
  let renew: () => unknown = () => (wish.isMade = true);
  process.on('SIGHUP', () => void renew());
  const isEmbedded = config.data.databaseUrl === undefined && !config.stateless.on;
  // Here, as it must outlive each worker.
  const postgres = isEmbedded ? await keepPostgres(config.data.dir, log) : undefined;
  try {
    const page = config.metrics && (await serveCrew(config.metrics));
    const crew = await openCrew({ workers: config.processes.workers, log });
    process.stdout.write(crew.welcome);
    if (page) process.stdout.write(`  Metrics          ${page.url}\n\n`);
    renew = () => crew.renew();
    if (wish.isMade) renew();
    const told = new Promise((resolve) => process.on('SIGTERM', resolve).on('SIGINT', resolve));
    await told;
    process.exitCode = (await crew.close()) ? 0 : 1;
  } finally {
    await postgres?.stop();
  }
  process.exit();
}

/** What a newcomer can do about it; other errors show where they come from. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof ConfigError) return error.message;
  const { code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE')
    return `Port ${port ?? ''} is in use. Stop what listens there, or choose another one: PORT=4001 npm start`;
  if (isUnavailable(error))
    return `The database does not answer (${code ?? error.message}). Is DATABASE_URL right, and is PostgreSQL running there?`;
  return error.stack ?? error.message;
}

function fail(error: unknown): void {
  // It has explained itself.
  if (error instanceof NotStarted) process.exit(error.exitCode);
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
}

try {
  const config = loadConfig(process.env);
  const run = cluster.isPrimary && config.processes.workers > 1 ? supervise : serve;
  run(config).catch(fail);
} catch (error) {
  fail(error);
}
