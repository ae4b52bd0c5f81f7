// `npm run test:faults -- [--quick] [--at-once n] [--json file] [scenario …]`: what the service survives, with real processes.
import { readdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { play } from './parts/playing.mjs';
import { table } from './parts/report.mjs';
import { makeTemplates } from './parts/template.mjs';

/** Those that take longest begin first. */
const FIRST = ['old-beside-new', 'clock-moved', 'rolling-restart', 'backend-killed'];
const rank = (name) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    'at-once': { type: 'string' },
    json: { type: 'string' },
    list: { type: 'boolean' },
  },
});
const names = readdirSync(new URL('./scenarios/', import.meta.url))
  .filter((file) => file.endsWith('.mjs'))
  .map((file) => file.slice(0, -4))
  .sort((one, other) => rank(one) - rank(other) || (one < other ? -1 : 1));
const unknown = positionals.filter((name) => !names.includes(name));
if (values.list || unknown.length > 0) {
  if (unknown.length > 0) process.stderr.write(`There is no ${unknown.join(', ')}. There are:\n`);
  process.stdout.write(`${names.join('\n')}\n`);
  process.exit(unknown.length > 0 ? 2 : 0);
}

const began = performance.now();
const env = await makeTemplates();
const { quick: isQuick } = values;
const width = Number(values['at-once'] ?? (isQuick ? 2 : 1));
const scenarios = await play(positionals.length > 0 ? positionals : names, { isQuick, width, env });
const result = { quick: isQuick, seconds: Math.round((performance.now() - began) / 1000), scenarios };
process.stdout.write(table(result));
if (values.json) writeFileSync(values.json, `${JSON.stringify(result, null, 2)}\n`);
const isBad = scenarios.some(({ failed, violations = [] }) => failed || violations.length > 0);
process.exit(isBad ? 1 : 0);
