#!/usr/bin/env node
// npm run bench: what the service is asked all the time, beside what Node, graphql-js and Apollo Server cost by themselves. README.md tells how
// to read it.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { prepare } from '../scripts/prepare.mjs';
import { openScene } from './scene.mjs';
import { startReferences } from './references.mjs';
import { measureRate, median, round, startServer } from './server.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '2' },
    connections: { type: 'string', default: '32' },
    sessions: { type: 'string', default: '96' },
    only: { type: 'string' },
    peers: { type: 'string' },
    redis: { type: 'string' },
    out: { type: 'string' },
  },
});
const [rounds, seconds, connections, sessions] = ['rounds', 'seconds', 'connections', 'sessions'].map(
  (name) => Number(values[name]),
);

/** How many times the rate of one row that of another must be: by processor time, which a busy machine disturbs least. */
const PROMISES = [
  ['verifyToken', 'apollo { __typename }', 1.4],
  ['verifyToken, with bearer', 'apollo { __typename }', 1.4],
  ['verifyToken', 'fastify-jwt', 0.9],
  ['introspect', 'node:http of a form', 0.5],
  ['verifyTokens of 100', 'verifyToken', 1 / 12],
];

await prepare();
const server = await startServer({ LIMITS_SCALE: '100000', PASSWORD_HASH_COST: '10', ...OWNER() });
let references;
try {
  const scene = await openScene(server, sessions);
  references = await startReferences({ server, scene, peers: values.peers, redis: values.redis });
  const jobs = Object.entries({ ...scene.jobs, ...references.jobs }).filter(
    ([name]) => values.only === undefined || values.only.split(',').includes(name),
  );
  process.exitCode = report(await measure(jobs));
} finally {
  references?.stop();
  await server.stop();
}

function OWNER() {
  return {
    OWNER_EMAIL: 'owner@example.test',
    OWNER_USERNAME: 'owner',
    OWNER_PASSWORD: 'Owner-of-this-very-bench-1',
  };
}

/** Every job once a round, forwards and backwards in turn, after one short run of each that does not count. */
async function measure(jobs) {
  const run = ([, job], duration) =>
    measureRate(job.server ?? server, job, { seconds: duration, connections });
  for (const job of jobs) await run(job, 1);
  const results = [];
  for (let turn = 0; turn < rounds; turn++) {
    const row = {};
    for (const job of turn % 2 ? jobs.toReversed() : jobs) row[job[0]] = await run(job, seconds);
    results.push(row);
  }
  return results;
}

/** Prints a line a job and a line a promise; answers 1 when one is broken. */
function report(results) {
  const of = (name, figure) => results.map((row) => row[name][figure]);
  const rows = Object.keys(results[0]).map((name) => ({
    name,
    rate: Math.round(median(of(name, 'rate'))),
    cpuUs: Math.round(median(of(name, 'cpuUs')) * 10) / 10,
    p99: median(of(name, 'p99')),
    rounds: results.map((row) => row[name]),
  }));
  for (const { name, rate, cpuUs, p99 } of rows)
    console.log(
      `${name.padEnd(28)} ${String(rate).padStart(7)} req/s ${String(cpuUs).padStart(8)} µs CPU   p99 ${p99} ms`,
    );
  const promises = PROMISES.filter((pair) => pair.slice(0, 2).every((name) => name in results[0])).map(
    ([name, other, least]) => {
      const cpu = median(results.map((row) => row[other].cpuUs / row[name].cpuUs));
      const rate = median(results.map((row) => row[name].rate / row[other].rate));
      return { name, other, least, cpu, rate, isKept: cpu >= least };
    },
  );
  for (const { name, other, least, cpu, rate, isKept } of promises)
    console.log(
      `${isKept ? 'well' : 'too slow'}: ${name} / ${other} = ${round(cpu)} by CPU (rate ${round(rate)}), at least ${round(least)}`,
    );
  if (values.out) writeFileSync(values.out, JSON.stringify(described(rows, promises), null, 1));
  return promises.every(({ isKept }) => isKept) ? 0 : 1;
}

function described(rows, promises) {
  return {
    at: new Date().toISOString(),
    node: process.version,
    cpus: cpus().map(({ model }) => model),
    options: { rounds, seconds, connections, sessions },
    rows,
    promises,
  };
}
