// What the service is compared with: the least that Node, graphql-js and Apollo Server cost by themselves, each in a process of its own, and
// the check that people write by hand, where its folder is given.
import { spawn } from 'node:child_process';
import pg from 'pg';
import { freePort, startProcess } from './server.mjs';

const QUESTION = JSON.stringify({ query: '{ __typename }' });
const JSON_TYPE = { 'content-type': 'application/json' };

/** Starts them: { jobs, stop() }. `peers` is a folder with fastify-jwt.mjs, installed, which needs a Redis; one is started unless `redis` names it. */
export async function startReferences({ server, scene, peers, redis }) {
  const started = [];
  const start = async (name) => {
    const process = await startProcess([new URL('./reference.mjs', import.meta.url).pathname, name]);
    started.push(process);
    return process;
  };
  const [bare, graphql, apollo] = [await start('http'), await start('graphql'), await start('apollo')];
  const jobs = {
    'node:http': { ...scene.jobs.verifyToken, server: bare },
    'node:http of a form': {
      ...scene.jobs.introspect,
      server: bare,
      url: bare.graphqlUrl,
      expectText: '"valid":true',
    },
    'node:http and graphql-js': { ...scene.jobs.verifyToken, server: graphql },
    'apollo { __typename }': {
      server: apollo,
      expectText: '"Query"',
      requests: [{ headers: JSON_TYPE, body: QUESTION }],
    },
  };
  if (peers) {
    const handmade = await startHandmade({ server, peers, redis, count: scene.tokens.length });
    started.push(...handmade.started);
    Object.assign(jobs, handmade.jobs);
  }
  return { jobs, stop: () => started.forEach((one) => one.kill()) };
}

async function startHandmade({ server, peers, redis, count }) {
  const started = [];
  const redisUrl = redis ?? (await startRedis(started));
  const environment = {
    DATABASE_URL: await emptyDatabase(server),
    REDIS_URL: redisUrl,
    REDIS_PREFIX: 'bench:',
  };
  const handmade = await startProcess(
    [`${peers}/fastify-jwt.mjs`],
    { ...environment, BCRYPT_COST: '10' },
    '/ready',
  );
  started.push(handmade);
  const post = async (path, body) => {
    const response = await fetch(new URL(path, handmade.graphqlUrl), {
      method: 'POST',
      headers: JSON_TYPE,
      body: JSON.stringify(body),
    });
    return response.json();
  };
  const somebody = { email: 'ana@example.test', password: 'correct-horse-battery-1' };
  await post('/signup', somebody);
  const tokens = [];
  while (tokens.length < count) tokens.push((await post('/signin', somebody)).access);
  const verify = {
    server: handmade,
    url: new URL('/me', handmade.graphqlUrl).href,
    method: 'GET',
    expectText: '"role"',
    requests: tokens.map((token) => ({ headers: { authorization: `Bearer ${token}` } })),
  };
  const refresh = {
    server: handmade,
    url: new URL('/refresh', handmade.graphqlUrl).href,
    expectText: '"access"',
    requests: [{ headers: JSON_TYPE, body: '{"refresh":"{{spent}}"}' }],
    chain: { after: '"refresh":"', start: async () => (await post('/signin', somebody)).refresh },
  };
  return { started, jobs: { 'fastify-jwt': verify, 'fastify-jwt refresh': refresh } };
}

async function startRedis(started) {
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const redis = spawn('redis-server', args, { stdio: 'ignore' });
  started.push(redis);
  // However the bench ends, it ends with it.
  process.once('exit', () => redis.kill());
  return `redis://127.0.0.1:${port}`;
}

/** A database beside the service's own, in its PostgreSQL. */
async function emptyDatabase(server) {
  const url = await server.databaseUrl();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('create database handmade');
  await client.end();
  return url.replace(/\/[^/?]*(\?|$)/, '/handmade$1');
}
