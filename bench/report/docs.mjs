// Puts results into docs/: the figures as JSON, the pictures, and the tables between two marks of docs/performance.md.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { plotsOf } from './plots.mjs';
import { pageOf } from './page.mjs';

const DOCS = new URL('../../docs/', import.meta.url).pathname;
const PAGE = `${DOCS}performance.md`;
const FOLDER = `${DOCS}performance/`;
const [BEGIN, END] = ['<!-- bench: begin (written by npm run bench) -->', '<!-- bench: end -->'];

/** Keeps what was measured anew, { results, memory } or one of them, and draws the page from all that is kept. */
export function drawIntoDocs(measured) {
  mkdirSync(FOLDER, { recursive: true });
  for (const [name, value] of Object.entries(measured)) if (value) keep(name, value);
  const kept = { results: read('results'), memory: read('memory') };
  const plots = plotsOf(kept);
  for (const [name, svg] of Object.entries(plots)) writeFileSync(`${FOLDER}${name}.svg`, svg);
  writeFileSync(PAGE, replaced(readFileSync(PAGE, 'utf8'), pageOf(kept, Object.keys(plots))));
}

function keep(name, value) {
  writeFileSync(`${FOLDER}${name}.json`, `${JSON.stringify(value, slim)}\n`);
}

/** Four digits are more than a measurement knows. */
const slim = (_key, value) =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;

function read(name) {
  const file = `${FOLDER}${name}.json`;
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

function replaced(page, text) {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${PAGE} has no marks ${BEGIN} and ${END}`);
  return `${page.slice(0, from)}${BEGIN}\n\n${text}\n\n${page.slice(to)}`;
}
