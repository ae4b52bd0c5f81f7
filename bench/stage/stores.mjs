// The PostgreSQL and the Redis that all rows share: { databaseFor(name), redisUrl, redisMissing, postgresPid, stop() }.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePort, spawnApart } from './processes.mjs';

/**
 * Starts those that are not given: PostgreSQL of the packages, durable, and a redis-server where there is one on the PATH.
 * @param postgres URL of a PostgreSQL whose user may make databases; `redis` URL of a Redis, or `no`; `dir` a folder for data and logs
 */
export async function openStores({ postgres, redis, dir }) {
  const own = postgres ? undefined : await startOwn(dir);
  const store = await openRedis(redis, dir);
  return {
    databaseFor: (name) => emptyDatabase(postgres ?? own.url, `bench_${name.replace(/\W+/g, '_')}`),
    postgresPid: own?.pid,
    redisUrl: store.url,
    redisMissing: store.missing,
    async stop() {
      await store.stop?.();
      await own?.stop();
    },
  };
}

/** What it is started with is only there after the build. */
async function startOwn(dir) {
  const { startPostgres } = await import('./postgres.mjs');
  return startPostgres(dir);
}

async function openRedis(given, dir) {
  if (given === 'no') return { missing: '--redis no' };
  if (given) return { url: given };
  if (spawnSync('redis-server', ['--version']).error) return { missing: 'no redis-server on the PATH' };
  const port = await freePort();
  const data = join(dir, 'redis');
  mkdirSync(data, { recursive: true });
  const words = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    data,
  ];
  const { stop } = spawnApart(['redis-server', ...words], { env: process.env, log: join(dir, 'redis.log') });
  // It listens at once; the first row to connect would wait for it otherwise.
  await sleep(300);
  return { url: `redis://127.0.0.1:${port}`, stop };
}

async function emptyDatabase(url, name) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`drop database if exists "${name}" with (force)`);
    await client.query(`create database "${name}"`);
  } finally {
    await client.end();
  }
  return url.replace(/^(\w+:\/\/[^/]*\/)[^?]*/, `$1${name}`);
}
