import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import pg from 'pg';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/db/embedded.js';
import { makeTempDir } from './process.js';

/** Where global setup tells the test files which server is theirs: the URL of its maintenance database. */
const SERVER = 'AUTHGRAPH_TEST_POSTGRES';

/** A database of its own for one test file. */
export interface Database {
  /** Fit for DATABASE_URL. */
  readonly url: string;
  /** Removes it, connections and all. */
  drop(): Promise<void>;
}

/** A database that is built once a test run and then copied, in about 30 ms. */
export interface Template {
  readonly name: string;
  /** Fills the empty database at `url`, and closes every connection to it. */
  build(url: string): Promise<void>;
}

/** Starts the one PostgreSQL of a test run: for global setup. */
export async function startSharedPostgres(): Promise<{ stop(): Promise<void> }> {
  const server = await startPostgres();
  process.env[SERVER] = urlOf(server.url, 'postgres');
  return server;
}

/** A PostgreSQL for one test alone, which may stop it, kill it (`pid`) or fill it. */
export async function startPostgres(maxConnections = 300): Promise<EmbeddedPostgres & { dataDir: string }> {
  const dataDir = makeTempDir();
  const server = await startEmbeddedPostgres({ dataDir, durable: false, maxConnections });
  const stop = async () => {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  };
  return { ...server, dataDir, stop };
}

/** Creates a fresh database on the run's PostgreSQL, empty or as a copy of a template. */
export async function createDatabase(options: { template?: Template } = {}): Promise<Database> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await asAdmin(async (admin) => {
    const source = options.template ? await ensureTemplate(admin, options.template) : 'template1';
    await admin.query(`CREATE DATABASE ${quote(name)} TEMPLATE ${quote(source)}`);
  });
  const drop = () => asAdmin((admin) => dropDatabase(admin, name));
  return { url: urlOf(serverUrl(), name), drop };
}

/** One test file of the run builds it; the others wait at the lock. */
async function ensureTemplate(admin: pg.Client, template: Template): Promise<string> {
  const name = `template_${template.name}`;
  await admin.query('SELECT pg_advisory_lock(hashtext($1))', [name]);
  const { rowCount } = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
  if (rowCount === 0) await buildTemplate(admin, template, name);
  await admin.query('SELECT pg_advisory_unlock(hashtext($1))', [name]);
  return name;
}

async function buildTemplate(admin: pg.Client, template: Template, name: string): Promise<void> {
  const draft = `draft_${name}`;
  await dropDatabase(admin, draft);
  await admin.query(`CREATE DATABASE ${quote(draft)}`);
  await template.build(urlOf(serverUrl(), draft));
  await admin.query(`ALTER DATABASE ${quote(draft)} RENAME TO ${quote(name)}`);
  await admin.query(`ALTER DATABASE ${quote(name)} ALLOW_CONNECTIONS false`);
}

async function dropDatabase(admin: pg.Client, name: string): Promise<void> {
  await admin.query(`DROP DATABASE IF EXISTS ${quote(name)} WITH (FORCE)`);
}

async function asAdmin<T>(work: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({ connectionString: serverUrl() });
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

function serverUrl(): string {
  const url = process.env[SERVER];
  if (url === undefined) throw new Error('No PostgreSQL: run the tests with `npm test`, which starts one.');
  return url;
}

function urlOf(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
