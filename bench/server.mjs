// The built service in a child process, with the embedded PostgreSQL, on data of its own.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startServer as startProcess } from './stage/processes.mjs';

const ENTRY = new URL('../dist/src/main.js', import.meta.url).pathname;

/** Starts it with nothing of this shell's configuration: { url, graphqlUrl, pid, databaseUrl(), stop() }. */
export async function startServer(environment) {
  const dir = mkdtempSync(join(tmpdir(), 'authgraph-bench-'));
  const remove = () => rmSync(dir, { recursive: true, force: true });
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME, DATA_DIR: dir, LOG_LEVEL: 'warn', NODE_ENV: 'development', ...environment };
  try {
    const started = await startProcess({
      command: [process.execPath, ENTRY],
      env,
      log: join(dir, 'log'),
      ready: '/health/ready',
      isReady: (status) => status < 500,
    });
    const stop = () => started.stop().finally(remove);
    const graphqlUrl = `${started.url}/graphql`;
    return { ...started, graphqlUrl, databaseUrl: () => databaseUrl(dir), stop };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Where its embedded PostgreSQL listens. */
async function databaseUrl(dataDir) {
  const { startEmbeddedPostgres } = await import('../dist/src/db/embedded.js');
  // It runs already, so this only finds it.
  return (await startEmbeddedPostgres({ dataDir, onDeath: () => undefined })).url;
}

/** To hundredths, as text. */
export function round(number) {
  return number.toFixed(2);
}

export const SIGN_IN = 'mutation($input:SignInInput!){signIn(input:$input){...on AuthPayload{accessToken}}}';
export const VERIFY =
  'query($token:String!){verifyToken(token:$token){valid reason subject{id username roles}}}';

/** Asks a server one thing that must go well. */
export async function ask(server, query, variables, headers = {}) {
  const response = await fetch(server.graphqlUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(`${query}: ${JSON.stringify(errors)}`);
  return data;
}

const SIGN_UP = 'mutation($input:SignUpInput!){signUp(input:$input){...on AuthPayload{accessToken}}}';

/** The password of everybody whom {@link addAccounts} adds. */
export const PASSWORD = 'correct-horse-battery-1';

/** Adds so many accounts, of which only the first is hashed a password. @returns their usernames */
export async function addAccounts(server, count) {
  const person = { email: 'bench@example.test', username: 'bench', password: PASSWORD, firstName: 'Ana' };
  await ask(server, SIGN_UP, {
    input: { ...person, lastName: 'Li', country: 'PT', birthDate: '1990-01-31' },
  });
  const client = new pg.Client({ connectionString: await server.databaseUrl() });
  await client.connect();
  const { rows } = await client.query(ADDED, [count - 1]);
  await client.end();
  return ['bench', ...rows.map(({ username }) => username)];
}

const ADDED = `
  with added as (
    insert into users (id, email, email_key, username, username_key, password_hash, first_name)
    select gen_random_uuid(), 'bench' || n || '@example.test', 'bench' || n || '@example.test', 'bench' || n, 'bench' || n,
           u.password_hash, 'Ana'
    from users u, generate_series(1, $1::int) n where u.username_key = 'bench' returning id, username
  ), granted as (
    insert into user_roles (user_id, role_id) select a.id, r.id from added a, roles r where r.name = 'USER'
  )
  select username from added`;
