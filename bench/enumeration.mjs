#!/usr/bin/env node
// npm run bench:enumeration: whether the time of a refusal tells what there is. README.md tells how to read it.
import { parseArgs } from 'node:util';
import pg from 'pg';
import { prepare } from '../scripts/prepare.mjs';
import { median, quantile } from './numbers.mjs';
import { addAccounts, round, SIGN_IN, startServer } from './server.mjs';

/** Medians lie no further apart, of the slowest. */
const PROMISE = 0.05;
const { values } = parseArgs({
  options: { tries: { type: 'string', default: '300' }, cost: { type: 'string', default: '10' } },
});
const tries = Number(values.tries);

await prepare();
const server = await startServer({ LIMITS_SCALE: '100000', PASSWORD_HASH_COST: values.cost });
try {
  await addAccounts(server, 4);
  await change("update users set suspended_at = now() where username_key = 'bench2'");
  await change("update users set deleted_at = now() where username_key = 'bench3'");
  process.exitCode = report(
    await measure({
      unknown: 'nobody-of-this-name',
      'wrong password': 'bench1',
      suspended: 'bench2',
      deleted: 'bench3',
    }),
  );
} finally {
  await server.stop();
}

async function change(sql) {
  const client = new pg.Client({ connectionString: await server.databaseUrl() });
  await client.connect();
  await client.query(sql);
  await client.end();
}

/** Every kind in turn, forwards and backwards, so that a slow moment of the machine meets all of them. */
async function measure(logins) {
  const kinds = Object.entries(logins).map(([name, login]) => ({
    name,
    login,
    times: [],
    answers: new Set(),
  }));
  for (let turn = -5; turn < tries; turn++)
    for (const kind of turn % 2 ? kinds.toReversed() : kinds) {
      const startedAt = performance.now();
      const answer = await tryOnce(kind.login);
      // The first few warm everything up.
      if (turn >= 0) kind.times.push(performance.now() - startedAt);
      kind.answers.add(answer);
    }
  return kinds;
}

/** @returns the answer, without what is another one each time by design */
async function tryOnce(login) {
  const response = await fetch(server.graphqlUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: SIGN_IN, variables: { input: { login, password: 'not-the-password' } } }),
  });
  const text = await response.text();
  return `${response.status} ${text.replace(/"requestId":"[^"]*"/, '"requestId":""')}`;
}

function report(kinds) {
  for (const { name, times } of kinds)
    console.log(
      `${name.padEnd(16)} median ${round(median(times))} ms, p95 ${round(quantile(times, 0.95))} ms, ${times.length} tries`,
    );
  const medians = kinds.map(({ times }) => median(times));
  const apart = (Math.max(...medians) - Math.min(...medians)) / Math.max(...medians);
  const answers = new Set(kinds.flatMap((kind) => [...kind.answers]));
  console.log(
    `medians ${round(apart * 100)} % apart, ${answers.size} different answer${answers.size > 1 ? 's' : ''}`,
  );
  const isWell = apart <= PROMISE && answers.size === 1;
  console.log(isWell ? 'well' : 'not well: a refusal tells what there is');
  return isWell ? 0 : 1;
}
