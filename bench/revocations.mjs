#!/usr/bin/env node
// npm run bench:revocations: how long after its revocation was answered a token is still believed by a client in another process.
import { spawn, spawnSync } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { prepare, root } from '../scripts/prepare.mjs';
import { ask, PASSWORD, quantile, startServer, SIGN_IN } from './server.mjs';

const WITH_REDIS_MS = 100; // p99
const WITHOUT_MS = 1500;
const { values } = parseArgs({ options: { revocations: { type: 'string', default: '1000' } } });
const count = Number(values.revocations);
const SIGN_UP = 'mutation($input:SignUpInput!){signUp(input:$input){...on AuthPayload{accessToken}}}';
const REVOKE = 'mutation($token:String!){revoke(token:$token)}';
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

const redis = await startRedis();
try {
  const without = await measure({});
  const within = await measure({ REDIS_URL: redis.url });
  const well = [
    report('without Redis', without, WITHOUT_MS),
    report('with Redis', within, WITH_REDIS_MS),
  ].every(Boolean);
  process.exitCode = well ? 0 : 1;
} finally {
  redis.stop();
}

async function measure(environment) {
  const server = await startServer({
    ...OWNER,
    LIMITS_SCALE: '100000',
    PASSWORD_HASH_COST: '10',
    ...environment,
  });
  const url = server.graphqlUrl;
  try {
    await ask(server, SIGN_UP, { input: { ...person, country: 'PT', birthDate: '1990-01-31' } });
    const client = createAuthClient({ url, serviceToken: await registerService(server) });
    await client.ready();
    const delays = [];
    for (let left = count; left > 0; left -= 20)
      delays.push(...(await revokeSome(server, client, Math.min(20, left))));
    client.close();
    return delays;
  } finally {
    await server.stop();
  }
}

/** A few sessions at a time, so that no token expires meanwhile; one revoked after the other. */
async function revokeSome(server, client, some) {
  const input = { login: person.email, password: PASSWORD };
  const signIns = await Promise.all(Array.from({ length: some }, () => ask(server, SIGN_IN, { input })));
  const delays = [];
  for (const { signIn } of signIns) {
    const token = signIn.accessToken;
    if (!(await client.verify(token)).valid) throw new Error('a good token was refused');
    await ask(server, REVOKE, { token });
    const answeredAt = performance.now();
    while ((await client.verify(token)).valid) await new Promise(setImmediate);
    delays.push(performance.now() - answeredAt);
  }
  return delays;
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

function report(name, delays, bound) {
  const [half, most, all] = [0.5, 0.99, 1].map((share) => quantile(delays, share).toFixed(1));
  console.log(
    `${name.padEnd(14)} ${delays.length} revocations: p50 ${half} ms, p99 ${most} ms, slowest ${all} ms`,
  );
  return quantile(delays, 0.99) < bound;
}
