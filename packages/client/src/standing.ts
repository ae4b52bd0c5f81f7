import { unavailable, type AuthClientError } from './errors.js';
import { once, type ClientEvent, type Mode } from './events.js';
import type { Feed } from './feed.js';

/** What is needed to know how things stand. */
export interface StandingDeps {
  readonly feed: Feed;
  /** Whether keys and issuer are known for certain. */
  readonly knowsWhom: () => boolean;
  /** How old the feed may be while nobody can be asked; undefined where policy is to refuse. */
  readonly trustForMs: number | undefined;
  readonly announce: (event: ClientEvent) => void;
  /** Why the stream was not opened, or ended, the last time. */
  readonly whyDeaf: () => unknown;
}

/** How questions are answered now, told once for each change. */
export interface Standing {
  readonly mode: () => Mode;
  /** Whether tokens may be judged here, by what was heard. */
  readonly isLocal: () => boolean;
  /** Whether policy lets a token be trusted that nobody can be asked about. */
  readonly mayTrust: () => boolean;
  /** The service was asked, and answered or did not. */
  readonly asked: (isAnswered: boolean) => void;
  readonly look: () => void;
  /** @throws {AuthClientError} SERVICE_UNAVAILABLE after so many milliseconds */
  readonly untilLocal: (timeoutMs: number) => Promise<void>;
  readonly close: () => void;
}

const TICK_MS = 500;

export function openStanding({ feed, knowsWhom, trustForMs, announce, whyDeaf }: StandingDeps): Standing {
  let canAsk = true;
  const waiting = new Set<() => void>();
  const isLocal = () => feed.isFresh() && knowsWhom();
  const mayTrust = () => trustForMs !== undefined && feed.ageMs() <= trustForMs;
  const mode = (): Mode => {
    if (isLocal()) return 'local';
    if (canAsk) return 'remote';
    return mayTrust() ? 'trusting' : 'refusing';
  };
  const tell = once<Mode>('remote', (now, before) =>
    announce({ type: 'mode', mode: now, before, feedAgeMs: feed.ageMs() }),
  );
  const look = () => {
    tell(mode());
    if (isLocal()) for (const wake of waiting) wake();
  };
  const ticking = setInterval(look, TICK_MS).unref();
  return {
    mode,
    isLocal,
    mayTrust,
    look,
    asked(isAnswered) {
      canAsk = isAnswered;
      look();
    },
    untilLocal(timeoutMs) {
      if (isLocal()) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const stop = (finish: () => void) => () => {
          clearTimeout(timer);
          waiting.delete(wake);
          finish();
        };
        const wake = stop(resolve);
        const late = stop(() => reject(unheard(whyDeaf())));
        const timer = setTimeout(late, timeoutMs);
        waiting.add(wake);
      });
    },
    close: () => clearInterval(ticking),
  };
}

/** Says why, where that is known: mostly it is a service token that the service does not know. */
function unheard(cause: unknown): AuthClientError {
  const why = cause instanceof Error ? `: ${cause.message}` : '';
  return unavailable(`Revocations have not been heard yet${why}.`, cause);
}
