// What stands between the marks of docs/performance.md: promises, pictures and tables.
import { figure, ratioText } from './text.mjs';

const PICTURES = {
  verify: 'Processor time of verifyToken beside bare Node, graphql-js, Apollo Server and others',
  refresh: 'Refreshes a second beside others',
  'sign-in': 'Sign-ins a second beside others',
  'sign-up': 'Sign-ups a second beside others',
  growth: 'Processor time a request as accounts grow',
  processes: 'Requests a second and processor time with one and two processes',
  memory: 'Resident memory over time',
};
const TITLES = {
  verify: 'verifyToken',
  introspect: 'Introspection',
  refresh: 'Refresh',
  offered: 'Refresh, 300 a second offered',
  users: 'A page of users',
  jwks: 'The key set',
  signin: 'Sign-in',
  signup: 'Sign-up',
  'growth: verify': 'More accounts: verifyToken',
  'growth: refresh': 'More accounts: refresh',
  'growth: users': 'More accounts: a page of users',
  'growth: signin': 'More accounts: sign-in',
  'processes: verify': 'More processes: verifyToken',
  'processes: refresh': 'More processes: refresh',
};

/** Markdown of what is kept, with those pictures that were drawn. */
export function pageOf({ results, memory }, pictures) {
  const shown = Object.entries(PICTURES).filter(([name]) => pictures.includes(name));
  return [
    results && aboutRun(results),
    results && memory
      ? promisesTable([...results.promises, ...memory.promises])
      : promisesTable((results ?? memory).promises),
    ...shown.map(([name, words]) => `![${words}](performance/${name}.svg)`),
    results && tables(results),
    memory && aboutMemory(memory),
  ]
    .filter(Boolean)
    .join('\n\n');
}

function aboutRun({ date, node, cores, minutes, options, skipped }) {
  const { rounds, seconds, hashSeconds, connections, sessions } = options;
  const missing = skipped.map(({ row, reason }) => `${row} (${reason.replaceAll('\n', ' ').slice(0, 120)})`);
  return [
    `Measured on ${date} with Node ${node.slice(1)} on ${cores} cores, in ${Math.round(minutes)} minutes: medians of ${rounds} rounds of ${seconds} s (${hashSeconds} s where`,
    `passwords are hashed) in turns, ${connections} connections, ${sessions} sessions. All figures: [results.json](performance/results.json).`,
    ...(missing.length > 0 ? [`Not measured: ${missing.join('; ')}.`] : []),
  ].join('\n');
}

function promisesTable(promises) {
  const lines = promises.map(({ text, value, rate, least, most, isKept }) => {
    const bound = least === undefined ? `at most ${ratioText(most)}` : `at least ${ratioText(least)}`;
    const byRate = rate === undefined || rate === value ? '' : ratioText(rate);
    return `| ${text} | ${value === null ? 'not measured' : isKept ? ratioText(value) : `**${ratioText(value)}**`} | ${byRate} | ${bound} | ${isKept ? 'kept' : '**broken**'} |`;
  });
  return ['| promise | measured | the same by rate | promised | |', '|---|---|---|---|---|', ...lines].join(
    '\n',
  );
}

function tables({ cells }) {
  const groups = [...new Set(cells.map(({ group }) => group))].filter((group) => TITLES[group]);
  const all = groups.map((group) =>
    tableOf(
      group,
      cells.filter((cell) => cell.group === group),
    ),
  );
  return ['<details><summary>All rows</summary>', ...all, '</details>'].join('\n\n');
}

function tableOf(group, cells) {
  const head = ['row', 'req/s', 'µs CPU', 'of PostgreSQL', 'p50 ms', 'p99 ms', 'MB', 'what it is'];
  const lines = cells.map((cell) => `| ${cellsOf(cell).join(' | ')} |`);
  return [
    `**${TITLES[group]}**`,
    '',
    `| ${head.join(' | ')} |`,
    `|${'---|'.repeat(head.length)}`,
    ...lines,
  ].join('\n');
}

function cellsOf({ row, job, kind, about, hash, facts, group, invalid, ...figures }) {
  const name = kind === 'own' && !['signin', 'signup', 'refresh'].includes(job) ? `${row}: ${job}` : row;
  const hashed = ['signin', 'signup'].includes(group) ? [hash] : [];
  const what = [about, ...hashed, ...factsOf(group, kind, facts)].filter(Boolean).join('; ');
  if (invalid) return [name, 'invalid', '', '', '', '', '', invalid.replaceAll(/[|\n]/g, ' ').slice(0, 120)];
  const { rate, cpuUs, postgresUs, p50, p99, rssMb } = figures;
  return [name, ...[rate, cpuUs, postgresUs, p50, p99, rssMb].map(figure), what];
}

function factsOf(group, kind, facts = {}) {
  const hears = kind === 'peer' && group === 'verify' && facts.revokedAfterMs === null;
  return [
    hears && 'still believes a session 5 s after its end',
    group === 'refresh' && facts.isRotated === false && 'gives the same refresh token again',
  ];
}

function aboutMemory({ date, seconds, requests }) {
  const kinds = Object.entries(requests).map(([job, { total }]) => `${total.toLocaleString('en-US')} ${job}`);
  return `Memory: ${Math.round(seconds / 60)} minutes of load on ${date}, ${kinds.join(', ')}; every second is in [memory.json](performance/memory.json).`;
}
