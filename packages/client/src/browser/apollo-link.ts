import { codeIn, type Bearer } from './fetching.js';
import { ENDED } from './tokens.js';

/** What Apollo Client exports, in its third or fourth major version: `{ ApolloLink, Observable }`. */
export interface ApolloParts<Link> {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the types of whichever version the application has
  readonly ApolloLink: new (handler: (operation: any, forward: any) => any) => Link;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as above
  readonly Observable: new (subscriber: (observer: any) => any) => unknown;
}

type Headers = Record<string, string>;

/** What is used of an operation of Apollo Client. */
interface Operation {
  setContext(change: (context: { headers?: Headers }) => object): void;
}

interface Observer {
  next(result: unknown): void;
  error(error: unknown): void;
  complete(): void;
}

type Forward = (operation: Operation) => { subscribe(observer: Observer): { unsubscribe(): void } };

/**
 * A link that shows the session's token, renews it once where it is not taken, and ends the session where the account is
 * gone: `ApolloLink.from([createAuthLink(session, { ApolloLink, Observable }), new HttpLink({ uri })])`.
 */
export function createAuthLink<Link>(session: Bearer, { ApolloLink, Observable }: ApolloParts<Link>): Link {
  return new ApolloLink(
    (operation: Operation, forward: Forward) =>
      new Observable((observer: Observer) => {
        const call: Call = { session, operation, forward, observer, isOver: false, stop: () => undefined };
        void attempt(call, undefined);
        return () => {
          call.isOver = true;
          call.stop();
        };
      }),
  );
}

interface Call {
  readonly session: Bearer;
  readonly operation: Operation;
  readonly forward: Forward;
  readonly observer: Observer;
  isOver: boolean;
  stop: () => void;
}

/** Sends the operation with a token; a renewed one is the last. */
async function attempt(call: Call, renewed: string | undefined): Promise<void> {
  const { session, operation, forward, observer } = call;
  try {
    const token = renewed ?? (await session.accessToken());
    if (call.isOver) return;
    const isLast = renewed !== undefined;
    if (token !== undefined) operation.setContext(withToken(token));
    const subscription = forward(operation).subscribe({
      next: (result) => take(call, codeIn(result), token, isLast, () => observer.next(result)),
      error: (error) => take(call, codeOfFailure(error), token, isLast, () => observer.error(error)),
      complete: () => settle(call, () => observer.complete()),
    });
    call.stop = () => subscription.unsubscribe();
  } catch (error) {
    observer.error(error);
  }
}

const withToken =
  (token: string) =>
  ({ headers = {} }: { headers?: Headers }) => ({
    headers: { ...headers, authorization: `Bearer ${token}` },
  });

/** What `complete` has to wait for. */
const pending = new WeakMap<Call, Promise<boolean>>();

function take(
  call: Call,
  code: string | undefined,
  token: string | undefined,
  isLast: boolean,
  pass: () => void,
): void {
  if (token !== undefined && code !== undefined && ENDED.has(code)) void call.session.ended(code, token);
  if (code !== 'UNAUTHENTICATED' || token === undefined || isLast) return pass();
  const handled = call.session.renew(token).then((renewed) => {
    if (renewed === undefined || call.isOver) {
      pass();
      return false;
    }
    void attempt(call, renewed);
    return true;
  });
  pending.set(call, handled);
}

/** An answer that is asked for anew completes when its successor does. */
function settle(call: Call, complete: () => void): void {
  const handled = pending.get(call);
  pending.delete(call);
  if (!handled) return complete();
  void handled.then((isRepeated) => {
    if (!isRepeated) complete();
  });
}

/** Of an error of the network: the answer's own code, or what its status says. */
function codeOfFailure(error: unknown): string | undefined {
  const { statusCode, result, bodyText } = (error ?? {}) as {
    statusCode?: number;
    result?: unknown;
    bodyText?: string;
  };
  const told = codeIn(result) ?? codeIn(parse(bodyText));
  return told ?? (statusCode === 401 ? 'UNAUTHENTICATED' : undefined);
}

function parse(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return undefined;
  }
}
