// Small pictures side by side, each with a few points and a line through them, from zero, every point with its figure.
import { card, element, line, text, TOP, WIDTH } from './svg.mjs';

const MARGIN = 24;
const GAP = 28;
const HEIGHT = 120;

/** @param panels [{ name, unit, points: [{ label, value, text }] }], each with a scale of its own */
export function panels({ title, subtitle, panels: all }) {
  const width = (WIDTH - 2 * MARGIN - GAP * (all.length - 1)) / all.length;
  const parts = all.flatMap((panel, at) => panelParts(panel, MARGIN + at * (width + GAP), width));
  return card({ width: WIDTH, height: TOP + HEIGHT + 98, title, subtitle }, parts);
}

function panelParts({ name, unit, points }, x, width) {
  const top = TOP + 60;
  const base = top + HEIGHT;
  const most = Math.max(...points.map(({ value }) => value)) * 1.05;
  const inset = 34;
  const placed = points.map((point, at) => ({
    ...point,
    x: x + inset + (points.length === 1 ? 0 : (at * (width - 2 * inset)) / (points.length - 1)),
    y: base - (HEIGHT * point.value) / most,
  }));
  return [
    text(x, TOP + 10, name, 'strong'),
    text(x, TOP + 27, unit, 'quiet small'),
    line(x, base, x + width, base, 'rule'),
    element('polyline', {
      points: placed.map((p) => `${p.x.toFixed(1)},${p.y.toFixed(1)}`).join(' '),
      class: 'path',
    }),
    ...placed.flatMap((point) => [
      element('circle', { cx: point.x, cy: point.y, r: 5, class: 'mark-own' }),
      text(point.x, point.y - 12, point.text, 'middle strong'),
      text(point.x, base + 18, point.label, 'middle quiet small'),
    ]),
  ];
}
