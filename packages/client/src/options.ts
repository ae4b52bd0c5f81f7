import { misconfigured } from './errors.js';
import type { ClientEvent } from './events.js';

/** Time, passed in by tests. */
export interface Clock {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds that no change of the wall clock touches. */
  readonly monotonic: () => number;
}

/** What a client is made of. */
export interface AuthClientOptions {
  /** Where the auth service is; `SERVICES_AUTH_URL` when left out. */
  readonly url?: string | undefined;
  /** The token of this service, or where to look for it at each call; `SERVICES_AUTH_SERVICETOKEN` when left out. */
  readonly serviceToken?: string | (() => string) | undefined;
  /** The name that this service is registered by; `SERVICE_NAME` when left out. */
  readonly serviceName?: string | undefined;
  /** `iss` of its tokens; read from its discovery document when left out. */
  readonly issuer?: string | undefined;
  /** `aud` of its tokens; "authgraph" when left out. */
  readonly audience?: string | undefined;
  /**
   * What happens to a token that cannot be asked about: `'refuse'` (the default) throws SERVICE_UNAVAILABLE; with
   * `trustForSeconds` one that is genuine, unexpired and not known to be revoked is trusted until revocations were last heard
   * of so long ago.
   */
  readonly onUnavailable?: 'refuse' | { readonly trustForSeconds: number } | undefined;
  /** Which other issuers' tokens the service is asked about: all (the default), none, or these. */
  readonly foreignIssuers?: 'ask' | 'refuse' | readonly string[] | undefined;
  /** Beyond this age, what was heard of revocations is not relied on; 10 when left out. */
  readonly staleAfterSeconds?: number | undefined;
  /** How long one attempt to ask may take; 2000 when left out. */
  readonly timeoutMs?: number | undefined;
  /** Further attempts where the service does not answer; 2 when left out. */
  readonly retries?: number | undefined;
  /** How long an answer of the service is remembered while revocations are heard; 5 when left out, 0 for not at all. */
  readonly cacheSeconds?: number | undefined;
  /** How many tokens are remembered; 20,000 when left out. */
  readonly cacheSize?: number | undefined;
  /** Takes plain http to other machines. The service token and every user's token can then be read on the way. */
  readonly allowInsecure?: boolean | undefined;
  /** Told of changes of state: how questions are answered now, the breaker, the stream, the keys. */
  readonly onEvent?: ((event: ClientEvent) => void) | undefined;
  readonly fetch?: typeof fetch | undefined;
  readonly clock?: Clock | undefined;
}

/** Options with everything settled. */
export type Settings = ReturnType<typeof settle>;

const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

/** Fills in what was left out. @throws {AuthClientError} CONFIGURATION */
export function settle(
  options: AuthClientOptions,
  env: Readonly<Record<string, string | undefined>> = process.env,
) {
  const base = baseOf(options.url ?? env['SERVICES_AUTH_URL'], options.allowInsecure === true);
  const serviceToken = options.serviceToken ?? env['SERVICES_AUTH_SERVICETOKEN'];
  if (!serviceToken) throw misconfigured('Give serviceToken, or set SERVICES_AUTH_SERVICETOKEN.');
  const { onUnavailable = 'refuse' } = options;
  return {
    base,
    graphqlUrl: `${base}/graphql`,
    serviceToken: typeof serviceToken === 'function' ? serviceToken : () => serviceToken,
    serviceName: options.serviceName ?? env['SERVICE_NAME'],
    issuer: options.issuer,
    audience: options.audience ?? 'authgraph',
    trustForMs:
      onUnavailable === 'refuse' ? undefined : seconds('trustForSeconds', onUnavailable.trustForSeconds),
    foreignIssuers: options.foreignIssuers ?? 'ask',
    staleAfterMs: seconds('staleAfterSeconds', options.staleAfterSeconds ?? 10),
    timeoutMs: count('timeoutMs', options.timeoutMs ?? 2000, 1),
    retries: count('retries', options.retries ?? 2, 0),
    cacheMs: seconds('cacheSeconds', options.cacheSeconds ?? 5),
    cacheSize: count('cacheSize', options.cacheSize ?? 20_000, 1),
    onEvent: options.onEvent,
    fetch: options.fetch ?? fetch,
    clock: options.clock ?? systemClock,
  };
}

function seconds(name: string, value: number): number {
  if (!Number.isFinite(value) || value < 0) throw misconfigured(`${name} must be a number of seconds.`);
  return value * 1000;
}

function count(name: string, value: number, least: number): number {
  if (!Number.isInteger(value) || value < least)
    throw misconfigured(`${name} must be a whole number of ${least} or more.`);
  return value;
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** The address of the service without what follows its path; that of its GraphQL endpoint is understood too. */
function baseOf(url: string | undefined, allowsInsecure: boolean): string {
  if (!url) throw misconfigured('Give url, or set SERVICES_AUTH_URL.');
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !['http:', 'https:'].includes(parsed.protocol) || parsed.username || parsed.search)
    throw misconfigured('url must be like https://auth.example.com.');
  const isSafe = parsed.protocol === 'https:' || LOOPBACK.test(parsed.hostname) || allowsInsecure;
  if (!isSafe) throw misconfigured('Tokens do not travel by plain http: use https, or set allowInsecure.');
  return (parsed.origin + parsed.pathname).replace(/\/+$/, '').replace(/\/graphql$/, '');
}
