/** A span of time in which at most so many points are given out. */
interface Window {
  taken: number;
  /** On the clock of the counters, in milliseconds. */
  endsAt: number;
}

/** Of one limit, in one process, at most so many keys are counted; beyond it the oldest are forgotten. */
const MOST_KEYS = 50_000;

/** What was taken, to be given back to that window alone. */
export type Held = Window;

/**
 * The counters of one limit in this process: fixed windows that begin with their first point. Asked of every request, so
 * all of it is synchronous and a fraction of a microsecond.
 */
export class Windows {
  readonly #windows = new Map<string, Window>();
  readonly #points: number;
  readonly #lastsMs: number;
  readonly #now: () => number;

  /** @param now a clock that never goes back, in milliseconds */
  constructor(points: number, lastsMs: number, now: () => number) {
    this.#points = points;
    this.#lastsMs = lastsMs;
    this.#now = now;
  }

  /** Takes a point. @returns 0, or for how many milliseconds there is none to be had */
  take(key: string): number {
    const now = this.#now();
    const window = this.#windows.get(key);
    if (!window || window.endsAt <= now) {
      this.#begin(key, { taken: 1, endsAt: now + this.#lastsMs });
      return 0;
    }
    if (window.taken >= this.#points) return window.endsAt - now;
    window.taken++;
    return 0;
  }

  /** For how many milliseconds there is no point to be had; 0 when there is one. */
  waitOf(key: string): number {
    const now = this.#now();
    const window = this.#windows.get(key);
    return window && window.endsAt > now && window.taken >= this.#points ? window.endsAt - now : 0;
  }

  /** The window that a point was just taken from. */
  held(key: string): Held | undefined {
    return this.#windows.get(key);
  }

  /** Gives nothing out for this key until so many milliseconds have passed. */
  close(key: string, ms: number): void {
    if (this.waitOf(key) < ms) this.#begin(key, { taken: this.#points, endsAt: this.#now() + ms });
  }

  /** Forgets what is over. */
  tidy(): void {
    const now = this.#now();
    for (const [key, { endsAt }] of this.#windows) if (endsAt <= now) this.#windows.delete(key);
  }

  #begin(key: string, window: Window): void {
    // Anew at the end: the map stays in the order in which windows began.
    this.#windows.delete(key);
    if (this.#windows.size >= MOST_KEYS) this.#windows.delete(this.#windows.keys().next().value as string);
    this.#windows.set(key, window);
  }
}

/** Gives a point back. A window that is over, or was closed meanwhile, is another: nothing is won by asking late. */
export function restore(held: Held): void {
  if (held.taken > 0) held.taken--;
}
