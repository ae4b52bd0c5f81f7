import type { Draw, Drawn, Returned } from './ledger.js';

/** So long points may be on their way, in milliseconds; other processes see them as taken meanwhile. */
const UNDER_WAY_MS = 250;
/** What lasts no longer than this, in milliseconds, is not used again. */
const MARGIN_MS = 1000;

/**
 * Points that were not spent and are on their way back: they go with the next statement that takes some, or with one of
 * their own a moment later. Whoever wants a point of the same budget meanwhile has it without asking: it was counted when it
 * was taken, and no more of them are ever out than were counted.
 */
export class Returns {
  #points: Drawn[] = [];
  #timer: NodeJS.Timeout | undefined;
  readonly #send: (back: readonly Returned[]) => Promise<void>;

  /** @param send gives them back by a statement of their own; never rejects */
  constructor(send: (back: readonly Returned[]) => Promise<void>) {
    this.#send = send;
  }

  add(points: readonly Drawn[]): void {
    this.#points.push(...points);
    if (this.#points.length > 0) this.#timer ??= setTimeout(() => void this.flush(), UNDER_WAY_MS).unref();
  }

  /** One that is as good as a new one. */
  reuse({ name, key }: Pick<Draw, 'name' | 'key'>): Drawn | undefined {
    const now = performance.now();
    const at = this.#points.findIndex(
      (point) => point.name === name && point.key === key && point.lastsUntilMs > now + MARGIN_MS,
    );
    return at < 0 ? undefined : this.#points.splice(at, 1)[0];
  }

  /** What goes back with a statement that takes these: of each key the points of one window, as no row changes twice. */
  load(draws: readonly Pick<Draw, 'name' | 'key'>[]): Returned[] {
    const load = new Map<string, Returned>();
    this.#points = this.#points.filter(({ name, key, stored, endsAt }) => {
      const there = load.get(stored) ?? { stored, endsAt, points: 0 };
      const isTaken = draws.some((draw) => draw.name === name && draw.key === key);
      if (isTaken || there.endsAt.getTime() !== endsAt.getTime()) return true;
      load.set(stored, { ...there, points: there.points + 1 });
      return false;
    });
    return [...load.values()];
  }

  /** Has all of them back. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#points.length > 0) await this.#send(this.load([]));
  }
}
