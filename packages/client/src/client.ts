import {
  refusal,
  type Question,
  type ServiceTokenVerification,
  type TokenVerification,
  type UserRecord,
} from './answers.js';
import { MAX_TOKEN_LENGTH } from './compact.js';
import type { Mode } from './events.js';
import { digestOf } from './local.js';
import { settle, type AuthClientOptions } from './options.js';
import { openParts, type Parts } from './parts.js';
import { askFor, asking, revoke, verifyAtOnce, verifyServiceToken, verifyStepwise } from './verifying.js';

/** How to speak to another service. */
export interface CallHeadersOptions {
  /** The user's token that is passed on. */
  readonly bearer?: string | undefined;
  /** The name of the service that is called: it is shown a short-lived token made for it alone, not the service token. */
  readonly audience?: string | undefined;
  /** Space-separated scopes of that token. */
  readonly scope?: string | undefined;
}

/** How things stand. */
export interface ClientStatus {
  readonly mode: Mode;
  /** Milliseconds since all revocations were known; Infinity before the first time. */
  readonly feedAgeMs: number;
  readonly isBreakerOpen: boolean;
}

/** Verifies tokens, here wherever that is certain, and speaks to the auth service. */
export interface AuthClient {
  /** The name of this service, where it was given. */
  readonly serviceName: string | undefined;
  /**
   * Whether a token may be trusted now, and for this. Answers data for any token however malformed.
   * @throws {AuthClientError} SERVICE_UNAVAILABLE where that cannot be said for certain and policy does not allow more
   */
  verify(token: string, question?: Question): Promise<TokenVerification>;
  /** The same, always by the service; concurrent questions go out together. */
  verifyRemote(token: string, question?: Question): Promise<TokenVerification>;
  /** Whether this is a live token of the service with that name. */
  verifyServiceToken(serviceName: string, token: string): Promise<ServiceTokenVerification>;
  /** An account; undefined for none. Private fields need the scope `users:read`. */
  getUser(id: string): Promise<UserRecord | undefined>;
  /** Ends a token and its session; holding it is proof enough. */
  revoke(token: string): Promise<boolean>;
  /** Headers for a call of another service. */
  callHeaders(options?: CallHeadersOptions): Promise<Record<string, string>>;
  /** Waits until tokens can be verified here. @throws {AuthClientError} SERVICE_UNAVAILABLE after `timeoutMs`, or 10,000 */
  ready(options?: { readonly timeoutMs?: number }): Promise<void>;
  status(): ClientStatus;
  /** Lets go of every connection and timer. */
  close(): void;
}

const ANYTHING: Question = Object.freeze({});
const READY_MS = 10_000;

/** What came from outside may be anything, whatever its type says. */
const isReadable = (token: unknown): boolean => typeof token === 'string' && token.length <= MAX_TOKEN_LENGTH;

/** Opens a client, which begins to listen at once. @throws {AuthClientError} CONFIGURATION */
export function createAuthClient(options: AuthClientOptions = {}): AuthClient {
  const settings = settle(options);
  const parts = openParts(settings);
  const { remote, standing, feed, transport } = parts;
  return {
    serviceName: settings.serviceName,
    // Async, so that whatever it meets is a rejection.
    async verify(token, question = ANYTHING) {
      if (!isReadable(token)) return refusal('MALFORMED');
      const digest = digestOf(token);
      return verifyAtOnce(parts, digest, question) ?? verifyStepwise(parts, token, digest, question);
    },
    async verifyRemote(token, question = ANYTHING) {
      return isReadable(token) ? askFor(parts, token, question) : refusal('MALFORMED');
    },
    verifyServiceToken: async (serviceName, token) => verifyServiceToken(parts, serviceName, token),
    getUser: async (id) => asking(parts, () => remote.user(id)),
    revoke: async (token) => revoke(parts, token),
    callHeaders: async (asked = {}) => callHeaders(parts, asked),
    ready: ({ timeoutMs = READY_MS } = {}) => standing.untilLocal(timeoutMs),
    status: () => ({
      mode: standing.mode(),
      feedAgeMs: feed.ageMs(),
      isBreakerOpen: transport.isBreakerOpen(),
    }),
    close: parts.close,
  };
}

/** The service's proof stands beside the user's, or alone as the bearer. */
async function callHeaders(
  { remote, settings }: Parts,
  { bearer, audience, scope }: CallHeadersOptions,
): Promise<Record<string, string>> {
  const proof = audience === undefined ? settings.serviceToken() : await remote.exchange(audience, scope);
  return bearer === undefined
    ? { authorization: `Bearer ${proof}` }
    : { authorization: `Bearer ${bearer}`, 'x-service-token': proof };
}
