// `npm run docs:permissions`: writes docs/permissions.md, the matrix of src/permissions/table.ts as a page. With --check it
// writes nothing and fails when the page is not what would be written.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { main, prepare, root, say, Unprepared } from './prepare.mjs';

await prepare();
const { table } = await import('../dist/src/permissions/table.js');
const { limits } = await import('../dist/src/domain/limits.js');
const file = join(root, 'docs', 'permissions.md');

/** What each rule of src/permissions/rules.ts means; a rule named after a permission asks for an account that holds it. */
const MEANINGS = {
  anyone:
    'Whoever came through the door, which in production asks for the gateway’s secret; below the first level, whoever reached the object.',
  known:
    'An account, or the gateway where no bearer came along: anybody but one whose bearer was not believed.',
  'known, or holder': '*known*, or the holder of a token that asks about that very token.',
  'signed in': 'An account with a good access token.',
  self: 'The account that the object is, or one that holds the permission; to anybody else the field is null with FORBIDDEN.',
};
const PERMISSION = /^[a-z]+:[a-z]+$/;

await main(() => {
  const wanted = page();
  if (read() === wanted) return;
  if (process.argv.includes('--check'))
    throw new Unprepared(
      'docs/permissions.md is not what src/permissions/table.ts says: run npm run docs:permissions, and commit it.',
    );
  writeFileSync(file, wanted);
  say('docs/permissions.md is written.');
});
// Whatever was imported may have left something open.
process.exit();

function page() {
  const { Query, Mutation, ...types } = table;
  const parts = [
    '# Who may do what',
    '<!-- Written by npm run docs:permissions from src/permissions/table.ts and src/domain/limits.ts: change those. -->',
    'Every field of the graph, who may have it and what a call of it draws on. What is not here is denied. What an account may do to one certain other account or role is asked again inside the transaction (src/domain/access.ts): nobody manages what ranks as high as themselves or higher, save for owners.',
    ...section('Who', ['rule', 'who that is'], legend()),
    ...section('Queries', ['query', 'who'], rowsOf(Query)),
    ...section('Mutations', ['mutation', 'who', 'limit'], rowsOf(Mutation, true)),
    ...section('Fields', ['type', 'who', 'fields'], Object.entries(types).flatMap(rowsOfType)),
    ...section('Limits', ['limit', 'counts by', 'calls', 'within'], limitRows()),
    '`LIMITS_SCALE` multiplies the calls of every limit. Behind a proxy of `TRUSTED_PROXIES`, the address is the one that it names in X-Forwarded-For; IPv6 counts by its /64. Beyond a limit the answer is RATE_LIMITED with `retryAfterSeconds`.',
  ];
  return `${parts.join('\n\n')}\n`;
}

function section(title, columns, rows) {
  return [`## ${title}`, matrix(columns, rows)];
}

/** A table whose columns stand under one another in the source as well, so that it reads as text. */
function matrix(columns, rows) {
  const widths = columns.map((name, at) => Math.max(name.length, ...rows.map((row) => row[at].length)));
  const last = columns.length - 1;
  const line = (cells) =>
    `| ${cells.map((cell, at) => (at === last ? cell : cell.padEnd(widths[at]))).join(' | ')} |`;
  const rule = widths.map((width, at) => '-'.repeat(at === last ? 3 : width));
  return [line(columns), line(rule), ...rows.map(line)].join('\n');
}

function rowsOf(fields, isLimited = false) {
  return Object.entries(fields).map(([name, { rule, limit }]) => [
    `\`${name}\``,
    rule.name,
    ...(isLimited ? [limit ?? ''] : []),
  ]);
}

/** One row for all fields of a type that have one rule. */
function rowsOfType([type, fields]) {
  const rules = [...new Set(Object.values(fields).map(({ rule }) => rule.name))];
  return rules.map((name) => [type, name, fieldsWith(fields, name).join(', ')]);
}

function fieldsWith(fields, name) {
  return Object.keys(fields).filter((field) => fields[field].rule.name === name);
}

function legend() {
  const used = new Set(
    Object.values(table)
      .flatMap(Object.values)
      .map(({ rule }) => rule.name),
  );
  return [...used].map((name) => [name, meaningOf(name)]);
}

function meaningOf(name) {
  const [first, permission] = name.split(', ');
  if (PERMISSION.test(name)) return `An account that holds \`${name}\`.`;
  const meaning = MEANINGS[first === 'self' && PERMISSION.test(permission) ? first : name];
  if (meaning === undefined)
    throw new Unprepared(`Say in scripts/docs-permissions.mjs what the rule "${name}" means.`);
  return meaning;
}

function limitRows() {
  return Object.entries(limits).map(([name, { by, points, seconds }]) => [
    name,
    by,
    String(points),
    seconds % 3600 === 0 ? `${seconds / 3600} h` : `${seconds / 60} min`,
  ]);
}

function read() {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
