#!/usr/bin/env node
// npm run bench:accounts: what a million accounts change. Two servers side by side, one nearly empty, one full; README.md tells how to read it.
import { parseArgs } from 'node:util';
import { prepare } from '../scripts/prepare.mjs';
import { measureGroup } from './measure.mjs';
import { median } from './numbers.mjs';
import { ratio } from './promises.mjs';
import { JOBS } from './rows/jobs.mjs';
import { round, startServer } from './server.mjs';
import { fillAccounts } from './stage/accounts.mjs';
import { step } from './stage/progress.mjs';

const { values } = parseArgs({
  options: {
    accounts: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '9' },
    pages: { type: 'string', default: '1000' },
  },
});
const accounts = Number(values.accounts);
const rounds = Number(values.rounds);
const pages = Number(values.pages);

const SIGN_IN = 'mutation($input:SignInInput!){signIn(input:$input){...on AuthPayload{accessToken}}}';
const USERS = `query($after:String,$filter:UserFilter,$orderBy:UserOrder){
  users(first:20,after:$after,filter:$filter,orderBy:$orderBy){nodes{id username email status roles{name}}pageInfo{endCursor hasNextPage}}}`;
const OWNER = { OWNER_USERNAME: 'bench', OWNER_PASSWORD: 'correct-horse-battery-1' };
const ENV = { ...OWNER, LIMITS_SCALE: '100000', PASSWORD_HASH_COST: '10' };

/** verifyToken keeps this part of its rate, and a far page takes at most so many times what the first does. */
const LEAST_RATE = 0.9;
const MOST_RATIO = 2;
const TRIES = 30;
const FILTERS = {
  suspended: { status: 'SUSPENDED' },
  deleted: { status: 'DELETED' },
  staff: { role: 'STAFF' },
  email: { email: 'person4711@example.test' },
  'search, one': { search: 'person471147' },
  'search, many': { search: 'family47' },
  'search, none': { search: 'nobody at all' },
};

await prepare();
const servers = [];
try {
  const small = await open('nearly empty');
  const large = await open(`${accounts} accounts`);
  await fillAccounts(await large.server.databaseUrl(), accounts, (made) =>
    step(`${made} of ${accounts} accounts`),
  );
  console.log(`\nverifyToken, ${rounds} rounds in turns`);
  const isSteady = report(await compareVerification(small, large));
  console.log(`\nusers, pages of 20, ms`);
  const isFlat = await comparePages(large);
  console.log(isSteady && isFlat ? 'well' : 'not well: see bench/README.md for what is promised');
  process.exitCode = isSteady && isFlat ? 0 : 1;
} finally {
  for (const server of servers) await server.stop();
}

/** A server with its owner signed in. */
async function open(name) {
  const server = await startServer(ENV);
  servers.push(server);
  const { signIn } = await ask(server, SIGN_IN, {
    input: { login: 'bench', password: OWNER.OWNER_PASSWORD },
  });
  return { name, server, token: signIn.accessToken };
}

async function ask(server, query, variables, token) {
  const response = await fetch(server.graphqlUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(`${query}: ${JSON.stringify(errors)}`);
  return data;
}

/** Both in turns, round by round, so that a slow moment of the machine meets both. */
function compareVerification(...sides) {
  const cells = sides.map(({ name, server, token }) => ({
    row: { ...server, name, jobs: JOBS, sessions: [{ access: token }] },
    job: 'verify',
  }));
  const group = { name: 'verifyToken', seconds: 2, cells };
  return measureGroup(group, { rounds, connections: 32, warmUp: 1, progress: step });
}

function report([small, large]) {
  for (const { row, rate, invalid } of [small, large])
    console.log(`${row.padEnd(24)} ${invalid ?? `${Math.round(rate)} req/s`}`);
  if (small.invalid || large.invalid) return false;
  const [byRate, byCpu] = ['rate', 'cpu'].map((figure) => ratio(large, small, figure));
  console.log(`${'ratio'.padEnd(24)} ${round(byRate)} (by processor time ${round(byCpu)})`);
  return Math.max(byRate, byCpu) >= LEAST_RATE;
}

/** First and last page in turns; then each filter's first page. */
async function comparePages({ server, token }) {
  const page = (variables) => ask(server, USERS, variables, token);
  const orders = ['CREATED_AT', 'USERNAME', 'EMAIL', 'UPDATED_AT'];
  const ratios = [];
  for (const field of orders) {
    const orderBy = { field, direction: 'DESC' };
    const after = await cursorOf(page, orderBy);
    const [first, far] = [[], []];
    for (let turn = 0; turn < TRIES; turn++) {
      first.push(await time(() => page({ orderBy })));
      far.push(await time(() => page({ orderBy, after })));
    }
    const [one, many] = [median(first), median(far)];
    ratios.push(many / one);
    console.log(
      `by ${field.padEnd(21)} first ${round(one)}, page ${pages} ${round(many)}, ratio ${round(many / one)}`,
    );
  }
  for (const [name, filter] of Object.entries(FILTERS)) {
    const times = [];
    for (let turn = 0; turn < TRIES; turn++) times.push(await time(() => page({ filter })));
    console.log(`where ${name.padEnd(18)} first ${round(median(times))}`);
  }
  return Math.max(...ratios) <= MOST_RATIO;
}

async function cursorOf(page, orderBy) {
  let after;
  for (let at = 1; at < pages; at++) after = (await page({ orderBy, after })).users.pageInfo.endCursor;
  return after;
}

async function time(work) {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
