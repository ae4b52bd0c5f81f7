// Figures over time, a line each, with its label at its end where it has one, and a limit that they must stay below.
import { card, element, line, text, TOP, WIDTH } from './svg.mjs';

const HEIGHT = 230;
const [LEFT, RIGHT] = [64, 190];

/**
 * @param lines [{ label, points: [[x, y]], isMain }] @param limit { value, text } @param unit of y; @param xLabel writes a value of x
 */
export function course({ title, subtitle, lines, limit, unit, xLabel }) {
  const all = lines.flatMap(({ points }) => points);
  const [lastX, top] = [
    Math.max(...all.map(([x]) => x)),
    Math.max(limit.value * 1.1, ...all.map(([, y]) => y)),
  ];
  const scale = {
    x: (value) => LEFT + ((WIDTH - LEFT - RIGHT) * value) / lastX,
    y: (value) => TOP + 10 + HEIGHT - (HEIGHT * value) / top,
  };
  const parts = [
    ...grid({ scale, lastX, top, unit, xLabel }),
    ...limitParts(scale, limit),
    ...lines.flatMap((one) => lineParts(scale, one)),
  ];
  return card({ width: WIDTH, height: TOP + HEIGHT + 52, title, subtitle }, parts);
}

function grid({ scale, lastX, top, unit, xLabel }) {
  const right = WIDTH - RIGHT;
  const every = stepOf(top);
  const marks = Array.from({ length: Math.floor(top / every) + 1 }, (_, at) => at * every);
  const times = Array.from({ length: 6 }, (_, at) => (lastX * at) / 5);
  return [
    ...marks.flatMap((value) => [
      line(LEFT, scale.y(value), right, scale.y(value), 'rule'),
      text(LEFT - 8, scale.y(value) + 4.5, value === 0 ? '0' : `${value} ${unit}`, 'end quiet small'),
    ]),
    ...times.map((value) => text(scale.x(value), scale.y(0) + 20, xLabel(value), 'middle quiet small')),
  ];
}

/** Round steps, about four of them. */
function stepOf(top) {
  const power = 10 ** Math.floor(Math.log10(top / 4));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => top / step <= 5) ?? power;
}

function limitParts(scale, { value, text: words }) {
  const [y, right] = [scale.y(value), WIDTH - RIGHT];
  return [line(LEFT, y, right, y, 'limit'), text(right + 10, y + 4.5, words, 'limit-text')];
}

function lineParts(scale, { label, points, isMain }) {
  const [, lastY] = points.at(-1);
  return [
    element('polyline', {
      points: points.map(([x, y]) => `${scale.x(x).toFixed(1)},${scale.y(y).toFixed(1)}`).join(' '),
      class: isMain ? 'path' : 'path path-quiet',
    }),
    ...(label
      ? [text(WIDTH - RIGHT + 10, scale.y(lastY) + 4.5, label, isMain ? 'strong own' : 'quiet')]
      : []),
  ];
}
