// The built service in a child process, on a database of its own.
import { execFileSync, fork, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';

const ENTRY = new URL('../dist/src/main.js', import.meta.url).pathname;
const TICK_MS = 1000 / Number(execFileSync('getconf', ['CLK_TCK']).toString());

/** Starts it with nothing of this shell's configuration: { graphqlUrl, databaseUrl(), cpuMs(), stop() }. */
export async function startServer(environment) {
  const dir = mkdtempSync(join(tmpdir(), 'authgraph-bench-'));
  const remove = () => rmSync(dir, { recursive: true, force: true });
  try {
    const { kill, ended, ...started } = await startProcess(
      [ENTRY],
      { DATA_DIR: dir, LOG_LEVEL: 'warn', NODE_ENV: 'development', ...environment },
      '/health/ready',
    );
    const stop = async () => {
      kill();
      await Promise.race([ended, sleep(15_000)]);
      kill('SIGKILL');
      remove();
    };
    return { ...started, databaseUrl: () => databaseUrl(dir), stop };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Starts a server on a port of its own, and waits until it answers at that path: { graphqlUrl, cpuMs(), kill(), ended }. */
export async function startProcess(args, environment = {}, path = '/') {
  const port = await freePort();
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    NODE_ENV: 'production',
    PORT: String(port),
    ...environment,
  };
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const kill = (signal = 'SIGTERM') => child.kill(signal);
  // However the bench ends, what it has started ends with it.
  process.once('exit', () => kill('SIGKILL'));
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; child.exitCode === null && tries < 300; tries++) {
    if (await answers(url + path))
      return { graphqlUrl: `${url}/graphql`, cpuMs: () => cpuMs(child.pid), kill, ended };
    await sleep(100);
  }
  kill('SIGKILL');
  throw new Error(`${args.join(' ')} did not start`);
}

/** Whether somebody is there who is ready. */
const answers = (url) =>
  fetch(url).then(
    ({ status }) => status < 500,
    () => false,
  );

/** Where its embedded PostgreSQL listens. */
async function databaseUrl(dataDir) {
  const { startEmbeddedPostgres } = await import('../dist/src/db/embedded.js');
  // It runs already, so this only finds it.
  return (await startEmbeddedPostgres({ dataDir, onDeath: () => undefined })).url;
}

/** Loads a server for a while: { rate, cpuUs, p99 } in requests a second, processor time a request, and milliseconds. */
export async function measureRate(server, { chain, ...job }, { seconds = 2, connections = 32 } = {}) {
  const child = fork(new URL('./load.mjs', import.meta.url).pathname);
  const spent = chain && { after: chain.after, first: await manyOf(2 * connections, chain.start) };
  delete job.server;
  const before = server.cpuMs();
  const result = await new Promise((resolve, reject) => {
    child
      .once('message', resolve)
      .once('exit', (code) => reject(new Error(`the load generator ended with ${code}`)));
    child.send({ url: server.graphqlUrl, seconds, connections, spent, ...job });
  });
  if (result.wrong > 0 || result.answered === 0)
    throw new Error(`${result.wrong} wrong answers: refusals are not measured`);
  return {
    rate: result.answered / result.seconds,
    cpuUs: ((server.cpuMs() - before) * 1000) / result.answered,
    p99: result.p99,
  };
}

async function manyOf(count, make) {
  const made = [];
  while (made.length < count) made.push(await make());
  return made;
}

/** User and system time of the service's own process, its threads included and PostgreSQL left out, in milliseconds. */
function cpuMs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** A port that nobody listens on. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

/** To hundredths, as text. */
export function round(number) {
  return number.toFixed(2);
}

/** The smallest of the numbers that at least this share (0 to 1) of them do not exceed. */
export function quantile(numbers, share) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
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
