// Our rows: the built service, as it is or with more accounts, processes or a Redis.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fillAccounts } from '../stage/accounts.mjs';
import { startServer } from '../stage/processes.mjs';
import { JOBS, SETUP } from './jobs.mjs';
import { must, populate, probe } from './row.mjs';

const ENTRY = new URL('../../dist/src/main.js', import.meta.url).pathname;
const OWNER = { email: 'owner@example.test', password: 'Owner-of-this-very-bench-1' };
/** Limits would refuse the load; hashes cost what the peers' do; tokens outlive the run. */
const SETTINGS = {
  NODE_ENV: 'development',
  LOG_LEVEL: 'warn',
  LIMITS_SCALE: '100000',
  PASSWORD_HASH_COST: '10',
  ACCESS_TOKEN_TTL_SECONDS: '7200',
  OWNER_EMAIL: OWNER.email,
  OWNER_USERNAME: 'owner',
  OWNER_PASSWORD: OWNER.password,
};

/**
 * Starts the service on a database of its own, with people who have sessions, an owner and a service.
 * @param variant { name, about, accounts?, workers?, redis? }; see bench/README.md
 */
export async function startService(stage, variant, { people, sessions }) {
  const row = await startBare(stage, variant);
  try {
    row.constants = await introduce(row);
    await populate(row, Math.min(people, variant.accounts ?? people), sessions);
    if (variant.accounts > people) await grow(row, variant.accounts - people, stage.progress);
    giveHundred(row);
    row.facts = await probe(row);
    return row;
  } catch (error) {
    await row.stop();
    throw error;
  }
}

/** The same without anybody in it; on the database `databaseUrl` where there is one already. */
export async function startBare(stage, { name, about, workers = 1, redis }, databaseUrl) {
  const dataDir = join(stage.dir, `data-${name.replace(/\W+/g, '-')}`);
  mkdirSync(dataDir, { recursive: true });
  const url = databaseUrl ?? (await stage.stores.databaseFor(name));
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    ...SETTINGS,
    DATA_DIR: dataDir,
    DATABASE_URL: url,
    WEB_CONCURRENCY: String(workers),
    ...(redis && { REDIS_URL: stage.stores.redisUrl }),
  };
  const started = await startServer({
    command: [process.execPath, ENTRY],
    env,
    log: join(stage.dir, `${name.replace(/\W+/g, '-')}.log`),
    ready: '/health/ready',
    isReady: (status) => status === 200,
    pollMs: 5,
  });
  return { ...started, name, about, hash: 'bcrypt cost 10', kind: 'own', jobs: JOBS, databaseUrl: url };
}

/** An owner signs in and makes a service that may introspect: { owner, service }, their tokens. */
async function introduce(row) {
  let values = OWNER;
  for (const name of ['owner', 'service', 'serviceToken'])
    values = await must(row, name, values, SETUP[name]);
  return { owner: values.owner, service: values.service };
}

async function grow(row, count, progress) {
  await fillAccounts(row.databaseUrl, count, (made) => progress(`${row.name}: ${made} of ${count} accounts`));
}

/** The hundred tokens of one verifyTokens, known to the first session. */
function giveHundred(row) {
  const tokens = Array.from({ length: 100 }, (_, at) => [
    `token${at}`,
    row.sessions[at % row.sessions.length].access,
  ]);
  row.sessions[0] = { ...row.sessions[0], ...Object.fromEntries(tokens) };
}
