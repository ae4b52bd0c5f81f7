// Rows from the best to the worst: bars from zero where they are of one size, and points on a scale of powers of ten where they are not.
import { card, element, line, text, TOP, WIDTH, widthOf } from './svg.mjs';

const ROW = 26;
/** Beyond this ratio of the largest to the smallest, bars would show the largest only. */
const SPREAD = 12;
const MARGIN = 24;

/**
 * A ranking as a picture.
 * @param rows [{ label, value, text, kind: 'own' | 'peer' | 'reference' | 'apart', isMain }] in the order that they shall stand in
 * @param notes lines below
 */
export function ranking({ title, subtitle, rows, notes = [] }) {
  const { parts, height } = rankingParts({ rows, x: MARGIN, y: TOP, width: WIDTH - 2 * MARGIN });
  const below = TOP + height + 24;
  const written = notes.map((note, at) => text(MARGIN, below + at * 17, note, 'quiet small'));
  const total = below + notes.length * 17 + (notes.length > 0 ? 2 : -8);
  const scale = isWide(rows) ? '; the scale goes by powers of ten' : '';
  return card({ width: WIDTH, height: total, title, subtitle: subtitle + scale }, [...parts, ...written]);
}

function isWide(rows) {
  const values = rows.map(({ value }) => value);
  return Math.max(...values) > SPREAD * Math.min(...values);
}

/** Its parts at a place, and how high they are. */
function rankingParts({ rows, x, y, width }) {
  const values = rows.map(({ value }) => value);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const labels = Math.max(...rows.map(({ label }) => widthOf(label))) + 14;
  const figures = Math.max(...rows.map((row) => widthOf(row.text))) + 14;
  const room = width - labels - figures;
  const isApart = isWide(rows);
  const lengthOf = isApart
    ? (value) => 12 + ((room - 12) * Math.log(value / least)) / Math.log(most / least)
    : (value) => (room * value) / most;
  const draw = isApart ? point : bar;
  const parts = rows.flatMap((row, at) => {
    const middle = y + at * ROW + ROW / 2;
    const from = x + labels;
    const to = from + lengthOf(row.value);
    const classes = row.isMain ? 'strong own' : row.kind === 'own' ? 'own' : 'quiet';
    return [
      text(from - 10, middle + 4.5, row.label, `end ${classes ?? ''}`.trim()),
      ...draw(from, to, middle, row.kind),
      text(to + 10, middle + 4.5, row.text, classes),
    ];
  });
  return { parts, height: rows.length * ROW };
}

const bar = (from, to, middle, kind) => [
  element('rect', { x: from, y: middle - 8, width: to - from, height: 16, rx: 2, class: `mark-${kind}` }),
];

const point = (from, to, middle, kind) => [
  line(from, middle, to, middle, 'stem'),
  element('circle', { cx: to, cy: middle, r: 6, class: `mark-${kind}` }),
];
