// Measures the cells of a group in turns: { row, job }, a job of a row.
import { load } from './load/run.mjs';
import { settled, usageOf } from './stage/processes.mjs';
import { median } from './numbers.mjs';

/** More wrong answers than this share and a cell measures refusals. */
const MOST_WRONG = 0.001;
const FIGURES = ['rate', 'cpuUs', 'postgresUs', 'p50', 'p99', 'rssMb'];

/**
 * Each cell once a round, forwards and backwards in turn, after one short run of each that does not count.
 * @param group { name, cells, seconds, rate? } @param run { rounds, connections, warmUp, postgresPid, progress }
 * @returns a result for each cell: medians, all rounds, and `invalid` with the reason where it measures nothing
 */
export async function measureGroup(group, run) {
  const results = new Map(group.cells.map((cell) => [cell, { rounds: [] }]));
  const visit = async (cell, seconds, keep) => {
    const result = results.get(cell);
    if (result.invalid) return;
    try {
      const round = await measure(cell, { ...run, seconds, rate: group.rate });
      if (keep) result.rounds.push(round);
      if (round.wrong > MOST_WRONG * round.total)
        result.invalid = `${round.wrong} of ${round.total} answers are wrong: ${round.sample}`;
    } catch (error) {
      result.invalid = error.message;
    }
  };
  for (const cell of group.cells) await visit(cell, run.warmUp, false);
  for (let turn = 0; turn < run.rounds; turn++) {
    run.progress(`${group.name}: round ${turn + 1} of ${run.rounds}`);
    for (const cell of turn % 2 ? group.cells.toReversed() : group.cells)
      await visit(cell, group.seconds, true);
  }
  return group.cells.map((cell) => describe(group, cell, results.get(cell)));
}

async function measure({ row, job }, { seconds, connections, rate, postgresPid }) {
  const pids = [row.pid, postgresPid];
  const before = pids.map(usage);
  const result = await load({ url: row.url, seconds, connections, rate, job: taskOf(row, job) });
  keepWhatIsLeft(row, job, result.left);
  if (row.pid) await settled(row.pid);
  const after = pids.map(usage);
  const [cpuUs, postgresUs] = after.map((one, at) =>
    one ? ((one.cpuMs - before[at].cpuMs) * 1000) / result.total : null,
  );
  const { rate: answered, total, wrong, sample, p50, p99, max } = result;
  return {
    rate: answered,
    cpuUs,
    postgresUs,
    p50,
    p99,
    max,
    rssMb: after[0]?.rssMb ?? null,
    total,
    wrong,
    sample,
  };
}

/** Of a process that is not ours nothing is known. */
const usage = (pid) => pid && usageOf(pid);

/** What the generator is told: the request, and the people or sessions that it draws on. */
export function taskOf(row, name) {
  const {
    mode = name === 'signup' ? 'fresh' : 'cycle',
    method,
    path,
    headers,
    body,
    status,
    ok,
    not,
    capture,
  } = row.jobs[name];
  const sources = { fresh: { first: row.nextPerson }, chain: { rows: row.chain } };
  const drawn = name === 'signin' ? row.people : row.sessions;
  const rows = name === 'verify 100' ? drawn.slice(0, 1) : drawn;
  return { mode, method, path, headers, body, status, ok, not, capture, ...(sources[mode] ?? { rows }) };
}

function keepWhatIsLeft(row, name, left) {
  if (row.jobs[name].mode === 'chain') row.chain = left;
  else if (name === 'signup') row.nextPerson = left;
}

function describe({ name, rate }, { row, job, variant }, { rounds, invalid }) {
  const medians = Object.fromEntries(
    FIGURES.map((figure) => [figure, median(rounds.map((round) => round[figure]))]),
  );
  const { name: rowName, kind, about, hash, facts } = row;
  const what = {
    group: name,
    row: rowName,
    kind,
    job,
    about,
    hash,
    facts,
    variant,
    offered: rate,
  };
  return { ...what, ...(invalid ? { invalid } : medians), rounds };
}
