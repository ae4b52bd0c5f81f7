#!/usr/bin/env node
// npm run bench: the rate of verifyToken over HTTP beside that of { __typename } on the same server. README.md tells how to read it.
import { parseArgs } from 'node:util';
import { prepare } from '../scripts/prepare.mjs';
import { measureRate, median, round, startServer } from './server.mjs';

const TARGET = 0.65; // verifyToken must reach this part of the rate of { __typename }
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '12' },
    seconds: { type: 'string', default: '2' },
    connections: { type: 'string', default: '32' },
    sessions: { type: 'string', default: '32' },
  },
});
const [rounds, seconds, connections, sessions] = ['rounds', 'seconds', 'connections', 'sessions'].map(
  (name) => Number(values[name]),
);

const SIGN_UP = 'mutation($input:SignUpInput!){signUp(input:$input){...on AuthPayload{accessToken}}}';
const SIGN_IN = 'mutation($input:SignInInput!){signIn(input:$input){...on AuthPayload{accessToken}}}';
const VERIFY = 'query($token:String!){verifyToken(token:$token){valid reason subject{id username roles}}}';
const person = {
  email: 'bench@example.test',
  username: 'bench',
  password: 'correct-horse-battery-1',
  firstName: 'Ana',
  lastName: 'Li',
  country: 'PT',
  birthDate: '1990-01-31',
};

await prepare();
const server = await startServer({ LIMITS_SCALE: '100000', PASSWORD_HASH_COST: '10' });
try {
  const tokens = await openSessions();
  process.exitCode = report(await measure(jobsFor(tokens)));
} finally {
  await server.stop();
}

async function openSessions() {
  await ask(SIGN_UP, { input: person });
  const tokens = [];
  while (tokens.length < sessions) {
    const { signIn } = await ask(SIGN_IN, { input: { login: person.email, password: person.password } });
    tokens.push(signIn.accessToken);
  }
  return tokens;
}

async function ask(query, variables) {
  const response = await fetch(server.graphqlUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(`${query}: ${JSON.stringify(errors)}`);
  return data;
}

/** The tokens are asked about in turn, as a gateway's callers come in turn. */
function jobsFor(tokens) {
  const verify = (token, headers) => ({
    headers,
    body: JSON.stringify({ query: VERIFY, variables: { token } }),
  });
  return {
    '{ __typename }': {
      expectText: '"__typename":"Query"',
      requests: [{ headers: {}, body: JSON.stringify({ query: '{ __typename }' }) }],
    },
    verifyToken: { expectText: '"valid":true', requests: tokens.map((token) => verify(token, {})) },
    'verifyToken, with bearer': {
      expectText: '"valid":true',
      requests: tokens.map((token) => verify(token, { authorization: `Bearer ${token}` })),
    },
  };
}

/** Every job once a round, forwards and backwards in turn, after one short run of each that does not count. */
async function measure(jobs) {
  const names = Object.keys(jobs);
  const run = (job, duration) => measureRate(server, job, { seconds: duration, connections });
  for (const name of names) await run(jobs[name], 2);
  const results = [];
  for (let turn = 0; turn < rounds; turn++) {
    const row = {};
    for (const name of turn % 2 ? names.toReversed() : names) row[name] = await run(jobs[name], seconds);
    results.push(row);
  }
  return results;
}

/** Prints a line a job and a line a ratio; answers 1 when verifyToken is too slow. */
function report(results) {
  const [baseline, ...measured] = Object.keys(results[0]);
  const of = (name, figure) => results.map((row) => row[name][figure]);
  for (const name of [baseline, ...measured]) {
    const cpu = `${Math.round(median(of(name, 'cpuUs')))} µs CPU`;
    line(name, `${Math.round(median(of(name, 'rate')))} req/s, ${cpu}`, of(name, 'rate').map(Math.round));
  }
  const reached = measured.map((name) => {
    const ratios = results.map((row) => row[name].rate / row[baseline].rate);
    const cpu = median(of(baseline, 'cpuUs')) / median(of(name, 'cpuUs'));
    line(`${name} / ${baseline}`, `${round(median(ratios))} (CPU ${round(cpu)})`, ratios.map(round));
    return median(ratios) >= TARGET;
  });
  const well = reached.every(Boolean);
  console.log(well ? `well: at least ${TARGET}` : `too slow: below ${TARGET}`);
  return well ? 0 : 1;
}

function line(name, figures, rounds) {
  console.log(`${name.padEnd(41)} ${figures.padEnd(26)} rounds: ${rounds.join(' ')}`);
}
