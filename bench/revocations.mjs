#!/usr/bin/env node
// npm run bench:revocations: how long after its revocation was answered a token is still believed by a client in another process.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { prepare, root } from '../scripts/prepare.mjs';
import { quantile } from './numbers.mjs';
import { ask, PASSWORD, startServer, SIGN_IN } from './server.mjs';

const WITH_REDIS_MS = 100; // p99
const WITHOUT_MS = 1500;
const { values } = parseArgs({ options: { revocations: { type: 'string', default: '1000' } } });
const count = Number(values.revocations);
const SIGN_UP = 'mutation($input:SignUpInput!){signUp(input:$input){...on AuthPayload{accessToken}}}';
const REVOKE = 'mutation($token:String!){revoke(token:$token)}';
const REFRESH = 'mutation($token:String!){refresh(refreshToken:$token){accessToken}}';
const OPENED = `
  with opened as (
    insert into sessions (id, user_id, idle_expires_at, expires_at, amr, aal)
    select $1, id, now() + interval '1 hour', now() + interval '1 hour', '{pwd}', 1 from users where username_key = $2
    returning id
  )
  insert into refresh_tokens (id, session_id, secret_hash) select $3, id, $4 from opened`;
const secrets = () => randomBytes(32).toString('base64');
const SECRETS = { ENCRYPTION_KEYS: secrets(), PASSWORD_PEPPERS: secrets() };
const person = {
  email: 'bench@example.test',
  username: 'bench',
  password: PASSWORD,
  firstName: 'Ana',
  lastName: 'Li',
};
const OWNER = {
  OWNER_EMAIL: 'owner@example.test',
  OWNER_USERNAME: 'owner',
  OWNER_PASSWORD: 'Owner-of-this-very-bench-1',
};

await prepare();
if (spawnSync(process.execPath, ['scripts/build-client.mjs'], { cwd: root, stdio: 'inherit' }).status !== 0)
  process.exit(1);
const { createAuthClient } = await import('../packages/client/dist/index.js');

const { hashSecret, newSecret, writeRefreshToken } =
  await import('../dist/src/domain/sessions/refresh-token.js');

const redis = await startRedis();
try {
  const results = [];
  for (const [name, environment, bound] of [
    ['without Redis', {}, WITHOUT_MS],
    ['with Redis', { REDIS_URL: redis.url }, WITH_REDIS_MS],
  ])
    for (const isElsewhere of [false, true])
      results.push(report(name, isElsewhere, await measure(environment, isElsewhere), bound));
  process.exitCode = results.every(Boolean) ? 0 : 1;
} finally {
  redis.stop();
}

/** @param isElsewhere whether the client listens to another process than the one that revokes */
async function measure(environment, isElsewhere) {
  const PUBLIC_URL = 'http://auth.bench.test';
  const common = { PUBLIC_URL, LIMITS_SCALE: '100000', PASSWORD_HASH_COST: '10', ...SECRETS, ...environment };
  const server = await startServer({ ...OWNER, ...common });
  const database = new pg.Client({ connectionString: await server.databaseUrl() });
  await database.connect();
  const other = isElsewhere
    ? await startServer({ ...common, DATABASE_URL: await server.databaseUrl() })
    : undefined;
  const url = (other ?? server).graphqlUrl;
  try {
    await ask(server, SIGN_UP, { input: { ...person, country: 'PT', birthDate: '1990-01-31' } });
    const client = createAuthClient({ url, serviceToken: await registerService(server) });
    await client.ready();
    const delays = [];
    for (let left = count; left > 0; left--) delays.push(await revokeOne(server, database, client));
    client.close();
    return delays;
  } finally {
    await database.end();
    await other?.stop();
    await server.stop();
  }
}

/** @returns how long after its revocation was answered a token was still believed, in milliseconds */
async function revokeOne(server, database, client) {
  const token = await openSession(server, database);
  const { valid, reason } = await client.verify(token);
  if (!valid) throw new Error(`a good token was refused: ${reason}`);
  await ask(server, REVOKE, { token });
  const answeredAt = performance.now();
  while ((await client.verify(token)).valid) await new Promise(setImmediate);
  return performance.now() - answeredAt;
}

/** Opens a session as a sign-in does, without the cost of a password. @returns its access token */
async function openSession(server, database) {
  const token = { id: randomUUID(), secret: newSecret() };
  await database.query(OPENED, [randomUUID(), person.username, token.id, hashSecret(token.secret)]);
  const { refresh } = await ask(server, REFRESH, { token: writeRefreshToken(token) });
  return refresh.accessToken;
}

/** @returns the token of a new service */
async function registerService(server) {
  const owner = await signInOwner(server);
  const run = async (query, variables) => {
    const response = await fetch(server.graphqlUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${owner}` },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await response.json();
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  };
  const { createService } = await run('mutation{createService(input:{name:"bench"}){id}}');
  const { issueServiceToken } = await run('mutation($id:ID!){issueServiceToken(serviceId:$id){token}}', {
    id: createService.id,
  });
  return issueServiceToken.token;
}

async function signInOwner(server) {
  const input = { login: OWNER.OWNER_EMAIL, password: OWNER.OWNER_PASSWORD };
  const { signIn } = await ask(server, SIGN_IN, { input });
  return signIn.accessToken;
}

async function startRedis() {
  const port = await new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const child = spawn('redis-server', args, { stdio: 'ignore' });
  const stop = () => child.kill();
  for (let tries = 0; tries < 100 && !(await answers(port)); tries++) await sleep(50);
  return { url: `redis://127.0.0.1:${port}`, stop };
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.once('error', () => resolve(false)).once('connect', () => socket.destroy());
  });
}

function report(name, isElsewhere, delays, bound) {
  const [half, most, all] = [0.5, 0.99, 1].map((share) => quantile(delays, share).toFixed(1));
  const where = `${name}, ${isElsewhere ? 'revoked at another process' : 'one process'}`;
  console.log(
    `${where.padEnd(42)} ${delays.length} revocations: p50 ${half} ms, p99 ${most} ms, slowest ${all} ms`,
  );
  return quantile(delays, 0.99) < bound;
}
