#!/usr/bin/env node
// npm run bench:memory: what the service's processes hold under ten minutes of mixed load. README.md tells how to read it.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { prepare } from '../scripts/prepare.mjs';
import { measureMemory } from './remember.mjs';
import { drawIntoDocs } from './report/docs.mjs';
import { verdictOf } from './report/text.mjs';
import { onStage } from './stage/stage.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    out: { type: 'string' },
    docs: { type: 'boolean' },
  },
});

await prepare();
const memory = await onStage({ redis: 'no' }, (stage) => measureMemory(stage, Number(values.seconds)));
console.log(verdictOf({ skipped: [], promises: memory.promises }));
if (values.out) writeFileSync(values.out, `${JSON.stringify(memory)}\n`);
if (values.docs) drawIntoDocs({ memory });
process.exit(memory.promises.every(({ isKept }) => isKept) ? 0 : 1);
