import { spawn } from 'node:child_process';
import { join as joinPath } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Knex } from 'knex';
import { connectPostgres } from '../../src/db/postgres.js';
import { migrate } from '../../src/db/migrate.js';
import { verifyRecord, type VerifyOptions } from '../../src/domain/ledger.js';
import { actingAs } from './administration.js';
import { startApp, type TestApp } from './app.js';
import { signIn } from './calls.js';
import { join, ownerOf } from './people.js';
import { createDatabase, type Database } from './postgres.js';
import { sql } from './sql.js';
import { until } from './until.js';

/** The key that audited databases are signed under; of no other use. */
export const AUDIT_KEY = 'c2VhbGluZy1rZXktb2YtdGhlLWF1ZGl0LXRlc3RzLW9ubHkhIQ==';
export const AUDIT_ENV = { ENCRYPTION_KEYS: AUDIT_KEY, LIMITS_SCALE: '100' };
const keysOf = (...keys: string[]) => keys.map((key) => Buffer.from(key, 'base64'));

/** What verifying the record of a database finds. */
export async function findingsOf(
  { url }: Pick<Database, 'url'>,
  { keys, ...options }: Partial<VerifyOptions> & { keys?: string[] } = {},
) {
  const db = connectPostgres(url, 2, { manner: 'patient' });
  try {
    return await examine(db, keys, options);
  } finally {
    await db.destroy();
  }
}

async function examine(db: Knex, keys = [AUDIT_KEY], options: Partial<VerifyOptions> = {}) {
  const lines: string[] = [];
  const report = (finding: string) => lines.push(finding);
  return { ...(await verifyRecord(db, keysOf(...keys), { report, ...options })), lines };
}

/** What would be found after somebody who owns the whole PostgreSQL has had a hand in the record; it is taken back. */
export async function findingsAfter({ url }: Pick<Database, 'url'>, statement: string) {
  const db = connectPostgres(url, 1, { manner: 'patient' });
  const trx = await db.transaction();
  try {
    await trx.raw("set local session_replication_role = 'replica'");
    await trx.raw(statement);
    return await examine(trx);
  } finally {
    await trx.rollback();
    await db.destroy();
  }
}

/** Has everything sealed that can be now: a service that stops does that. */
export async function sealSettled(app: TestApp): Promise<void> {
  await (await app.replica()).close();
}

/** Has everything sealed, which waits for every transaction in the whole cluster that is older than the last event. */
export async function sealAll(app: TestApp): Promise<void> {
  await until('everything is sealed', async () => {
    await sealSettled(app);
    const [left] = await sql(app, UNSEALED);
    return left?.['count'] === 0;
  });
}

const UNSEALED = `select count(*)::int as count from audit_events
  where position is null or position >= (select coalesce(max(to_position), 0) from audit_seals)`;

/** A database with a record of three sealed blocks, the same for every test. */
export function auditedDatabase(): Promise<Database> {
  return createDatabase({ template: { name: 'authgraph_audited', build } });
}

async function build(url: string): Promise<void> {
  await migrate(url);
  const app = await startApp({ ...AUDIT_ENV, DATABASE_URL: url });
  const owner = await ownerOf(app);
  for (let block = 0; block < 2; block++) {
    for (let n = 0; n < 3; n++) {
      const person = await join(app);
      await signIn(app, person.username, 'a wrong password');
      await actingAs(app, owner).suspendUser(person.id);
    }
    await sealAll(app);
  }
  await actingAs(app, owner).revokeUserSessions(owner.id);
  await sealAll(app);
  await app.close();
}

/** What a command of the built service said, and its exit code. */
export interface Said {
  code: number | null;
  lines: string[];
  stderr: string;
}

/** Runs dist/src/`name`.js with this environment and nothing else. */
export async function run(
  name: 'audit-verify' | 'audit-export',
  env: Record<string, string>,
  args: readonly string[] = [],
): Promise<Said> {
  const file = fileURLToPath(new URL(`../../dist/src/${name}.js`, import.meta.url));
  const child = spawn(process.execPath, [file, ...args], {
    cwd: joinPath(file, '..'),
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (said.stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (said.stderr += String(chunk)));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, lines: said.stdout.split('\n').filter((line) => line !== ''), stderr: said.stderr };
}
