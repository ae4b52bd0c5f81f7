#!/usr/bin/env node
// npm run bench:accounts: what a million accounts change. Two servers side by side, one nearly empty, one full; README.md tells how to read it.
import { parseArgs } from 'node:util';
import pg from 'pg';
import { prepare } from '../scripts/prepare.mjs';
import { measureRate, median, round, startServer } from './server.mjs';

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
const VERIFY = 'query($token:String!){verifyToken(token:$token){valid reason subject{id username roles}}}';
const USERS = `query($after:String,$filter:UserFilter,$orderBy:UserOrder){
  users(first:20,after:$after,filter:$filter,orderBy:$orderBy){nodes{id username email status roles{name}}pageInfo{endCursor hasNextPage}}}`;
const OWNER = { OWNER_USERNAME: 'bench', OWNER_PASSWORD: 'correct-horse-battery-1' };
const ENV = { ...OWNER, LIMITS_SCALE: '100000', PASSWORD_HASH_COST: '10' };

const BATCH = 50_000;
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

const MADE = `
  with made as (
    insert into users (id, email, email_key, username, username_key, password_hash, first_name, last_name, created_at, updated_at, suspended_at, deleted_at)
    select gen_random_uuid(), 'person' || n || '@example.test', 'person' || n || '@example.test', 'person' || n, 'person' || n, 'none',
           (array['Ana','Boris','Chen','Dalia','Emeka','Fatima','Goran','Hana'])[1 + n % 8], 'Family' || n % 5000,
           now() - n * interval '30 seconds', now() - n * interval '20 seconds',
           case when n % 97 = 0 then now() end, case when n % 101 = 0 then now() end
    from generate_series($1::int, $2::int) n returning id, username_key
  )
  insert into user_roles (user_id, role_id)
  select m.id, r.id from made m join roles r on r.name = case when right(m.username_key, 2) in ('07', '57') then 'STAFF' else 'USER' end`;

await prepare();
const servers = [];
try {
  const small = await open('nearly empty');
  const large = await open(`${accounts} accounts`);
  await fill(large.server, accounts);
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

/** Accounts as a deployment has them: most active, some suspended or deleted, one in fifty of the staff. */
async function fill(server, count) {
  const client = new pg.Client({ connectionString: await server.databaseUrl() });
  await client.connect();
  try {
    await insertAccounts(client, count);
  } finally {
    await client.end();
  }
}

async function insertAccounts(client, count) {
  for (let from = 0; from < count; from += BATCH) {
    await client.query(MADE, [from, Math.min(from + BATCH, count) - 1]);
    process.stderr.write(`\r${Math.min(from + BATCH, count)} of ${count} accounts`);
  }
  process.stderr.write('\n');
  await client.query('vacuum analyze');
}

/** Rates of both, round by round, so that a slow moment of the machine meets both. */
async function compareVerification(...sides) {
  const measured = [];
  for (let turn = 0; turn < rounds; turn++) {
    const row = {};
    for (const side of turn % 2 ? sides.toReversed() : sides)
      row[side.name] = await measureRate(side.server, {
        expectText: '"valid":true',
        requests: [
          { headers: {}, body: JSON.stringify({ query: VERIFY, variables: { token: side.token } }) },
        ],
      });
    measured.push(row);
  }
  return measured;
}

function report(measured) {
  const [small, large] = Object.keys(measured[0]);
  for (const name of [small, large])
    console.log(`${name.padEnd(24)} ${Math.round(median(measured.map((row) => row[name].rate)))} req/s`);
  const ratios = measured.map((row) => row[large].rate / row[small].rate);
  const cpu =
    median(measured.map((row) => row[small].cpuUs)) / median(measured.map((row) => row[large].cpuUs));
  console.log(`${'ratio'.padEnd(24)} ${round(median(ratios))} (by processor time ${round(cpu)})`);
  return Math.max(median(ratios), cpu) >= LEAST_RATE;
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
