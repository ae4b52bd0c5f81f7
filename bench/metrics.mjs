// `node bench/metrics.mjs`: what counting costs on the hot path, in processor time per call, beside the library whose
// registry writes the page. Needs dist/ (`npm run build`).
import prom from 'prom-client';
import { openFamilies } from '../dist/src/observability/families.js';
import { countInto } from '../dist/src/observability/meters.js';
import { silentMeters } from '../dist/src/domain/meters.js';

const CALLS = 1_000_000;
const ROUNDS = 7;

function time(name, work) {
  const rounds = Array.from({ length: ROUNDS + 1 }, () => {
    const before = process.cpuUsage();
    for (let at = 0; at < CALLS; at++) work(at);
    const { user, system } = process.cpuUsage(before);
    return ((user + system) * 1000) / CALLS;
  });
  // The first one warms up.
  const [, ...rest] = rounds;
  rest.sort((a, b) => a - b);
  console.log(`${name.padEnd(58)} ${rest[Math.floor(ROUNDS / 2)].toFixed(0).padStart(5)} ns`);
}

/** What one verifyToken tells. */
function verification(meters) {
  return (at) => {
    const startedAt = performance.now();
    meters.charged('requestsFromAddress', true);
    meters.charged('verificationsByCaller', true);
    meters.verified(at % 16 === 0 ? 'EXPIRED' : 'VALID');
    meters.resolved('Query.verifyToken', 'OK', performance.now() - startedAt);
    meters.answered('/graphql', 200, performance.now() - startedAt);
  };
}

const families = openFamilies();
const buckets = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const registers = [new prom.Registry()];
const counter = new prom.Counter({ name: 'counter', help: '-', labelNames: ['a', 'b'], registers });
const histogram = new prom.Histogram({
  name: 'times',
  help: '-',
  labelNames: ['a', 'b'],
  buckets,
  registers,
});
const field = families.authgraph_graphql_field_duration_seconds;
const decisions = families.authgraph_limit_decisions_total;

time('a counter with two labels', () => decisions.add('readsByCaller', 'given'));
time('the same of prom-client', () => counter.inc({ a: 'readsByCaller', b: 'given' }));
time('a histogram with two labels', (at) => field.cell('Query.verifyToken', 'OK').observe((at % 1000) / 1e5));
time('the same of prom-client', (at) =>
  histogram.observe({ a: 'Query.verifyToken', b: 'OK' }, (at % 1000) / 1e5),
);
time('all that one verifyToken tells, METRICS_PORT unset', verification(silentMeters));
time('all that one verifyToken tells, METRICS_PORT set', verification(countInto(families)));
