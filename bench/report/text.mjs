// Results as text, for a terminal: a table for each group, what was skipped, and the promises.

/** What is said at the end: rows that were skipped, and the promises. */
export function verdictOf({ skipped, promises }) {
  return [
    '',
    ...skipped.map(({ row, reason }) => `skipped  ${row}: ${reason}`),
    ...promises.map(promiseLine),
  ].join('\n');
}

/** A group's cells, a line each. */
export function tableOf(group, cells) {
  const width = Math.max(...cells.map(({ row, job }) => row.length + job.length + 3));
  return [`\n${group}`, ...cells.map((cell) => `  ${lineOf(cell, width)}`)].join('\n');
}

function lineOf({ row, job, invalid, rate, cpuUs, postgresUs, p50, p99 }, width) {
  const name = `${row} (${job})`.padEnd(width);
  if (invalid) return `${name}  INVALID: ${invalid.slice(0, 160)}`;
  const cells = [
    [figure(rate), 8, 'req/s'],
    [figure(cpuUs), 8, 'µs CPU'],
    [figure(postgresUs), 7, 'of PostgreSQL'],
    [figure(p50), 7, 'ms p50'],
    [figure(p99), 7, 'ms p99'],
  ];
  return `${name}  ${cells.map(([text, length, unit]) => `${text.padStart(length)} ${unit}`).join('  ')}`;
}

/** One promise: what it says, what was measured, and whether it holds. */
function promiseLine({ text, value, rate, least, most, isKept }) {
  const bound = least === undefined ? `at most ${ratioText(most)}` : `at least ${ratioText(least)}`;
  const byRate = rate === undefined || rate === value ? '' : `; by rate ${ratioText(rate)}`;
  return `${isKept ? 'kept   ' : 'BROKEN '} ${text}: ${value === null ? 'not measured' : ratioText(value)} (${bound}${byRate})`;
}

/** A ratio, or any other figure that is promised: small ones with a digit more. */
export const ratioText = (value) => (value >= 20 ? figure(value) : value.toFixed(value < 0.1 ? 3 : 2));

/** A figure with about three digits that count. */
export function figure(value) {
  if (value === undefined || value === null) return '–';
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
