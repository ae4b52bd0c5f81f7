import type { IncomingMessage } from 'node:http';

/** What a request brings along to prove who makes it: undefined for none, '' for what cannot be read. */
export interface Credentials {
  readonly bearer: string | undefined;
  readonly serviceToken: string | undefined;
}

/** The credentials in the headers of a request. Headers that only name somebody are nothing to us. */
export function credentialsOf(request: IncomingMessage): Credentials {
  const serviceToken = request.headers['x-service-token'];
  // One that came twice is joined by a comma, and so is nobody's.
  return { bearer: bearerOf(request), serviceToken: serviceToken?.toString() };
}

const BEARER = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i;

/** A bearer that came along and cannot be read. */
export const UNREADABLE = '';

/** Compares the length first: this is asked of every header of every request. */
const isAuthorization = (name: string) => name.length === 13 && name.toLowerCase() === 'authorization';

/** The bearer token of a request; undefined without an Authorization header, '' for one that cannot be read as a single bearer. */
function bearerOf(request: IncomingMessage): string | undefined {
  const header = request.headers.authorization;
  if (header === undefined) return undefined;
  return countAuthorizations(request) === 1 ? (BEARER.exec(header)?.[1] ?? UNREADABLE) : UNREADABLE;
}

/** How many Authorization headers came along; Node shows the first one only. */
export function countAuthorizations({ rawHeaders }: IncomingMessage): number {
  let seen = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) if (isAuthorization(rawHeaders[at] ?? '')) seen++;
  return seen;
}
