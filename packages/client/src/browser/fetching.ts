import { ENDED } from './tokens.js';

/** What fetching needs of a session. */
export interface Bearer {
  accessToken(): Promise<string | undefined>;
  /** Another token of the same account than this one, which was not taken; undefined where there is none. */
  renew(refused: string): Promise<string | undefined>;
  /** The service has said of this token that its session or account is gone; a session that came after it stays. */
  ended(code: string, refused: string): Promise<void>;
}

/** What is needed to fetch with a session's token. */
export interface FetchingDeps {
  readonly bearer: Bearer;
  readonly fetch: typeof fetch;
  /** Origins that the token is shown to. */
  readonly origins: ReadonlySet<string>;
  /** What relative addresses are relative to, at the time. */
  readonly base: () => string;
}

/**
 * `fetch` with the session's token, for these origins alone. Where the token is not taken, it is renewed and the request sent
 * once more; where the account is gone, the session ends.
 */
export function fetchWith({ bearer, fetch, origins, base }: FetchingDeps): typeof fetch {
  return async (input, init) => {
    const isOurs = origins.has(new URL(addressOf(input), base()).origin);
    const token = isOurs ? await bearer.accessToken() : undefined;
    if (token === undefined) return fetch(input, init);
    const again = input instanceof Request ? input.clone() : input;
    const response = await fetch(input, withToken(input, init, token));
    const code = await codeOf(response);
    if (code !== undefined && ENDED.has(code)) await bearer.ended(code, token);
    if (code !== 'UNAUTHENTICATED' || isSpent(init)) return response;
    const renewed = await bearer.renew(token);
    return renewed === undefined ? response : fetch(again, withToken(again, init, renewed));
  };
}

/** A request made in another frame is no instance of this one's. */
const addressOf = (input: Parameters<typeof fetch>[0]): string =>
  typeof input === 'object' && 'url' in input ? input.url : String(input);

function withToken(
  input: Parameters<typeof fetch>[0],
  init: RequestInit | undefined,
  token: string,
): RequestInit {
  const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
  if (!headers.has('authorization')) headers.set('authorization', `Bearer ${token}`);
  return { ...init, headers };
}

/** A stream can be sent once. */
const isSpent = (init: RequestInit | undefined): boolean => init?.body instanceof ReadableStream;

/** One JSON text. What comes as a stream of them, a line at a time, ends when it ends, and is not waited for. */
const JSON_TYPE = /^application\/([\w.-]+\+)?json\s*(;|$)/i;

/** The code by which an answer says who was not let in: of the graph, of a guard of this library, or of HTTP alone. */
async function codeOf(response: Response): Promise<string | undefined> {
  const isJson = JSON_TYPE.test(response.headers.get('content-type') ?? '');
  const told = isJson ? await readCode(response.clone()) : undefined;
  return told ?? (response.status === 401 ? 'UNAUTHENTICATED' : undefined);
}

async function readCode(response: Response): Promise<string | undefined> {
  try {
    return codeIn(await response.json());
  } catch {
    return undefined;
  }
}

/**
 * The code in an answer that ends a session or asks for another token. What was done in part is not done again: an answer with
 * data asks for nothing.
 */
export function codeIn(body: unknown): string | undefined {
  const { code, errors, data } = (body ?? {}) as { code?: unknown; errors?: unknown; data?: unknown };
  const faults = Array.isArray(errors) ? (errors as ({ extensions?: { code?: unknown } } | null)[]) : [];
  const codes = [code, ...faults.map((fault) => fault?.extensions?.code)];
  const isPartial = Object.values(data ?? {}).some((value) => value !== null);
  return codes.find(
    (one): one is string =>
      typeof one === 'string' && (ENDED.has(one) || (one === 'UNAUTHENTICATED' && !isPartial)),
  );
}
