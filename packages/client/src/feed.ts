/** What is known of an account that changed within the longest life of a token. */
export interface KnownSubject {
  readonly status: string;
  readonly version: number;
  /** Monotonic milliseconds. */
  readonly heardAt: number;
}

/** `roles`: of the platform, with their permissions. `services`: those, and roles and access there. `serviceTokens`: those alone. */
export type Topic = 'roles' | 'services' | 'serviceTokens';

/** Changes that were heard of. */
export interface Changes {
  readonly count: number;
  /** Wall clock, in seconds, of the latest: what older tokens say of this may not be so any more. */
  readonly at: number;
  /** Monotonic milliseconds of the same. */
  readonly heardAt: number;
}

/** What may be another one, too, where this has changed. */
const TOUCHED: Readonly<Record<Topic, readonly Topic[]>> = {
  roles: ['roles', 'services', 'serviceTokens'],
  services: ['services', 'serviceTokens'],
  serviceTokens: ['serviceTokens'],
};
const UNCHANGED: Changes = { count: 0, at: 0, heardAt: Number.NEGATIVE_INFINITY };

/** Everything that the service has said of revocations and was not over yet. */
export interface Feed {
  /** Whether a session, or a service's JWT by its own id, was ended. */
  readonly isSessionRevoked: (id: string) => boolean;
  readonly isServiceTokenRevoked: (id: string) => boolean;
  readonly subject: (id: string) => KnownSubject | undefined;
  /** Counts everything that was heard. */
  readonly newsCount: () => number;
  /** What was heard of changes of these. */
  readonly changes: (of: Topic) => Changes;
  /** Milliseconds since the service last said that this is everything; Infinity before it did. */
  readonly ageMs: () => number;
  readonly isFresh: () => boolean;
}

/** One message of the stream. */
export interface FeedMessage {
  readonly event: string;
  readonly data: unknown;
}

/** What else hears of messages. */
export interface FeedListeners {
  readonly onKey: (kid: string) => void;
  /** What is remembered of service tokens may not be so any more. */
  readonly onServiceTokens: () => void;
}

interface Known {
  /** What was ended, with the time from which on it does not matter. */
  readonly sessions: Map<string, number>;
  readonly serviceTokens: Map<string, number>;
  readonly subjects: Map<string, KnownSubject & { expiresAt: number }>;
}

interface Entry {
  readonly kind?: unknown;
  readonly key?: unknown;
  readonly status?: unknown;
  readonly version?: unknown;
  readonly expiresAt?: unknown;
  readonly of?: unknown;
  readonly at?: unknown;
}

/** How long to remember what does not say: the longest life of an access token, and a minute. */
const REMEMBERED_MS = (7200 + 60) * 1000;

/** What is needed to keep a feed. */
export interface FeedDeps {
  readonly now: () => number;
  readonly monotonic: () => number;
  readonly staleAfterMs: number;
}

/** A feed that has heard nothing yet, and the way to tell it. */
export function openFeed({ now, monotonic, staleAfterMs }: FeedDeps, listeners: FeedListeners) {
  let known: Known = empty();
  /** Being filled by a snapshot, while the older knowledge still refuses. */
  let coming: Known | undefined;
  let isReady = false;
  let newsCount = 0;
  let heardAt = Number.NEGATIVE_INFINITY;
  const changes: Record<Topic, Changes> = { roles: UNCHANGED, services: UNCHANGED, serviceTokens: UNCHANGED };
  const change = (topic: Topic, at: number) => {
    for (const touched of TOUCHED[topic]) {
      const before = changes[touched];
      changes[touched] = { count: before.count + 1, at: Math.max(before.at, at), heardAt: monotonic() };
    }
    listeners.onServiceTokens();
  };
  const apply = (entry: Entry) => {
    const { kind } = entry;
    newsCount++;
    if (kind === 'key') return listeners.onKey(String(entry.key));
    if (kind === 'session' || kind === 'subject' || kind === 'serviceToken') {
      for (const into of coming ? [known, coming] : [known]) enter(into, entry, now(), monotonic());
      // By its own name, so that other tokens say what is so.
      return kind === 'serviceToken' ? change('serviceTokens', 0) : undefined;
    }
    // The catalogue; or of a kind that this version does not know: whatever it means, nothing older is relied on.
    const topic = kind === 'catalogue' && isTopic(entry.of) ? entry.of : 'roles';
    change(topic, (timeOf(entry.at) ?? now()) / 1000);
  };
  const ready = () => {
    known = coming ?? known;
    coming = undefined;
    newsCount++;
    isReady = true;
    heardAt = monotonic();
  };
  const feed: Feed = {
    isSessionRevoked: (id) => known.sessions.has(id),
    isServiceTokenRevoked: (id) => known.serviceTokens.has(id),
    subject: (id) => known.subjects.get(id),
    newsCount: () => newsCount,
    changes: (of) => changes[of],
    ageMs: () => monotonic() - heardAt,
    isFresh: () => isReady && monotonic() - heardAt <= staleAfterMs,
  };
  return {
    feed,
    /** Takes in one message. `lagMs`: how much later than its like before it came. */
    take({ event, data }: FeedMessage, lagMs: number): void {
      if (event === 'revocation') apply(data as Entry);
      else if (event === 'ready') ready();
      else if (event === 'heartbeat' && isReady) heardAt = monotonic() - lagMs;
      else if (event === 'reset') {
        coming = empty();
        isReady = false;
      }
    },
    /** Takes down what this client itself has ended, and will hear of. */
    end(id: string): void {
      newsCount++;
      for (const into of coming ? [known, coming] : [known]) into.sessions.set(id, now() + REMEMBERED_MS);
    },
    /** Whether the stream may go on where it was: not in the middle of a snapshot. */
    isWhole: () => isReady,
    forget: (): void => {
      const time = now();
      for (const ended of [known.sessions, known.serviceTokens])
        for (const [key, expiresAt] of ended) if (expiresAt < time) ended.delete(key);
      for (const [key, { expiresAt }] of known.subjects) if (expiresAt < time) known.subjects.delete(key);
    },
  };
}

export type FeedKeeper = ReturnType<typeof openFeed>;

const isTopic = (value: unknown): value is Topic =>
  typeof value === 'string' && Object.hasOwn(TOUCHED, value);

const empty = (): Known => ({ sessions: new Map(), serviceTokens: new Map(), subjects: new Map() });

function enter(into: Known, entry: Entry, now: number, heardAt: number): void {
  const key = String(entry.key);
  const expiresAt = timeOf(entry.expiresAt) ?? now + REMEMBERED_MS;
  if (entry.kind === 'session') return void into.sessions.set(key, expiresAt);
  if (entry.kind === 'serviceToken') return void into.serviceTokens.set(key, expiresAt);
  const version = Number(entry.version ?? 0);
  if (version < (into.subjects.get(key)?.version ?? 0)) return;
  into.subjects.set(key, {
    status: typeof entry.status === 'string' ? entry.status : 'ACTIVE',
    version,
    expiresAt,
    heardAt,
  });
}

/** Of RFC 3339, or of milliseconds since 1970. */
function timeOf(value: unknown): number | undefined {
  const time = typeof value === 'string' ? Date.parse(value) : value;
  return typeof time === 'number' && Number.isFinite(time) ? time : undefined;
}
