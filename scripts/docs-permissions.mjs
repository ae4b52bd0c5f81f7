// `npm run docs:permissions`: writes docs/permissions.md, the matrix of src/permissions/table.ts as a page. With --check it
// writes nothing and fails when the page is not what would be written.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { main, prepare, root, say, Unprepared } from './prepare.mjs';

await prepare();
const { table } = await import('../dist/src/permissions/table.js');
const { targets } = await import('../dist/src/permissions/targets.js');
const { limits } = await import('../dist/src/domain/limits.js');
const { doorLimits } = await import('../dist/src/http/doors.js');
const { platform } = await import('../dist/src/domain/presets/platform.js');
const { serviceScopes } = await import('../dist/src/domain/service-tokens/scopes.js');
const file = join(root, 'docs', 'permissions.md');

/** What each rule of src/permissions/rules.ts means; a rule named after a permission asks for an account that holds it. */
const MEANINGS = {
  anyone:
    'Whoever came through the door, which in production asks for the gateway’s secret or a service token; below the first level, whoever reached the object.',
  known:
    'An account, a service, or the gateway where no credential came along: anybody but one whose credential was not believed.',
  'anyone but a service':
    'Whoever came through the door for a person: a service has no account to open, enter or recover.',
  'account or service': 'An account with a good access token, or a service with a good token of its own.',
  'users:read or scope':
    'An account that holds `users:read`, or a service whose token has the scope of that name.',
  'gateway, service or tokens:introspect':
    'The gateway for itself, a service, or an account that holds `tokens:introspect`.',
  'that service, services:read':
    'The service that the argument `id` names, about itself, or an account that holds `services:read`.',
  'known, or holder': '*known*, or the holder of a token that asks about that very token.',
  'signed in': 'An account with a good access token.',
  own: 'The account that the argument names, or one that holds the permission.',
  self: 'The account that the object is, or one that holds the permission, or a service whose token has the scope of that name; to anybody else the field is null with FORBIDDEN.',
};
const PERMISSION = /^[a-z]+:[a-z]+$/;

/** Who calls, and of accounts with a built-in role what it carries; OWNER carries everything. */
const ACTORS = [
  { name: 'anonymous' },
  { name: 'gateway' },
  { name: 'service', isService: true },
  ...platform.roles.map(({ name, permissions }) => ({
    name,
    isAccount: true,
    isOwner: name === 'OWNER',
    holds: (permission) => name === 'OWNER' || permissions.includes(permission),
  })),
];

/** Whom a rule of a mutation lets through; a rule named after a permission needs no word here. */
const PASSES = {
  anyone: () => true,
  'anyone but a service': ({ isService }) => !isService,
  'signed in': ({ isAccount }) => isAccount,
};
/** How limits count, below their table. */
const COUNTING = `Each process counts for itself, and refuses first. Behind that, \`postgres\` counts for all processes in PostgreSQL, and \`redis\` in Redis, where REDIS_URL names one: what is dear must not be had again by emptying Redis. \`login\` is the account, whichever of its names is given, or the name as it is compared where nobody has it; \`caller\` is the account or service that asks, else its address. The gateway, for itself, is counted nowhere. A call that needs points of several limits takes one of each or none. Of the limits on wrong secrets (\`secretChecks…\`, \`failures…\`) a point is taken before anything is looked at, and given back when the secret was right. *Grows*: each time that as many secrets were wrong as there are points, within a day of the first of them, the limit closes: for its own time, then for twice, then for four times that, never for longer (src/domain/limits/ledger.ts).`;
const ANY = '✓';
const NONE = '–';

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
    ...section(
      'Queries',
      ['query', 'who', 'limit'],
      Object.entries(Query).map(([name, { rule, limit }]) => [`\`${name}\``, rule.name, limit]),
    ),
    ...section('Mutations', ['mutation', 'who', 'limit', 'whom', 'second factor'], mutationRows(Mutation)),
    'The last column is about accounts that have a second factor, an authenticator app or a passkey: *proved* asks that the session has proved it, *fresh* that it did so within the last five minutes. Else the answer is INSUFFICIENT_AAL, and `stepUp` or `stepUpWithPasskey` opens the way without a new sign-in. An account that has none is asked for none, unless `MFA_REQUIRED_FROM` says that it must have one.',
    ...section('Whom', ['whom', 'whom that means'], Object.entries(targets)),
    ...section(
      'Every mutation by every actor',
      ['mutation', ...ACTORS.map(({ name }) => name)],
      Object.entries(Mutation).map(([name, row]) => [
        `\`${name}\``,
        ...ACTORS.map((actor) => cellOf(row, actor)),
      ]),
    ),
    `${ANY} any target; *self* the own account; *lower* accounts and roles of lower rank, and roles that carry only what one holds; *held* what carries only what one holds; ${NONE} refused. An actor is an account with that built-in role as it is at first, a service with a good token of its own whatever its scopes, the gateway without anybody’s credential, or anonymous: somebody whose credential is not believed. test/integration/permission-matrix.test.ts executes every cell, on every kind of target, and compares it with this table.`,
    ...section('Fields', ['type', 'who', 'fields'], Object.entries(types).flatMap(rowsOfType)),
    ...section(
      'Doors',
      ['path', 'limit'],
      Object.entries(doorLimits).map(([path, limit]) => [`\`${path}\``, limit ?? NONE]),
    ),
    ...section('Limits', ['limit', 'counts by', 'calls', 'within', 'counted', 'what'], limitRows()),
    COUNTING,
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

function mutationRows(fields) {
  return Object.entries(fields).map(([name, { rule, limit = '', target = '', aal2 = '' }]) => [
    `\`${name}\``,
    rule.name,
    limit,
    target,
    aal2,
  ]);
}

/** Which targets an actor may have a mutation done to. */
function cellOf({ rule, target }, actor) {
  if (!passes(rule.name, actor)) return NONE;
  if (target === undefined) return ANY;
  const words = target.split(/, | & /).map((word) => reachOf(word, actor));
  if (words.includes(ANY)) return ANY;
  return [...new Set(words)].filter((word) => word !== NONE).join(', ') || NONE;
}

function passes(rule, actor) {
  if (PERMISSION.test(rule)) return actor.isAccount && actor.holds(rule);
  // Of one's own account, and with the permission of others'.
  if (rule.startsWith('own, ')) return actor.isAccount;
  const judge = PASSES[rule];
  if (!judge)
    throw new Unprepared(`Say in scripts/docs-permissions.mjs whom the rule "${rule}" lets through.`);
  return judge(actor);
}

/** What one word of the third column comes to for an actor. */
function reachOf(word, { isOwner, holds }) {
  if (word === 'self') return 'self';
  if (isOwner) return ANY;
  if (word === 'lower' || word === 'role') return 'lower';
  if (word === 'sessions:manage') return holds(word) ? 'lower' : NONE;
  if (word === 'users:export') return holds(word) ? ANY : NONE;
  if (word === 'held') return 'held';
  if (word === 'scopes')
    return Object.values(serviceScopes).every(({ givenBy }) => holds(givenBy)) ? ANY : 'held';
  throw new Unprepared(`Say in scripts/docs-permissions.mjs what "${word}" comes to.`);
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
  const meaning = MEANINGS[PERMISSION.test(permission) && first in MEANINGS ? first : name];
  if (meaning === undefined)
    throw new Unprepared(`Say in scripts/docs-permissions.mjs what the rule "${name}" means.`);
  return meaning;
}

function limitRows() {
  return Object.entries(limits).map(([name, { by, points, seconds, counted, growing, of }]) => [
    name,
    by,
    String(points),
    `${seconds % 3600 === 0 ? `${seconds / 3600} h` : `${seconds / 60} min`}${growing ? ', grows' : ''}`,
    counted,
    of,
  ]);
}

function read() {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
