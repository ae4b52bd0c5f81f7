import { lookup } from 'node:dns/promises';
import { request as requestHttp, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** An address that somebody else chose. */
interface Address {
  url: string;
  /** Whether networks of one's own may be called, and by plain http. */
  allowPrivateNetwork: boolean;
}

/** A POST to such an address. */
export interface OutgoingCall extends Address {
  headers: Record<string, string>;
  body: string;
}

/** What was found at such an address. */
export interface Found {
  headers: IncomingMessage['headers'];
  body: string;
}

/** Finds the addresses of a host. */
export type Resolve = (host: string) => Promise<readonly { address: string }[]>;

/** The call was not made, or its answer not taken. */
export class CallRefused extends Error {
  override name = 'CallRefused';
}

/** From the first question to the name server to the last byte of the answer, in milliseconds. */
const PATIENCE_MS = 5000;
/** So much of an answer is read at most; of that to a POST only so that the other side can end it in peace. */
const MOST_BYTES = 64 * 1024;

const byName: Resolve = (host) => lookup(host, { all: true });

/**
 * Makes the call, to an address that was checked: the name is resolved once, every address it has must be allowed, and
 * the connection goes to one of those and no other. Redirects are not followed.
 * @returns the HTTP status of the answer
 * @throws {CallRefused} for what must not be called; whatever the network throws
 */
export async function callOut(call: OutgoingCall, resolve: Resolve = byName): Promise<number> {
  const response = await open(call, 'POST', call, AbortSignal.timeout(PATIENCE_MS), resolve);
  await readAway(response);
  return response.statusCode ?? 0;
}

/**
 * Reads what is at an address, with the same care: at most 64 KiB, within five seconds, and only from where it says 200.
 * @throws {CallRefused} for what must not be called, another status, or more than that; whatever the network throws
 */
export async function readFrom(address: Address, resolve: Resolve = byName): Promise<Found> {
  const headers = { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'authgraph' };
  const response = await open(address, 'GET', { headers }, AbortSignal.timeout(PATIENCE_MS), resolve);
  try {
    if (response.statusCode !== 200) throw new CallRefused(`the answer is ${response.statusCode ?? 0}`);
    return { headers: response.headers, body: await readAll(response) };
  } finally {
    response.destroy();
  }
}

interface Sending {
  headers: Record<string, string>;
  body?: string;
}

async function open(
  address: Address,
  method: 'GET' | 'POST',
  sending: Sending,
  patience: AbortSignal,
  resolve: Resolve,
): Promise<IncomingMessage> {
  const url = new URL(address.url);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && address.allowPrivateNetwork))
    throw new CallRefused('only https is called');
  const addresses = await before(patience, allowedAddresses(url, address, resolve));
  return send(url, method, sending, addresses, patience);
}

async function allowedAddresses(
  url: URL,
  { allowPrivateNetwork }: Address,
  resolve: Resolve,
): Promise<string[]> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const found = isIP(host) === 0 ? await resolve(host) : [{ address: host }];
  const addresses = found.map(({ address }) => address);
  if (addresses.length === 0 || !addresses.every((address) => mayCall(address, allowPrivateNetwork)))
    throw new CallRefused('the host has an address that must not be called');
  return addresses;
}

/** Never among them: link-local addresses, where clouds keep their metadata, and what is nobody's. */
const OWN_RANGES: ReadonlySet<string> = new Set(['private', 'loopback', 'uniqueLocal', 'carrierGradeNat']);
/** All that is routed of IPv6 (RFC 4291 §2.4); the library calls the rest unicast as well. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/** Whether an address is a public one or, where that is allowed, one of a network of one's own. */
export function mayCall(text: string, allowPrivateNetwork: boolean): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.parse(text);
  const range = address.range();
  if (allowPrivateNetwork && OWN_RANGES.has(range)) return true;
  return range === 'unicast' && (address instanceof ipaddr.IPv4 || address.match(GLOBAL_UNICAST));
}

/** The promise's result, unless patience ends first. */
async function before<T>(patience: AbortSignal, work: Promise<T>): Promise<T> {
  const late = new Promise<never>((_, reject) => {
    patience.addEventListener('abort', () => reject(patience.reason as Error), { once: true });
  });
  return Promise.race([work, late]);
}

async function send(
  url: URL,
  method: 'GET' | 'POST',
  { headers, body }: Sending,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const options: RequestOptions = {
    method,
    headers: body === undefined ? headers : { ...headers, 'content-length': Buffer.byteLength(body) },
    // A connection of its own: none that was opened to another address is used again.
    agent: false,
    lookup: pinTo(addresses),
    signal,
  };
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, options, resolve);
    request.on('error', reject).end(body);
  });
}

function pinTo(addresses: readonly string[]): LookupFunction {
  const pinned = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_host, options, callback) => {
    const [first] = pinned;
    if (options.all === true) callback(null, pinned);
    else callback(null, first?.address ?? '', first?.family);
  };
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > MOST_BYTES) throw new CallRefused(`the answer has more than ${MOST_BYTES} bytes`);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The status has come, and that decides; an answer that breaks off or never ends changes nothing. */
async function readAway(response: IncomingMessage): Promise<void> {
  let bytes = 0;
  try {
    for await (const chunk of response) {
      bytes += (chunk as Buffer).length;
      if (bytes >= MOST_BYTES) break;
    }
  } catch {
    // As said.
  }
  response.destroy();
}
