import { LRUCache } from 'lru-cache';
import {
  refusal,
  type Question,
  type ServiceTokenVerification,
  type TokenVerification,
  type UserRecord,
} from './answers.js';
import { coalesce } from './coalesce.js';
import { AuthClientError } from './errors.js';
import { digestOf } from './local.js';
import { REVOKE, USER, VERIFY_SERVICE_TOKEN, VERIFY_TOKENS } from './operations.js';
import type { Transport } from './transport.js';

/** A question about one token, as it goes out. */
interface Request {
  readonly token: string;
  readonly serviceId?: string | undefined;
  readonly requires?: readonly string[] | undefined;
  /** Asks about the token alone, and not for access to the service that asks. */
  readonly tokenOnly?: boolean;
}

/** What only the service can say or do. Each may throw what {@link AuthClientError} lists. */
export interface Remote {
  verify(token: string, question: Question): Promise<TokenVerification>;
  verifyServiceToken(serviceName: string, token: string): Promise<ServiceTokenVerification>;
  user(id: string): Promise<UserRecord | undefined>;
  revoke(token: string): Promise<boolean>;
  /** A short-lived token of this service for another one. */
  exchange(audience: string, scope: string | undefined): Promise<string>;
}

/** What is needed to ask. */
export interface RemoteDeps {
  readonly transport: Transport;
  /** Where the auth service is. */
  readonly base: string;
  readonly serviceToken: () => string;
  readonly serviceName: string | undefined;
  readonly monotonic: () => number;
}

/** What the audience is asked for is used again for this part of its life. */
const REUSED_SHARE = 0.8;
const MOST_AUDIENCES = 100;

/** What the service answers to a whole batch because of one question in it: about a service that is not the asking one, say. */
const OF_ONE: ReadonlySet<string> = new Set(['FORBIDDEN', 'BAD_USER_INPUT']);

/** A service that asks of no certain one is told whom another issuer's token speaks of, and nothing of access. */
const isOnlyKnown = ({ subject, service }: TokenVerification): boolean =>
  subject?.type === 'EXTERNAL' && service === null;

/** Asks the service as the service whose token this is. */
export function openRemote({ transport, base, serviceToken, serviceName, monotonic }: RemoteDeps): Remote {
  const asSelf = () => ({ authorization: `Bearer ${serviceToken()}` });
  const ask = coalesce<Request, TokenVerification>({
    keyOf: ({ token, serviceId, requires, tokenOnly }) =>
      JSON.stringify([digestOf(token), serviceId, requires, tokenOnly]),
    sizeOf: (request) => JSON.stringify(request).length,
    isOfOne: (error) => error instanceof AuthClientError && OF_ONE.has(error.code),
    async ask(requests) {
      const operation = { name: 'VerifyTokens', query: VERIFY_TOKENS, variables: { requests } };
      const { verifyTokens } = await transport.send<{ verifyTokens: TokenVerification[] }>(
        operation,
        asSelf(),
      );
      return verifyTokens;
    },
  });
  const exchanged = new LRUCache<string, { text: string; until: number }>({ max: MOST_AUDIENCES });
  const exchanging = new Map<string, Promise<string>>();
  const exchangeAnew = async (key: string, form: URLSearchParams) => {
    const answer = (await transport.post('token', `${base}/oauth/token`, form, asSelf())) as {
      access_token: string;
      expires_in: number;
    };
    const until = monotonic() + answer.expires_in * 1000 * REUSED_SHARE;
    exchanged.set(key, { text: answer.access_token, until });
    return answer.access_token;
  };
  let self: { readonly of: string; readonly id: Promise<string | undefined> } | undefined;
  /** The id of this service, asked for once for each of its tokens; where services have none, its name. */
  const ownId = async (): Promise<string | undefined> => {
    const of = serviceToken();
    if (self?.of !== of) {
      const form = new URLSearchParams({ token: of });
      const id = transport
        .post('introspect', `${base}/oauth/introspect`, form, asSelf())
        .then((answer) => (answer as { sub?: string }).sub ?? serviceName);
      const asked = { of, id };
      self = asked;
      id.catch(() => {
        if (self === asked) self = undefined;
      });
    }
    return self.id;
  };
  return {
    async verify(token, { requires, serviceId, service }) {
      const tokenOnly = serviceId === undefined && service === undefined;
      const answer = await ask({ token, serviceId, requires, ...(tokenOnly ? { tokenOnly } : {}) });
      if (serviceId !== undefined || service === undefined || !isOnlyKnown(answer)) return answer;
      const own = await ownId();
      return own === undefined ? refusal('NO_SERVICE_ACCESS') : ask({ token, serviceId: own, requires });
    },
    async verifyServiceToken(serviceName, token) {
      const variables = { serviceName, token };
      const operation = { name: 'VerifyServiceToken', query: VERIFY_SERVICE_TOKEN, variables };
      const answer = await transport.send<{ verifyServiceToken: ServiceTokenVerification }>(
        operation,
        asSelf(),
      );
      return answer.verifyServiceToken;
    },
    async user(id) {
      const operation = { name: 'UserById', query: USER, variables: { id } };
      try {
        return (await transport.send<{ user: UserRecord }>(operation, asSelf())).user;
      } catch (error) {
        if (error instanceof AuthClientError && error.code === 'NOT_FOUND') return undefined;
        throw error;
      }
    },
    async revoke(token) {
      const operation = { name: 'Revoke', query: REVOKE, variables: { token } };
      return (await transport.send<{ revoke: boolean }>(operation, asSelf())).revoke;
    },
    exchange(audience, scope) {
      const form = new URLSearchParams({
        grant_type: 'client_credentials',
        audience,
        ...(scope ? { scope } : {}),
      });
      const key = digestOf(`${serviceToken()} ${form.toString()}`);
      const known = exchanged.get(key);
      if (known && known.until > monotonic()) return Promise.resolve(known.text);
      const pending = exchanging.get(key) ?? exchangeAnew(key, form).finally(() => exchanging.delete(key));
      exchanging.set(key, pending);
      return pending;
    },
  };
}
