import { LRUCache } from 'lru-cache';
import type { ServiceTokenVerification, TokenVerification } from './answers.js';
import type { Expected } from './claims.js';
import { discoverIssuer } from './discovery.js';
import { announcer, once } from './events.js';
import { openFeed, type Feed } from './feed.js';
import { openKeys } from './keys.js';
import { openLocal, type Local } from './local.js';
import type { Settings } from './options.js';
import { openRemote, type Remote } from './remote.js';
import { openStanding, type Standing } from './standing.js';
import { openStream } from './stream.js';
import { openTelemetry, type Telemetry } from './telemetry.js';
import { openTransport, type Transport } from './transport.js';

/** An answer of the service, good while nothing was heard that could change it. */
export interface Remembered<A> {
  readonly answer: A;
  /** Monotonic milliseconds. */
  readonly until: number;
  /** Changes that had been heard of. */
  readonly changes: number;
  /** Of the subject. */
  readonly version: number;
}

/** Everything that a client holds; what verifies names what it needs of it. */
export interface Parts {
  readonly settings: Settings;
  readonly feed: Feed;
  /** Takes down what this client itself has ended. */
  readonly end: (id: string) => void;
  readonly local: Local;
  /** Whether the service is asked about tokens of this issuer. */
  readonly asksForeign: (issuer: unknown) => boolean;
  readonly remote: Remote;
  readonly standing: Standing;
  /** Counts whatever could change what is thought of a token. */
  readonly newsCount: () => number;
  readonly telemetry: Telemetry;
  readonly transport: Transport;
  readonly answers: LRUCache<string, Remembered<TokenVerification>>;
  readonly serviceAnswers: LRUCache<string, Remembered<ServiceTokenVerification>>;
  readonly close: () => void;
}

const MOST_SERVICE_TOKENS = 1000;
const FORGET_MS = 60_000;

/** Opens the parts of a client and puts them together: it begins to listen at once. */
export function openParts(settings: Settings): Parts {
  const { base, fetch, timeoutMs, serviceToken } = settings;
  const { monotonic, now } = settings.clock;
  const announce = announcer(settings.onEvent);
  const telemetry = openTelemetry();
  const look = () => standing.look();
  const asksForeign = asksForeignOf(settings);

  const tellKeys = once(true, (isUp) => announce({ type: 'keys', state: isUp ? 'up' : 'failing' }));
  const jwksUrl = `${base}/.well-known/jwks.json`;
  const onState = (isUp: boolean) => {
    tellKeys(isUp);
    look();
  };
  const keys = openKeys({ jwksUrl, fetch, timeoutMs, monotonic, onState });
  const expected = expectedOf(settings, look);

  const serviceAnswers: Parts['serviceAnswers'] = new LRUCache({ max: MOST_SERVICE_TOKENS });
  const keeper = openFeed(
    { now, monotonic, staleAfterMs: settings.staleAfterMs },
    { onKey: keys.distrust, onServiceTokens: () => serviceAnswers.clear() },
  );
  const forgetting = setInterval(keeper.forget, FORGET_MS).unref();
  const tellStream = once(false, (isUp) => announce({ type: 'stream', state: isUp ? 'up' : 'lost' }));
  let deafness: unknown;
  const standing = openStanding({
    ...{ feed: keeper.feed, trustForMs: settings.trustForMs, announce, whyDeaf: () => deafness },
    knowsWhom: () => keys.isSure() && expected.get() !== undefined,
  });
  const stream = openStream({
    ...{ url: `${base}/revocations`, fetch, keeper, monotonic },
    headers: () => ({ authorization: `Bearer ${serviceToken()}` }),
    onWhole: () => {
      tellStream(true);
      look();
    },
    onLost: (cause) => {
      deafness = cause;
      tellStream(false);
    },
  });
  const transport = openTransport({
    ...{ graphqlUrl: settings.graphqlUrl, fetch, timeoutMs, retries: settings.retries },
    onBreaker: (state) => announce({ type: 'breaker', state }),
    observe: telemetry.observe,
  });
  return {
    ...{ settings, feed: keeper.feed, standing, telemetry, transport, serviceAnswers, asksForeign },
    end: (id) => keeper.end(id),
    newsCount: () => keeper.feed.newsCount() + keys.fetchCount(),
    answers: new LRUCache({ max: settings.cacheSize }),
    local: openLocal({
      ...{ keys, expected: expected.get, remembered: settings.cacheSize, asksForeign },
    }),
    remote: openRemote({ transport, base, serviceToken, serviceName: settings.serviceName, monotonic }),
    close() {
      for (const part of [stream, keys, expected, standing, transport]) part.close();
      clearInterval(forgetting);
    },
  };
}

function expectedOf(
  settings: Settings,
  onFound: () => void,
): { get: () => Expected | undefined; close: () => void } {
  const { base, issuer, audience, serviceName, fetch, timeoutMs } = settings;
  let found: Expected | undefined = issuer === undefined ? undefined : { issuer, audience, serviceName };
  if (found) return { get: () => found, close: () => undefined };
  const url = `${base}/.well-known/openid-configuration`;
  const discovery = discoverIssuer({
    ...{ url, fetch, timeoutMs },
    onFound: (name) => {
      found = { issuer: name, audience, serviceName };
      onFound();
    },
  });
  return { get: () => found, close: discovery.close };
}

const asksForeignOf =
  ({ foreignIssuers }: Settings) =>
  (issuer: unknown): boolean =>
    typeof foreignIssuers === 'string' ? foreignIssuers === 'ask' : foreignIssuers.includes(issuer as string);
