import type { Knex } from 'knex';
import { LRUCache } from 'lru-cache';
import { isId } from '../ids.js';
import type { Looking, Suspicion, Watched } from './rule.js';

/** From when to when a session was used from a network at large: an IPv4 /16 or an IPv6 /32. */
interface Use {
  session: string;
  account: string;
  network: string;
  first: Date;
  last: Date;
}

/** Sessions with several networks that were seen since somebody looked last; what was seen is written a little later. */
const SEEN_ELSEWHERE = `
  select now()::timestamptz(3) as now, array(
    select distinct s.session_id from session_sightings s
    where s.last_seen_at > ?::timestamptz - interval '5 seconds' and exists (
      select from session_sightings o where o.session_id = s.session_id and o.network <> s.network)
    limit 1000)::text[] as sessions`;

interface Seen {
  /** When this look will have been, for the next one. */
  now: Date;
  sessions: string[];
}

const USES = `
  select s.id as session, s.user_id as account, u.network, min(u.first) as first, max(u.last) as last
  from sessions s cross join lateral (
    select network_of(g.network, 16, 32) as network, g.first_seen_at as first, g.last_seen_at as last
    from session_sightings g where g.session_id = s.id
    union all
    select network_of(e.ip_address, 16, 32), e.occurred_at, e.occurred_at from audit_events e
    where e.subject = s.user_id::text and e.type in ('sign_in.succeeded', 'refresh.rotated')
      and e.details->>'session' = s.id::text and e.ip_address is not null
      and e.occurred_at >= greatest(s.created_at, now() - interval '1 day')
  ) u
  where s.id = any(?::uuid[])
  group by s.id, s.user_id, u.network order by s.id, min(u.first)`;

/**
 * Addresses of sessions that were used from one network alone when this process looked last. Most are, and to find that out again
 * takes reading a day of their account's events. Holds only while nobody else looks in between.
 */
const still = { asOf: 0, addresses: new LRUCache<string, string>({ max: 20_000 }) };

/** Those of these sessions that were seen in another network than that of the address. */
const SEEN_BESIDES = `
  select distinct g.session_id as session from unnest(?::uuid[], ?::text[]) as s (id, address)
  join session_sightings g on g.session_id = s.id
  where network_of(g.network, 16, 32) <> network_of(s.address, 16, 32)`;

/** Sessions that were used from two networks at nearly the same time. */
export async function findTwoNetworks({
  trx,
  events,
  lookedAt,
  windowSeconds,
}: Looking): Promise<Suspicion[]> {
  if (lookedAt.getTime() !== still.asOf) still.addresses.clear();
  const addresses = addressesOf(events);
  const moved = await movedAmong(trx, addresses);
  const { rows } = await trx.raw<{ rows: [Seen] }>(SEEN_ELSEWHERE, [lookedAt]);
  const [{ now, sessions }] = rows;
  const uses = await readUses(trx, [...new Set([...moved, ...sessions])]);
  for (const [session, { length: networks }] of uses) {
    const address = addresses.get(session);
    if (address === undefined || networks > 1) still.addresses.delete(session);
    else still.addresses.set(session, address);
  }
  still.asOf = now.getTime();
  return [...uses.values()].flatMap((ofOne) => judge(ofOne, windowSeconds * 1000) ?? []);
}

/** The address of each session that these events are of; undefined where they have several or none. */
function addressesOf(events: readonly Watched[]): Map<string, string | undefined> {
  const addresses = new Map<string, string | undefined>();
  for (const { details, ipAddress } of events) {
    const session = String(details?.['session']);
    const isOther = addresses.has(session) && addresses.get(session) !== ipAddress;
    if (isId(session)) addresses.set(session, isOther ? undefined : (ipAddress ?? undefined));
  }
  return addresses;
}

/** Those of these sessions of which it is not known that they are where they were. */
async function movedAmong(trx: Knex, addresses: ReadonlyMap<string, string | undefined>): Promise<string[]> {
  const same = new Map<string, string>();
  for (const [session, address] of addresses)
    if (address !== undefined && still.addresses.get(session) === address) same.set(session, address);
  if (same.size > 0) {
    const { rows } = await trx.raw<{ rows: { session: string }[] }>(SEEN_BESIDES, [
      [...same.keys()],
      [...same.values()],
    ]);
    for (const { session } of rows) same.delete(session);
  }
  return [...addresses.keys()].filter((session) => !same.has(session));
}

/** How many sessions one statement asks about: each may mean a day of its account's events. */
const SESSIONS_AT_ONCE = 200;

async function readUses(trx: Knex, sessions: readonly string[]): Promise<Map<string, Use[]>> {
  const uses = new Map<string, Use[]>();
  for (let at = 0; at < sessions.length; at += SESSIONS_AT_ONCE) {
    const some = sessions.slice(at, at + SESSIONS_AT_ONCE);
    const { rows } = await trx.raw<{ rows: Use[] }>(USES, [some]);
    for (const use of rows) uses.set(use.session, [...(uses.get(use.session) ?? []), use]);
  }
  return uses;
}

/** Requests that were under way when a device moved arrive late, and are no return. */
const LATE_MS = 30_000;

function judge(uses: readonly Use[], windowMs: number): Suspicion | undefined {
  // By their beginnings: the first of a pair is the one that was used first.
  const pairs = uses.flatMap((one, at) => uses.slice(at + 1).map((other) => [one, other] as const));
  const close = pairs.filter(([one, other]) => isAlike(one, other) && gapMs(one, other) <= windowMs);
  const byTurns = close.find(([one, other]) => isByTurns(one, other, windowMs));
  const [one, other] = byTurns ?? close[0] ?? [];
  if (!one || !other) return undefined;
  return {
    about: byTurns ? `${one.session} by turns` : one.session,
    severity: byTurns ? 'MEDIUM' : 'LOW',
    subject: one.account,
    details: { session: one.session, networks: [one.network, other.network] },
  };
}

/** A device that has both kinds of address uses them by turns, and that is nothing. */
const isAlike = (one: Use, other: Use) => one.network.includes(':') === other.network.includes(':');

const gapMs = (one: Use, other: Use) => Math.abs(one.last.getTime() - other.last.getTime());

/** From one to the other and back, all of it lately. */
function isByTurns(one: Use, other: Use, windowMs: number): boolean {
  const began = other.first.getTime();
  const latest = Math.max(one.last.getTime(), other.last.getTime());
  return one.last.getTime() > began + LATE_MS && latest - began <= 2 * windowMs;
}
