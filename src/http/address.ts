import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Ranges whose X-Forwarded-For is believed. */
export type TrustedNetworks = (address: Address) => boolean;

/** Reads TRUSTED_PROXIES once. */
export function trustNetworks(networks: readonly string[]): TrustedNetworks {
  const ranges = networks.map((network) =>
    network.includes('/')
      ? ipaddr.parseCIDR(network)
      : ([ipaddr.parse(network), network.includes(':') ? 128 : 32] as [Address, number]),
  );
  return (address) =>
    ranges.some(([range, bits]) => range.kind() === address.kind() && address.match(range, bits));
}

/** Where a request comes from, in canonical spelling. */
export interface Origin {
  readonly ip: string;
  /** What limits by address count: IPv4 as it is, IPv6 by its /64. */
  readonly network: string;
  /** True where a trusted proxy passed the request on; false where the caller made the connection. */
  readonly isForwarded: boolean;
}

/** Whether a trusted proxy made the connection. */
export function isFromTrusted(request: IncomingMessage, isTrusted: TrustedNetworks): boolean {
  return isTrusted(parse(request.socket.remoteAddress ?? '') ?? NOWHERE);
}

/** The first address, from the right of X-Forwarded-For, that no trusted proxy vouches for; else the socket's own. */
export function originOf(request: IncomingMessage, isTrusted: TrustedNetworks): Origin {
  return originBehind(request, request.headers['x-forwarded-for'], isTrusted);
}

/** The same, where what the connection's other end says of its client stands elsewhere than in the request's headers. */
export function originBehind(
  request: IncomingMessage,
  forwarded: string | string[] | undefined,
  isTrusted: TrustedNetworks,
): Origin {
  const remote = request.socket.remoteAddress ?? '';
  if (forwarded === undefined) return peers.get(remote) ?? rememberPeer(remote);
  const peer = parse(remote) ?? NOWHERE;
  const isForwarded = isTrusted(peer);
  // What cannot be read counts as the proxy's own address: no way round the limits.
  const named = isForwarded ? furthest(String(forwarded), isTrusted) : undefined;
  return describe(named ?? peer, isForwarded);
}

function furthest(header: string, isTrusted: TrustedNetworks): Address | undefined {
  let last: Address | undefined;
  for (const text of header.split(',').reverse()) {
    const address = parse(text.trim());
    if (!address) return last;
    last = address;
    if (!isTrusted(address)) return address;
  }
  return last;
}

function parse(text: string): Address | undefined {
  return ipaddr.isValid(text) ? ipaddr.process(text) : undefined;
}

const NOWHERE = ipaddr.parse('0.0.0.0');
const MOST_PEERS = 10_000;
// Connections come from few addresses, and taking one apart costs as much as the rest of the door.
const peers = new Map<string, Origin>();

function rememberPeer(remote: string): Origin {
  const origin = describe(parse(remote) ?? NOWHERE, false);
  if (peers.size >= MOST_PEERS) peers.clear();
  peers.set(remote, origin);
  return origin;
}

function describe(address: Address, isForwarded: boolean): Origin {
  const ip = address.toString();
  const network = address instanceof ipaddr.IPv6 ? `${prefixOf(address)}::/64` : ip;
  return { ip, network, isForwarded };
}

const prefixOf = (address: ipaddr.IPv6) =>
  address.parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':');
