import { evidence } from './secrets.js';

/** One number of a page of metrics. */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** A page of metrics, read as strictly as a collector may. */
export interface Page {
  text: string;
  /** By the name of a metric. */
  types: Map<string, string>;
  samples: Sample[];
  /** The number with exactly these labels; 0 where there is none, as a counter that was never there. */
  value(name: string, labels?: Record<string, string | number>): number;
}

const HELP = /^# HELP ([a-zA-Z_:][\w:]*) \S.*$/;
const TYPE = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge|histogram|summary|untyped)$/;
const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (-?[\d.]+(?:e[+-]?\d+)?|NaN|[+-]?Inf|Nan)$/i;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;

/** Reads the metrics of a service under test. @throws where a line is none of the text format 0.0.4 */
export async function scrape({ metricsUrl }: { metricsUrl: string | undefined }): Promise<Page> {
  const response = await fetch(metricsUrl ?? '');
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${response.status} ${text}`);
  // Without the numbers: one of six digits would now and then be somebody's code.
  evidence.text('metrics', text.replaceAll(/ \S+$/gm, ''));
  return read(text);
}

function read(text: string): Page {
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  const helped = new Set<string>();
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const [, help] = HELP.exec(line) ?? [];
    const [, name, type] = TYPE.exec(line) ?? [];
    if (help !== undefined) once(helped, help);
    else if (name !== undefined && type !== undefined) once(types, name, type);
    else samples.push(sampleOf(line));
  }
  const known = new Map(samples.map((sample) => [keyOf(sample), sample.value]));
  if (known.size !== samples.length) throw new Error('a number is there twice');
  return {
    text,
    types,
    samples,
    value: (name, labels = {}) => {
      const texts = Object.entries(labels).map(([label, value]) => [label, String(value)]);
      return known.get(keyOf({ name, labels: Object.fromEntries(texts) as Sample['labels'], value: 0 })) ?? 0;
    },
  };
}

function once(all: Set<string> | Map<string, string>, name: string, type = ''): void {
  if (all.has(name)) throw new Error(`${name} is described twice`);
  if (all instanceof Map) all.set(name, type);
  else all.add(name);
}

const keyOf = ({ name, labels }: Sample) =>
  JSON.stringify([name, Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1))]);

function sampleOf(line: string): Sample {
  const [, name, inside = '', value] = SAMPLE.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`no line of Prometheus: ${line}`);
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  for (let at = 0; at < inside.length; at = LABEL.lastIndex) {
    LABEL.lastIndex = at;
    const [, label, text] = LABEL.exec(inside) ?? [];
    if (label === undefined || text === undefined) throw new Error(`no labels of Prometheus: ${line}`);
    labels[label] = text;
  }
  return { name, labels, value: Number(value.replace('Inf', 'Infinity')) };
}
