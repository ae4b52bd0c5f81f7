/**
 * How questions are answered now: `local` by what was heard of revocations; `remote` by the service, because that is too long
 * ago; and while the service cannot be asked either, by the chosen policy, `trusting` or `refusing`.
 */
export type Mode = 'local' | 'remote' | 'trusting' | 'refusing';

/** A change of state, told once and not with every call. */
export type ClientEvent =
  | { readonly type: 'mode'; readonly mode: Mode; readonly before: Mode; readonly feedAgeMs: number }
  | { readonly type: 'breaker'; readonly state: 'open' | 'half-open' | 'closed' }
  | { readonly type: 'stream'; readonly state: 'up' | 'lost'; readonly cause?: unknown }
  | { readonly type: 'keys'; readonly state: 'up' | 'failing'; readonly cause?: unknown };

/** Tells of changes. Whoever listens cannot break whoever verifies. */
export function announcer(
  listener: ((event: ClientEvent) => void) | undefined,
): (event: ClientEvent) => void {
  return (event) => {
    try {
      listener?.(event);
    } catch {
      // A listener's fault is its own.
    }
  };
}

/** Tells only what differs from what was told last. */
export function once<T>(first: T, tell: (now: T, before: T) => void): (now: T) => void {
  let told = first;
  return (now) => {
    if (now === told) return;
    const before = told;
    told = now;
    tell(now, before);
  };
}
