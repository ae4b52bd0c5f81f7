// `npm run test:faults -- [--quick] [--json file] [scenario …]`: what the service survives, with real processes.
import { readdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describe, table } from './parts/report.mjs';

const FOLDER = new URL('./scenarios/', import.meta.url);
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean' }, json: { type: 'string' }, list: { type: 'boolean' } },
});
const names = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.mjs'))
  .map((file) => file.slice(0, -4));
const unknown = positionals.filter((name) => !names.includes(name));
if (values.list || unknown.length > 0) {
  if (unknown.length > 0) process.stderr.write(`There is no ${unknown.join(', ')}. There are:\n`);
  process.stdout.write(`${names.join('\n')}\n`);
  process.exit(unknown.length > 0 ? 2 : 0);
}

const began = performance.now();
const reports = [];
for (const name of positionals.length > 0 ? positionals : names) {
  process.stderr.write(`${name} …`);
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  const { survives, lacks } = await import(new URL(`${name}.mjs`, FOLDER).href);
  const missing = await lacks?.();
  let report;
  if (missing) report = { name, skipped: missing };
  else
    try {
      const progress = (text) => process.stderr.isTTY && process.stderr.write(`\r\x1b[K${name}: ${text}`);
      report = describe(name, await survives({ isQuick: values.quick ?? false, progress }));
    } catch (error) {
      report = { name, failed: error.stack };
    }
  report.seconds = Math.round(seconds());
  reports.push(report);
  const word = report.skipped
    ? `SKIPPED: ${report.skipped}`
    : (report.failed ?? `${report.kills} kills, ${report.violations.length} violations`);
  process.stderr.write(`${process.stderr.isTTY ? `\r\x1b[K${name}` : ''} ${report.seconds} s: ${word}\n`);
  for (const violation of (report.violations ?? []).slice(0, 20)) process.stderr.write(`    ${violation}\n`);
}
const result = {
  quick: values.quick ?? false,
  seconds: Math.round((performance.now() - began) / 1000),
  scenarios: reports,
};
process.stdout.write(table(result));
if (values.json) writeFileSync(values.json, `${JSON.stringify(result, null, 2)}\n`);
const isBad = reports.some(({ failed, violations = [] }) => failed || violations.length > 0);
process.exit(isBad ? 1 : 0);
