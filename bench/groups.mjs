// Which jobs of which rows are measured in turns with one another: groups of { name, cells: [{ row, job }], seconds, rate? }.

/** Requests a second that fall due where refreshing is measured by its waits. */
const OFFERED = 300;
const PEER_JOBS = { verify: 'verify', refresh: 'refresh', signin: 'signin', signup: 'signup' };

/** Every group of a run with everything in it, in their order: those in which peers may stand, and those of our rows alone. */
export const GROUPS = [
  ...['verify', 'introspect', 'refresh', 'offered', 'users', 'jwks', 'signin', 'signup'],
  ...['growth', 'processes', 'start'],
];

/** The groups of the rows that stand side by side. @param rows { own, withRedis?, references, peers } */
export function sideBySide({ own, withRedis, references, peers }, { seconds, hashSeconds }) {
  const cells = (row, ...jobs) => jobs.filter((job) => row?.jobs[job]).map((job) => ({ row, job }));
  const of = (rows, job) => rows.flatMap((row) => cells(row, job));
  const introspecting = peers.filter((peer) => peer.jobs.verify?.path.includes('introspect'));
  const standing = [own, withRedis].filter(Boolean);
  const verifying = [
    ...cells(own, 'verify', 'verify, with bearer', 'verify 100', 'typename'),
    ...cells(withRedis, 'verify'),
    ...of(references, 'verify'),
    ...of(references, 'typename'),
  ];
  return [
    { name: 'verify', seconds, cells: [...verifying, ...of(peers, PEER_JOBS.verify)] },
    {
      name: 'introspect',
      seconds,
      cells: [...of([own, ...references], 'introspect'), ...of(introspecting, 'verify')],
    },
    { name: 'refresh', seconds, cells: of([...standing, ...peers], PEER_JOBS.refresh) },
    { name: 'offered', seconds: 2 * seconds, rate: OFFERED, cells: of(standing, 'refresh') },
    { name: 'users', seconds, cells: of([own], 'users') },
    { name: 'jwks', seconds, cells: of([own, ...references], 'jwks') },
    { name: 'signin', seconds: hashSeconds, cells: of([own, ...peers], PEER_JOBS.signin) },
    { name: 'signup', seconds: hashSeconds, cells: of([own, ...peers], PEER_JOBS.signup) },
  ];
}

/** The groups in which the service stands beside itself with more accounts. */
export function growth(rows, { seconds, hashSeconds }) {
  const cells = (job) => rows.map((row) => ({ row, job, variant: row.variant }));
  return [
    ...['verify', 'refresh', 'users'].map((job) => ({ name: `growth: ${job}`, seconds, cells: cells(job) })),
    { name: 'growth: signin', seconds: hashSeconds, cells: cells('signin') },
  ];
}

/** The groups in which it stands beside itself with more processes. */
export function processes(rows, { seconds }) {
  return ['verify', 'refresh'].map((job) => ({
    name: `processes: ${job}`,
    seconds,
    cells: rows.map((row) => ({ row, job, variant: row.variant })),
  }));
}

/** How long they take by themselves, in seconds; opening rows is not in it. */
export function durationOf(groups, { rounds, warmUp }) {
  /** Settling, and the generator's own start. */
  const between = 0.6;
  return groups.reduce(
    (sum, { cells, seconds }) => sum + cells.length * (warmUp + between + rounds * (seconds + between)),
    0,
  );
}
