#!/usr/bin/env node
// npm run bench:sign-in: what a storm of sign-ins does to verifyToken, and to itself. README.md tells how to read it.
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { prepare } from '../scripts/prepare.mjs';
import { quantile } from './numbers.mjs';
import { addAccounts, ask, PASSWORD, round, SIGN_IN, startServer, VERIFY } from './server.mjs';

/** What is promised; see README.md. */
const PROMISE = { timesIdle: 3, orMs: 10, throughput: 1.5 };
const { values } = parseArgs({
  options: {
    people: { type: 'string', default: '200' },
    rate: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '20' },
    cost: { type: 'string', default: '12' },
  },
});
const [people, rate, seconds, cost] = ['people', 'rate', 'seconds', 'cost'].map((name) =>
  Number(values[name]),
);
const WARM_UP_SECONDS = 3;

await prepare();
const server = await startServer({ LIMITS_SCALE: '100000', PASSWORD_HASH_COST: String(cost) });
try {
  const logins = await addAccounts(server, people);
  const tokens = [];
  for (const login of logins.slice(0, 16)) {
    const { signIn } = await ask(server, SIGN_IN, { input: { login, password: PASSWORD } });
    tokens.push(signIn.accessToken);
  }
  process.exitCode = report(await measure(logins, tokens));
} finally {
  await server.stop();
}

async function measure(logins, tokens) {
  const verifying = {
    kind: 'verify',
    url: server.graphqlUrl,
    rate,
    bodies: tokens.map((token) => JSON.stringify({ query: VERIFY, variables: { token } })),
  };
  const signingIn = {
    kind: 'sign-in',
    url: server.graphqlUrl,
    seconds,
    warmUp: WARM_UP_SECONDS,
    bodies: logins.map((login) =>
      JSON.stringify({ query: SIGN_IN, variables: { input: { login, password: PASSWORD } } }),
    ),
  };
  const rawBefore = await rawRate();
  const [idle] = await atTheDoor({ ...verifying, seconds: seconds / 2 });
  const [storm, under] = await atTheDoor(signingIn, { ...verifying, seconds });
  return { idle, under, storm, raw: (rawBefore + (await rawRate())) / 2 };
}

/** Hashes a second where every core does nothing else. */
async function rawRate() {
  const all = await Promise.all(
    Array.from({ length: availableParallelism() }, () => told('./hash.mjs', { cost, seconds: 4 })),
  );
  return all.reduce((sum, one) => sum + one.hashes / one.seconds, 0);
}

/** Processes of people that begin together once all of them are ready; their answers. */
async function atTheDoor(...jobs) {
  const groups = jobs.map((job) => start('./people.mjs', job));
  await Promise.all(groups.map(answerOf));
  const answers = groups.map(answerOf);
  for (const group of groups) group.send('go');
  return Promise.all(answers);
}

/** Runs a script of this folder with one message, to its one answer. */
function told(script, job) {
  return answerOf(start(script, job));
}

function start(script, job) {
  const child = fork(new URL(script, import.meta.url).pathname);
  child.send(job);
  return child;
}

function answerOf(child) {
  return new Promise((resolve, reject) => {
    child
      .once('message', resolve)
      .once('exit', (code) => reject(new Error(`${child.spawnargs[1]} ended with ${code}`)));
  });
}

function report({ idle, under, storm, raw }) {
  const [calm, busy] = [idle, under].map(({ waits }) => ({
    p50: quantile(waits, 0.5),
    p99: quantile(waits, 0.99),
  }));
  const done = storm.done / storm.seconds;
  line('bcrypt alone', `${round(raw)} hashes/s at cost ${cost} on ${availableParallelism()} cores`);
  line(
    'sign-ins',
    `${round(done)}/s by ${people} people, ${round(done / raw)} of bcrypt alone; ${storm.refused} told to come back`,
  );
  line('verifyToken idle', `p50 ${round(calm.p50)} ms, p99 ${round(calm.p99)} ms at ${rate}/s`);
  line('verifyToken in the storm', `p50 ${round(busy.p50)} ms, p99 ${round(busy.p99)} ms`);
  const broken = [
    busy.p99 > PROMISE.timesIdle * calm.p99 && busy.p99 >= PROMISE.orMs && 'verifyToken waits for hashing',
    done < PROMISE.throughput * raw && `sign-ins reach less than ${PROMISE.throughput} of bcrypt alone`,
    storm.hung > 0 && `${storm.hung} sign-ins were never answered`,
    storm.wrong > 0 && `${storm.wrong} sign-ins were answered neither by tokens nor by RATE_LIMITED`,
    idle.wrong + under.wrong > 0 && `${idle.wrong + under.wrong} verifications were wrong`,
  ].filter(Boolean);
  console.log(broken.length === 0 ? 'well' : `not well: ${broken.join('; ')}`);
  return broken.length === 0 ? 0 : 1;
}

function line(name, figures) {
  console.log(`${name.padEnd(26)} ${figures}`);
}
