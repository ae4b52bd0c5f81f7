import { instruments, type Instrument, type InstrumentName } from './instruments.js';

/** The value of a label; numbers are written out when somebody reads them. */
type Label = string | number;

/** One number of a family, or one bucket of it. */
interface Sample {
  metricName: string;
  labels: Record<string, Label>;
  value: number;
}

/** What is counted of one family for one set of labels. */
class Cell {
  /** How often; of a gauge, how much. */
  value = 0;
  sum = 0;
  /** By bucket, each its own; the last one is beyond all bounds. */
  readonly counts: Float64Array;

  constructor(readonly buckets: readonly number[]) {
    this.counts = new Float64Array(buckets.length + 1);
  }

  observe(seconds: number): void {
    const { buckets } = this;
    let at = 0;
    while (at < buckets.length && seconds > (buckets[at] as number)) at++;
    this.counts[at] = (this.counts[at] as number) + 1;
    this.sum += seconds;
    this.value++;
  }
}

type Level = Map<Label, Level | Cell>;

/**
 * The numbers of one metric. Writing one costs some 20 to 50 ns, a tenth of what the registries of libraries take, as labels
 * lead there by maps and become text only when somebody reads (`node bench/metrics.mjs`). Reading is the library's: it takes
 * this for a metric of its own.
 */
export class Family {
  readonly #cells: Level = new Map();
  readonly #labels: readonly string[];
  readonly #buckets: readonly number[];
  readonly type: Instrument['type'];
  readonly help: string;

  constructor(readonly name: InstrumentName) {
    const { type, help, labels, buckets = [] }: Instrument = instruments[name];
    [this.type, this.help, this.#labels, this.#buckets] = [type, help, labels, buckets];
    // A number without labels is there from the start, so that its first rise is seen as one.
    if (labels.length === 0 && type !== 'gauge') this.cell();
  }

  /** What is counted for these values of the labels, in their order. */
  cell(...values: Label[]): Cell {
    let level = this.#cells;
    for (let at = 0; at < values.length - 1; at++) {
      let next = level.get(values[at] as Label) as Level | undefined;
      if (!next) level.set(values[at] as Label, (next = new Map()));
      level = next;
    }
    const last = values.at(-1) ?? '';
    let cell = level.get(last) as Cell | undefined;
    if (!cell) level.set(last, (cell = new Cell(this.#buckets)));
    return cell;
  }

  add(...values: Label[]): void {
    this.cell(...values).value++;
  }

  set(value: number, ...values: Label[]): void {
    this.cell(...values).value = value;
  }

  /** Forgets everything: of a gauge, what is no longer known. */
  clear(): void {
    this.#cells.clear();
  }

  /** As the registry asks for it. */
  get(): { name: string; help: string; type: string; values: Sample[] } {
    return { name: this.name, help: this.help, type: this.type, values: [...this.#samples(this.#cells, [])] };
  }

  *#samples(level: Level, above: readonly Label[]): Generator<Sample> {
    for (const [value, inner] of level) {
      const values = [...above, value];
      if (inner instanceof Map) yield* this.#samples(inner, values);
      else
        yield* this.#write(
          inner,
          Object.fromEntries(this.#labels.map((name, at) => [name, values[at] ?? ''])),
        );
    }
  }

  *#write({ value, sum, counts }: Cell, labels: Record<string, Label>): Generator<Sample> {
    if (this.type !== 'histogram') {
      yield { metricName: this.name, labels, value };
      return;
    }
    let below = 0;
    for (const [at, bound] of [...this.#buckets, Infinity].entries()) {
      below += counts[at] ?? 0;
      yield {
        metricName: `${this.name}_bucket`,
        labels: { ...labels, le: bound === Infinity ? '+Inf' : bound },
        value: below,
      };
    }
    yield { metricName: `${this.name}_sum`, labels, value: sum };
    yield { metricName: `${this.name}_count`, labels, value };
  }
}

/** All of them, by name. */
export type Families = Readonly<Record<InstrumentName, Family>>;

/** Makes a set that nothing was counted in yet. */
export function openFamilies(): Families {
  const names = Object.keys(instruments) as InstrumentName[];
  return Object.fromEntries(names.map((name) => [name, new Family(name)])) as Families;
}
