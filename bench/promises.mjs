// What is promised of the figures, and whether it holds.
import { median } from './numbers.mjs';

const OWN = 'authgraph';
const APOLLO = ['Apollo Server { __typename }', 'typename'];
/** Peers are beaten by processor time where the processor is all that a job waits for, and by the rate elsewhere. */
const PEER_JOBS = { verify: 'cpu', introspect: 'cpu', refresh: 'rate', signin: 'rate', signup: 'rate' };

/**
 * Each: a cell [row, job] of a group, beside another one or none, and the least or the most of a figure. `cpu` and `rate` compare how much
 * can be done, round by round, by processor time a request or by requests a second; other figures are the cell's own.
 */
const TABLE = [
  { group: 'verify', of: [OWN, 'verify'], to: APOLLO, figure: 'cpu', least: 1.4 },
  { group: 'verify', of: [OWN, 'verify, with bearer'], to: APOLLO, figure: 'cpu', least: 1.4 },
  { group: 'verify', of: [OWN, 'verify'], to: ['fastify-jwt', 'verify'], figure: 'cpu', least: 0.9 },
  { group: 'verify', of: [OWN, 'verify 100'], to: [OWN, 'verify'], figure: 'cpu', least: 1 / 12 },
  {
    group: 'introspect',
    of: [OWN, 'introspect'],
    to: ['node:http', 'introspect'],
    figure: 'cpu',
    least: 0.5,
  },
  { group: 'refresh', of: [OWN, 'refresh'], figure: 'rate', least: 600 },
  { group: 'refresh', of: [OWN, 'refresh'], to: ['fastify-jwt', 'refresh'], figure: 'rate', least: 0.5 },
  { group: 'offered', of: [OWN, 'refresh'], figure: 'p99', most: 30 },
  { group: 'start', of: [OWN, 'start'], figure: 'readyMs', most: 1500 },
];

/**
 * Judges results: { text, value, bound, isKept } for each promise whose cells were asked for. One whose cell of ours is invalid is broken.
 * @param cells what measureGroup and the other measurements answer
 */
export function judge(cells) {
  return [...TABLE, ...againstPeers(cells), ...grown(cells)].flatMap(
    (promise) => verdict(promise, cells) ?? [],
  );
}

/** The same job of the same group, ahead of everybody who can do it; where passwords are hashed, of those whose hash costs the same. */
function againstPeers(cells) {
  return cells
    .filter(({ kind, group }) => kind === 'peer' && PEER_JOBS[group])
    .map((peer) => ({ peer, own: cells.find(({ row, group }) => row === OWN && group === peer.group) }))
    .filter(({ peer, own }) => own && isComparable(peer, own))
    .map(({ peer, own }) => ({
      group: peer.group,
      of: [OWN, own.job],
      to: [peer.row, peer.job],
      figure: peer.cpuUs === null ? 'rate' : PEER_JOBS[peer.group],
      least: 1,
    }));
}

/** Whether a peer does the same work: hashes, where a job needs one, at the same cost. */
export function isComparable(peer, own) {
  if (peer.group !== 'signin' && peer.group !== 'signup') return true;
  return bcryptCost(peer.hash) !== undefined && bcryptCost(peer.hash) === bcryptCost(own.hash);
}

const bcryptCost = (hash) => /bcrypt.*?\bcost (\d+)/.exec(hash ?? '')?.[1];

/** With the most accounts verifyToken keeps nine tenths of the rate that it has with the fewest. */
function grown(cells) {
  const rows = cells.filter(({ group }) => group === 'growth: verify');
  if (rows.length < 2) return [];
  const [few, many] = [rows[0], rows.at(-1)];
  const promise = { group: few.group, of: [many.row, many.job], to: [few.row, few.job] };
  return [{ ...promise, figure: 'cpu', least: 0.9 }];
}

function verdict({ group, of, to, figure, least, most }, cells) {
  const find = ([row, job]) => cells.find((c) => c.group === group && c.row === row && c.job === job);
  const [own, other] = [find(of), to && find(to)];
  if (!own || (to && !other)) return undefined;
  const text = sentence(own, other, figure);
  const bound = least === undefined ? { most } : { least };
  if (other?.invalid) return undefined;
  if (own.invalid) return { text, ...bound, value: null, isKept: false };
  const value = other ? ratio(own, other, figure) : own[figure];
  const rate = other && ratio(own, other, 'rate');
  const isKept = least === undefined ? value <= most : value >= least;
  return { text, group, of, to, figure, ...bound, value, rate, isKept };
}

const JOB_WORDS = {
  verify: 'verifyToken',
  'verify, with bearer': 'verifyToken with the token as bearer',
  'verify 100': '100 tokens in one verifyTokens',
  typename: '{ __typename }',
  introspect: 'introspection',
  signin: 'sign-in',
  signup: 'sign-up',
};
const FIGURE_WORDS = { rate: 'requests a second', p99: 'p99 in ms', readyMs: 'ms until it is ready' };
const wordsOf = (job) => JOB_WORDS[job] ?? job;

/** What is promised, without its bound. */
function sentence(own, other, figure) {
  const variant = own.row === OWN ? '' : ` of ${own.row}`;
  const what = `${wordsOf(own.job)}${variant}${own.offered ? `, ${own.offered} a second offered` : ''}`;
  if (!other) return `${what}: ${FIGURE_WORDS[figure]}`;
  const beside = other.row === own.row ? wordsOf(other.job) : other.row;
  return `${what} beside ${beside}, by ${figure === 'cpu' ? 'processor time' : 'rate'}`;
}

/** How many times as much `own` does as `other`: the median of the rounds' own ratios, which lie seconds apart. */
export function ratio(own, other, figure) {
  const ratios = own.rounds
    .slice(0, other.rounds.length)
    .map((round, at) =>
      figure === 'cpu' ? other.rounds[at].cpuUs / round.cpuUs : round.rate / other.rounds[at].rate,
    );
  return median(ratios);
}
