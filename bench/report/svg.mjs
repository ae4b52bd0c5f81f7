// Writes SVG: a card with a title, in light and in dark. Colours are those of Okabe and Ito, which people tell apart however they see colour.

const STYLE = `
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: var(--ink) }
  .title { font-size: 17px; font-weight: 600 }
  .quiet { fill: var(--quiet) } .small { font-size: 12px } .strong { font-weight: 600 } .own { fill: var(--own) }
  .end { text-anchor: end } .middle { text-anchor: middle }
  .card { fill: var(--card); stroke: var(--line) } .rule { stroke: var(--line) } .limit { stroke: var(--warm); stroke-dasharray: 5 4 }
  .limit-text { fill: var(--warm) }
  .mark-own { fill: var(--own) } .mark-peer { fill: var(--peer) } .mark-reference { fill: var(--bare) }
  .mark-apart { fill: none; stroke: var(--peer); stroke-width: 1.5 }
  .path { fill: none; stroke: var(--own); stroke-width: 2.5; stroke-linejoin: round } .path-quiet { stroke: var(--peer); stroke-width: 1.5 }
  .stem { stroke: var(--line) }
  svg { --card: #ffffff; --ink: #1f2328; --quiet: #59636e; --line: #d1d9e0; --own: #0072b2; --peer: #8c959f; --bare: #009e73; --warm: #d55e00 }
  @media (prefers-color-scheme: dark) {
    svg { --card: #0d1117; --ink: #e6edf3; --quiet: #9198a1; --line: #3d444d; --own: #56b4e9; --peer: #7d8590; --bare: #2fbf91; --warm: #f08a3c }
  }`;

const MARKS = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text as it may stand in a document. */
export const escaped = (text) => String(text).replace(/[&<>"]/g, (mark) => MARKS[mark]);

/** An element: attributes that are undefined are left out, inner text is taken as it is. */
export function element(name, attributes, inner) {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? tidy(value) : escaped(value)}"`)
    .join('');
  return inner === undefined ? `<${name}${written}/>` : `<${name}${written}>${inner}</${name}>`;
}

const tidy = (number) => Math.round(number * 10) / 10;

/** A line of text from x, or to or around it with the class `end` or `middle`. */
export const text = (x, y, content, classes) => element('text', { x, y, class: classes }, escaped(content));

/** A straight line. */
export const line = (x1, y1, x2, y2, classes) => element('line', { x1, y1, x2, y2, class: classes });

/** A picture of that size: the finding on top, what is shown below it, then the parts, from y = {@link TOP} on. */
export function card({ width, height, title, subtitle }, parts) {
  const lines = [
    element('style', {}, STYLE),
    element('title', {}, escaped(title)),
    element('rect', { x: 0.5, y: 0.5, width: width - 1, height: height - 1, rx: 8, class: 'card' }),
    text(24, 36, title, 'title'),
    text(24, 58, subtitle, 'quiet'),
    ...parts,
  ];
  const frame = { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${width} ${height}`, width, height };
  return `${element('svg', { ...frame, role: 'img' }, `\n${lines.join('\n')}\n`)}\n`;
}

/** Where a picture's parts begin. */
export const TOP = 82;
/** How wide pictures are: that of a page. */
export const WIDTH = 880;

/** About as wide as this text gets, in pixels. */
export const widthOf = (content, size = 13) => content.length * size * 0.58;
