/** From when to when a token was used from a network at large; by a clock that never jumps, in milliseconds. */
export interface Use {
  /** An IPv4 /16 or an IPv6 /32. */
  readonly network: string;
  readonly first: number;
  last: number;
}

/** Requests that were under way when a device moved arrive late, and are no return. */
const LATE_MS = 30_000;
const MOST_PLACES = 8;

/** The use of a token from a network, now; remembered among its others, the oldest of which is forgotten. */
export function useOf(places: Use[], network: string, now: number): Use {
  const wide = widen(network);
  const known = places.find((place) => place.network === wide);
  if (known) {
    known.last = now;
    return known;
  }
  const use = { network: wide, first: now, last: now };
  places.push(use);
  if (places.length > MOST_PLACES) places.shift();
  return use;
}

/** Another network of the same kind, within the time: a device that has both kinds of address uses them by turns. */
export function isNear(one: Use, use: Use, windowMs: number): boolean {
  return (
    one !== use && one.network.includes(':') === use.network.includes(':') && use.last - one.last <= windowMs
  );
}

/** Whether a token went from one network to the other and back. */
export function isByTurns(one: Use, other: Use): boolean {
  const [earlier, later] = one.first <= other.first ? [one, other] : [other, one];
  return earlier.last > later.first + LATE_MS;
}

function widen(network: string): string {
  const colon = network.includes(':');
  const parts = network.replace(/\/\d+$/, '').split(colon ? ':' : '.');
  return parts.slice(0, 2).join(colon ? ':' : '.') + (colon ? '::/32' : '.0.0/16');
}
