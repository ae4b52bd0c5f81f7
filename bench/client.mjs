#!/usr/bin/env node
// npm run bench:client: how fast the client library verifies, beside a bare signature check in the same process and run.
import { spawnSync } from 'node:child_process';
import { createPublicKey, verify } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { prepare, root } from '../scripts/prepare.mjs';
import { median } from './numbers.mjs';
import { round } from './server.mjs';

/**
 * What is asked for: of the bare rate, and times the bare rate. RSA's checks are three times as quick as the others, so that the same
 * work beside them is a larger share: its row is there to be seen.
 */
const ASKED = { ES256: { uncached: 0.6, cached: 50 }, EdDSA: { uncached: 0.6, cached: 50 } };
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    tokens: { type: 'string', default: '3000' },
    algorithm: { type: 'string', multiple: true, default: ['ES256', 'EdDSA', 'RS256'] },
  },
});
const [rounds, count] = [Number(values.rounds), Number(values.tokens)];
const HITS = 200_000;
const CALLERS = 100; // who come in turn with a token seen before

await prepare({ build: false });
if (spawnSync(process.execPath, ['scripts/build-client.mjs'], { cwd: root, stdio: 'inherit' }).status !== 0)
  process.exit(1);
const { createAuthClient } = await import('../packages/client/dist/index.js');
const { startFakeAuth } = await import('../packages/client/dist/testing.js');

const roles = ['ADMIN', 'STAFF'];
const permissions = ['users:read', 'users:update', 'roles:read', 'records:read', 'records:write'];
let [auth, client] = [];
for (const algorithm of values.algorithm) {
  auth = await startFakeAuth({ algorithm });
  client = createAuthClient({ url: auth.url, serviceToken: auth.serviceToken, cacheSize: count });
  await client.ready();
  if (!report(algorithm, await measure())) process.exitCode = 1;
  client.close();
  await auth.close();
}

/** Each round with tokens of its own, so that none was seen before; the order of the two halves changes. */
async function measure() {
  const results = [];
  for (let turn = -1; turn < rounds; turn++) {
    const tokens = Array.from({ length: count }, () => auth.token({ roles, permissions }));
    const order = turn % 2 ? [bare, uncached] : [uncached, bare];
    const row = {};
    for (const run of order) row[run.name] = await run(tokens);
    row.cached = await cached(tokens);
    // The event loop never turned: let heartbeats in.
    await sleep(300);
    // The first one is warming up.
    if (turn >= 0) results.push(row);
  }
  return results;
}

/** What nobody can do without: the check of one signature, with everything prepared. */
async function bare(tokens) {
  const [jwk] = auth.jwks().keys;
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  const digest = jwk.alg === 'EdDSA' ? null : 'sha256';
  const material = jwk.alg === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' } : key;
  const prepared = tokens.map((token) => {
    const at = token.lastIndexOf('.');
    return [Buffer.from(token.slice(0, at)), Buffer.from(token.slice(at + 1), 'base64url')];
  });
  return rateOf(prepared.length, () => {
    for (const [input, signature] of prepared)
      if (!verify(digest, input, material, signature)) throw new Error('a good signature was refused');
  });
}

async function uncached(tokens) {
  return rateOf(tokens.length, async () => {
    for (const token of tokens)
      if (!(await client.verify(token)).valid) throw new Error('a good token was refused');
  });
}

/** Texts as they come off the wire: not the very strings that were seen before. */
async function cached(tokens) {
  const texts = Array.from({ length: CALLERS }, (_, at) =>
    Buffer.from(tokens[at % tokens.length]).toString(),
  );
  for (const text of texts) await client.verify(text);
  return rateOf(HITS, async () => {
    for (let at = 0; at < HITS; at++)
      if (!(await client.verify(texts[at % texts.length])).valid) throw new Error('a good token was refused');
  });
}

/** Times a second of processor time: what else runs on the machine is not counted. */
async function rateOf(times, work) {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (times * 1e6) / (user + system);
}

function report(algorithm, results) {
  const of = (name) => median(results.map((row) => row[name]));
  const ratio = (name) => median(results.map((row) => row[name] / row.bare));
  const line = (name, figures) => console.log(`${name.padEnd(34)} ${figures}`);
  line(`node:crypto, bare ${algorithm}`, `${Math.round(of('bare'))} checks/s`);
  line('client, a token never seen', `${Math.round(of('uncached'))} /s, ${round(ratio('uncached'))} of bare`);
  line('client, a token seen before', `${Math.round(of('cached'))} /s, ${round(ratio('cached'))} times bare`);
  const asked = ASKED[algorithm];
  if (!asked) return true;
  const well = ratio('uncached') >= asked.uncached && ratio('cached') >= asked.cached;
  console.log(well ? 'well' : `too slow: at least ${asked.uncached} and ${asked.cached} are asked for`);
  return well;
}
