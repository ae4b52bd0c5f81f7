#!/usr/bin/env node
// npm run bench: the service beside what Node, graphql-js and Apollo Server cost by themselves, beside others, and beside itself with more
// accounts and processes. README.md tells how to read it.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepare } from '../scripts/prepare.mjs';
import { readOptions } from './options.mjs';
import { judge } from './promises.mjs';
import { drawIntoDocs } from './report/docs.mjs';
import { textOf } from './report/text.mjs';
import { run } from './run.mjs';
import { inWords, say, step } from './stage/progress.mjs';
import { openStores } from './stage/stores.mjs';

const options = optionsOrExit();
if (options.plot) {
  drawIntoDocs({ results: JSON.parse(readFileSync(options.plot, 'utf8')) });
  process.exit(0);
}
await prepare();
const startedAt = performance.now();
const result = await onStage(describedRun);
console.log(textOf(result));
if (options.out) writeFileSync(options.out, `${JSON.stringify(result, null, 1)}\n`);
if (options.docs) drawIntoDocs({ results: result });
say(`done in ${inWords((performance.now() - startedAt) / 1000)}`);
process.exit(result.promises.every(({ isKept }) => isKept) ? 0 : 1);

function optionsOrExit() {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
}

/** Everything that is started and written is gone afterwards. */
async function onStage(work) {
  const dir = mkdtempSync(join(tmpdir(), 'authgraph-bench-'));
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  const stores = await openStores({ ...options, dir });
  try {
    return await work({ dir, stores, progress: step });
  } finally {
    await stores.stop();
  }
}

/** What was measured, on what, and what it means for the promises; nothing that names the machine. */
async function describedRun(stage) {
  const { cells, skipped } = await run(stage, options);
  const { rounds, seconds, hashSeconds, connections, sessions, people, accounts, processes } = options;
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    cores: cpus().length,
    minutes: Math.round((performance.now() - startedAt) / 6000) / 10,
    options: { rounds, seconds, hashSeconds, connections, sessions, people, accounts, processes },
    skipped,
    promises: judge(cells),
    cells,
  };
}
