// The pictures of docs/performance.md: each from a result, with a title that says what was found. A picture whose cells were not measured is
// left out.
import { isComparable, ratio } from '../promises.mjs';
import { course } from './course.mjs';
import { panels } from './panels.mjs';
import { ranking } from './ranking.mjs';
import { figure } from './text.mjs';

const OWN = 'authgraph';
const JOB_NAMES = {
  verify: 'verifyToken',
  refresh: 'refresh',
  users: 'users, a page of 20',
  signin: 'signIn, bcrypt 10',
};

/** { [file name]: SVG } of a result of `npm run bench` and one of `npm run bench:memory`, of which either may be missing. */
export function plotsOf({ results, memory }) {
  const cells = (results?.cells ?? []).filter(({ invalid }) => !invalid);
  const drawn = {
    verify: verification(cells),
    refresh: refreshing(cells),
    'sign-in': hashing(cells, 'signin', 'Sign-ins'),
    'sign-up': hashing(cells, 'signup', 'Sign-ups'),
    growth: growing(cells, results),
    processes: multiplying(cells, results),
    memory: memory && remembering(memory),
  };
  return Object.fromEntries(Object.entries(drawn).filter(([, svg]) => svg !== undefined));
}

const within = (cells, group) => cells.filter((cell) => cell.group === group);
const find = (cells, row, job) => cells.find((cell) => cell.row === row && cell.job === job);
const timesText = (value) => `${value.toFixed(value < 10 ? 2 : 0)}×`;

function verification(all) {
  const cells = within(all, 'verify').filter(
    ({ job, cpuUs }) => cpuUs !== null && ['verify', 'verify, with bearer', 'typename'].includes(job),
  );
  const own = find(cells, OWN, 'verify');
  if (!own) return undefined;
  const beside = [
    ['Apollo Server { __typename }', 'typename', 'Apollo Server’s { __typename }'],
    ['fastify-jwt', 'verify', 'the check by hand'],
  ].flatMap(([row, job, words]) => {
    const other = find(cells, row, job);
    return other ? [`${timesText(ratio(own, other, 'cpu'))} ${words}`] : [];
  });
  return ranking({
    title: `verifyToken: ${beside.join(', ') || `${Math.round(own.cpuUs)} µs`}`,
    subtitle: 'Processor time a request of the server’s processes, and requests a second',
    rows: cells
      .toSorted((a, b) => a.cpuUs - b.cpuUs)
      .map((cell) => ({
        label: nameOf(cell),
        value: cell.cpuUs,
        text: `${figure(cell.cpuUs)} µs · ${figure(cell.rate)}/s`,
        kind: cell.kind,
        isMain: cell === own,
      })),
    notes: [
      'Blue: this service. Green: what Node, graphql-js and Apollo Server take by themselves. Grey: others, asked who a token or session is.',
    ],
  });
}

const nameOf = ({ row, job }) =>
  ({
    verify: row,
    signin: row,
    signup: row,
    refresh: row,
    typename: row.includes('__typename') ? row : `${row} { __typename }`,
  })[job] ?? `${row}, ${job.replace('verify, ', '')}`;

function refreshing(all) {
  const cells = within(all, 'refresh');
  const own = find(cells, OWN, 'refresh');
  if (!own) return undefined;
  const hand = find(cells, 'fastify-jwt', 'refresh');
  const beside = hand ? `, ${timesText(ratio(own, hand, 'rate'))} the rate of what is written by hand` : '';
  return ranking({
    title: `${figure(own.rate)} refreshes a second${beside}`,
    subtitle: 'Requests a second, each with the token that an earlier answer gave, and the median wait',
    rows: byRate(cells, (cell) => `${figure(cell.rate)}/s · ${figure(cell.p50)} ms`),
    notes: cells.some(({ facts }) => facts?.isRotated === false)
      ? ['Which rows give a new refresh token each time, as this service does, stands in the table.']
      : [],
  });
}

const byRate = (cells, textFor, kindFor = ({ kind }) => kind) =>
  cells
    .toSorted((a, b) => b.rate - a.rate)
    .map((cell) => ({
      label: nameOf(cell),
      value: cell.rate,
      text: textFor(cell),
      kind: kindFor(cell),
      isMain: cell.row === OWN,
    }));

function hashing(all, group, what) {
  const cells = within(all, group);
  const own = find(cells, OWN, group);
  if (!own) return undefined;
  const equals = cells.filter((cell) => cell.kind === 'peer' && isComparable(cell, own));
  const ahead = equals.filter((cell) => ratio(own, cell, 'rate') >= 1);
  const found =
    equals.length > 0 ? `ahead of ${ahead.length} of ${equals.length} that hash at the same cost` : own.hash;
  return ranking({
    title: `${what}: ${figure(own.rate)} a second, ${found}`,
    subtitle: 'Requests a second; nearly all of the time goes into the hash of the password',
    rows: byRate(
      cells,
      (cell) => `${figure(cell.rate)}/s · ${shortHash(cell.hash)}`,
      (cell) => (cell.kind === 'peer' && !isComparable(cell, own) ? 'apart' : cell.kind),
    ),
    notes:
      equals.length < cells.length - 1
        ? ['Outlined: another hash or another cost, so not to be compared.']
        : [],
  });
}

const shortHash = (hash = '') => hash.replace(/ \(.*|, .*/, '').replace(' cost ', ' ');

function growing(all, results) {
  const rows = within(all, 'growth: verify');
  if (rows.length < 2) return undefined;
  const [few, many] = [rows[0], rows.at(-1)];
  const kept = Math.round(ratio(many, few, 'cpu') * 100);
  return panels({
    title: `With ${counted(many.variant.accounts)} accounts verifyToken keeps ${kept} % of its rate`,
    subtitle: `Processor time a request by number of accounts: the service’s and PostgreSQL’s, at ${results.options.connections} connections`,
    panels: ['verify', 'refresh', 'users', 'signin'].flatMap((job) =>
      panelOf(within(all, `growth: ${job}`), JOB_NAMES[job], costOf(job), ({ accounts }) =>
        counted(accounts),
      ),
    ),
  });
}

/** In µs, or in ms where a request takes that long. */
const costOf = (job) => {
  const [unit, divisor] = job === 'verify' ? ['µs', 1] : ['ms', 1000];
  return { unit: `${unit} a request`, value: (cell) => (cell.cpuUs + cell.postgresUs) / divisor };
};
const rateOf = { unit: 'requests a second', value: ({ rate }) => rate };

const panelOf = (cells, name, { unit, value }, labelOf) =>
  cells.length === 0
    ? []
    : [
        {
          name,
          unit,
          points: cells.map((cell) => ({
            label: labelOf(cell.variant),
            value: value(cell),
            text: figure(value(cell)),
          })),
        },
      ];

const counted = (number) => number.toLocaleString('en-US');

function multiplying(all, results) {
  const rows = within(all, 'processes: verify');
  if (rows.length < 2) return undefined;
  const [one, many] = [rows[0], rows.at(-1)];
  const times = timesText(ratio(many, one, 'rate'));
  return panels({
    title: `${many.variant.workers} processes answer ${times} as many verifyToken as one`,
    subtitle: `By number of processes on ${results.cores} cores, one of which the generator of the load keeps busy`,
    panels: ['verify', 'refresh'].flatMap((job) => [
      ...panelOf(within(all, `processes: ${job}`), JOB_NAMES[job], rateOf, ({ workers }) => String(workers)),
      ...panelOf(within(all, `processes: ${job}`), JOB_NAMES[job], costOf(job), ({ workers }) =>
        String(workers),
      ),
    ]),
  });
}

function remembering({ seconds, processes, mostMb, growthMb, limitMb }) {
  return course({
    title: `At most ${figure(mostMb)} MB a process, ${growthMb >= 0 ? '+' : '−'}${Math.abs(growthMb).toFixed(1)} MB over the second half`,
    subtitle:
      'Resident memory under verifyToken, introspection, refresh, sign-in and pages of users at once; every process of the service',
    lines: memoryLines(processes),
    limit: { value: limitMb, text: `promised: ${limitMb} MB` },
    unit: 'MB',
    xLabel: (value) => (seconds >= 300 ? `${+(value / 60).toFixed(1)} min` : `${Math.round(value)} s`),
  });
}

/** The hashing processes lie on one another, so that one label speaks for them. */
function memoryLines(processes) {
  const last = ({ samples }) => Math.round(samples.at(-1)[1]);
  const hashers = processes.filter(({ name }) => name === 'hasher');
  return processes.map((one) => {
    const isMain = one.name === 'service';
    const many = `${hashers.length} that hash: ${Math.max(...hashers.map(last))} MB`;
    const label = isMain ? `service: ${last(one)} MB` : one === hashers[0] ? many : undefined;
    return { points: one.samples, isMain, label };
  });
}
