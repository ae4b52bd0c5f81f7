import CircuitBreaker from 'opossum';
import { openCalls } from './calls.js';
import { AuthClientError, isUnavailable, misconfigured, unavailable } from './errors.js';

/** What is needed to talk to the service. */
export interface TransportDeps {
  readonly graphqlUrl: string;
  readonly fetch: typeof fetch;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly onBreaker: (state: 'open' | 'half-open' | 'closed') => void;
  /** Runs a call, observed. */
  readonly observe: <T>(name: string, call: () => Promise<T>) => Promise<T>;
}

/** One operation. All that this library sends may be sent again: doing it twice is doing it once. */
export interface Operation {
  readonly name: string;
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** Sends operations; @throws {AuthClientError} SERVICE_UNAVAILABLE where no answer can be had. */
export interface Transport {
  send<T>(operation: Operation, headers: Readonly<Record<string, string>>): Promise<T>;
  /** A form to a door that is not GraphQL; answers its JSON. */
  readonly post: (
    name: string,
    url: string,
    form: URLSearchParams,
    headers: Readonly<Record<string, string>>,
  ) => Promise<unknown>;
  readonly isBreakerOpen: () => boolean;
  readonly close: () => void;
}

const FIRST_PAUSE_MS = 50;
/**
 * The breaker opens when half of at least so many attempts within these seconds failed, or so many one after another however long
 * each took, and tries again after that pause.
 */
const BREAKER = {
  timeout: false,
  volumeThreshold: 5,
  errorThresholdPercentage: 50,
  rollingCountTimeout: 5000,
  rollingCountBuckets: 5,
  resetTimeout: 1000,
} as const;

/** Opens the way to the service: timeouts, retries with jitter, a circuit breaker around each attempt. */
export function openTransport(deps: TransportDeps): Transport {
  const calls = openCalls();
  const breaker = new CircuitBreaker((attempt: () => Promise<unknown>) => attempt(), {
    ...BREAKER,
    // Whoever answers is there, whatever the answer.
    errorFilter: (error: unknown) => !isUnavailable(error),
  });
  // A service that hangs lets few fail within the seconds, as each attempt waits for so long.
  let failedInRow = 0;
  breaker.on('success', () => (failedInRow = 0));
  breaker.on('failure', () => ++failedInRow >= BREAKER.volumeThreshold && breaker.open());
  breaker.on('open', () => deps.onBreaker('open'));
  breaker.on('halfOpen', () => deps.onBreaker('half-open'));
  breaker.on('close', () => deps.onBreaker('closed'));

  const ask = (url: string, init: RequestInit): Promise<Reply> =>
    reply(() =>
      calls.run(deps.timeoutMs, async (signal) =>
        readReply(await deps.fetch(url, { ...init, method: 'POST', redirect: 'error', signal })),
      ),
    );
  const attempt = async <T>(call: () => Promise<T>): Promise<T> => {
    try {
      return (await breaker.fire(call)) as T;
    } catch (error) {
      throw error instanceof AuthClientError
        ? error
        : unavailable('The auth service is not asked now.', error);
    }
  };
  const persist = async <T>(call: () => Promise<T>): Promise<T> => {
    for (let left = deps.retries; ; left--) {
      try {
        return await attempt(call);
      } catch (error) {
        if (left <= 0 || !isUnavailable(error) || breaker.opened || calls.areOver()) throw error;
        await pause(FIRST_PAUSE_MS * 2 ** (deps.retries - left));
      }
    }
  };
  return {
    send: <T>({ name, query, variables }: Operation, headers: Readonly<Record<string, string>>) => {
      const body = JSON.stringify({ operationName: name, query, variables });
      const all = { 'content-type': 'application/json', accept: 'application/json', ...headers };
      const call = async () => readAnswer(await ask(deps.graphqlUrl, { body, headers: all }));
      return deps.observe(name, () => persist(call)) as Promise<T>;
    },
    post: (name, url, form, headers) => {
      const call = async () => readForm(await ask(url, { body: form, headers }));
      return deps.observe(name, () => persist(call));
    },
    isBreakerOpen: () => breaker.opened,
    close() {
      calls.close();
      breaker.shutdown();
    },
  };
}

/** Full jitter: anything up to that. */
const pause = (milliseconds: number) =>
  new Promise((resolve) => setTimeout(resolve, Math.random() * milliseconds));

interface Reply {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function readReply(response: Response): Promise<Reply> {
  return { status: response.status, body: JSON.parse(await response.text()) as Reply['body'] };
}

async function reply(send: () => Promise<Reply>): Promise<Reply> {
  try {
    return await send();
  } catch (error) {
    throw unavailable('The auth service does not answer.', error);
  }
}

interface GraphQLFault {
  readonly message: string;
  readonly extensions?: { readonly code?: string; readonly retryAfterSeconds?: number };
}

function readAnswer({ status, body }: Reply): unknown {
  const faults = body['errors'] as readonly GraphQLFault[] | undefined;
  if (status === 401)
    throw misconfigured('The auth service does not let this client in: is the service token right and live?');
  const [fault] = faults ?? [];
  if (fault) throw faultOf(fault);
  if (status >= 500 || typeof body['data'] !== 'object' || body['data'] === null)
    throw unavailable(`The auth service answered with HTTP ${status}.`);
  return body['data'];
}

/** Faults of the service, not of the question. */
const PASSING = new Set(['SERVICE_UNAVAILABLE', 'INTERNAL_SERVER_ERROR']);

function faultOf({
  message,
  extensions: { code = 'INTERNAL_SERVER_ERROR', retryAfterSeconds } = {},
}: GraphQLFault) {
  return PASSING.has(code)
    ? unavailable(`The auth service could not answer: ${code}.`)
    : new AuthClientError(code, message, { retryAfterSeconds });
}

/** Of an OAuth door (RFC 6749 §5.2). */
function readForm({ status, body }: Reply): unknown {
  if (status === 200) return body;
  if (status >= 500) throw unavailable(`The auth service answered with HTTP ${status}.`);
  const { error = 'invalid_request', error_description: why = '' } = body as Record<string, string>;
  if (status === 429) throw new AuthClientError('RATE_LIMITED', 'The auth service is asked too often.');
  throw misconfigured(`The auth service refused: ${error}. ${why}`.trimEnd());
}
