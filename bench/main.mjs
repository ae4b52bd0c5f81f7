#!/usr/bin/env node
// npm run bench: the service beside what Node, graphql-js and Apollo Server cost by themselves, beside others, and beside itself with more
// accounts and processes. README.md tells how to read it.
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { prepare } from '../scripts/prepare.mjs';
import { readOptions } from './options.mjs';
import { judge } from './promises.mjs';
import { measureMemory } from './remember.mjs';
import { drawIntoDocs } from './report/docs.mjs';
import { verdictOf } from './report/text.mjs';
import { run } from './run.mjs';
import { inWords, say } from './stage/progress.mjs';
import { onStage } from './stage/stage.mjs';

const options = optionsOrExit();
if (options.plot) {
  const { memory: kept, ...rest } = JSON.parse(readFileSync(options.plot, 'utf8'));
  drawIntoDocs({ results: rest, memory: kept });
  process.exit(0);
}
await prepare();
const startedAt = performance.now();
const { results, memory } = await onStage(options, measureAll);
const promises = [...results.promises, ...(memory?.promises ?? [])];
console.log(verdictOf({ ...results, promises }));
if (options.out) writeFileSync(options.out, `${JSON.stringify({ ...results, memory }, null, 1)}\n`);
if (options.docs) drawIntoDocs({ results, memory });
say(`done in ${inWords((performance.now() - startedAt) / 1000)}`);
process.exit(promises.every(({ isKept }) => isKept) ? 0 : 1);

/** Memory last: it takes the longest, and what was measured before is kept whatever becomes of it. */
async function measureAll(stage) {
  const described = await describedRun(stage);
  if (!options.memory) return { results: described };
  try {
    return { results: described, memory: await measureMemory(stage, options.memory) };
  } catch (error) {
    const promises = [...described.promises, brokenBy({ reason: error.message })];
    return { results: { ...described, promises } };
  }
}

/** A measurement that could not be made breaks what it was made for. */
function brokenBy({ reason }) {
  return { text: `everything is measured: ${reason}`, value: null, least: 1, isKept: false };
}

function optionsOrExit() {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
}

/** What was measured, on what, and what it means for the promises; nothing that names the machine. */
async function describedRun(stage) {
  const { cells, skipped, failed } = await run(stage, options);
  const { rounds, seconds, hashSeconds, connections, sessions, people, accounts, processes } = options;
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    cores: cpus().length,
    minutes: Math.round((performance.now() - startedAt) / 6000) / 10,
    options: { rounds, seconds, hashSeconds, connections, sessions, people, accounts, processes },
    skipped: [...skipped, ...failed],
    promises: [...judge(cells), ...failed.map(brokenBy)],
    cells,
  };
}
