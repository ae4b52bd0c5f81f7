import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import { LRUCache } from 'lru-cache';
import type { Looking, Suspicion, Watched } from './rule.js';

/** What is known of the sign-ins of an account before one of them. */
interface History {
  event: string;
  location: string | null;
  /** The network at large: an IPv4 /16 or an IPv6 /32, within which a provider moves its customers about. */
  network: string | null;
  signIns: number;
  oldest: Date | null;
  /** Of the day, in UTC; each once. */
  hours: number[] | null;
  /** Of how many of them the location is known, and of how many the network. */
  known: Record<PlaceKind, number>;
  /** Whether one of them came from the same. */
  isUsual: Record<PlaceKind, boolean | null>;
}

type PlaceKind = 'location' | 'network';

/** The latest so many tell what somebody is used to. */
const MOST_REMEMBERED = 500;

// What is alike is counted first: the network of an address is dear, and somebody comes from few.
const HISTORIES = `
  select n.event, n.location, n.network, h.*
  from (
    select id as event, subject, occurred_at, details->>'location' as location, network_of(ip_address, 16, 32) as network
    from audit_events where id = any(?::uuid[]) offset 0) n
  cross join lateral (
    select coalesce(sum(a.times), 0)::bigint as "signIns", min(a.oldest) as oldest, array_agg(distinct a.hour) as hours,
      json_build_object(
        'location', coalesce(sum(a.times) filter (where a.location is not null), 0),
        'network', coalesce(sum(a.times) filter (where a.network is not null), 0)) as known,
      json_build_object('location', bool_or(a.location = n.location), 'network', bool_or(a.network = n.network)) as "isUsual"
    from (
      select p.location, network_of(p.address, 16, 32) as network, p.hour, count(*) as times, min(p.occurred_at) as oldest
      from (
        select occurred_at, details->>'location' as location, ip_address as address,
          date_part('hour', occurred_at at time zone 'UTC')::integer as hour
        from audit_events
        where subject = n.subject and type = 'sign_in.succeeded'
          and occurred_at > n.occurred_at - ? * interval '1 second' and (occurred_at, id) < (n.occurred_at, n.event)
        order by occurred_at desc limit ${MOST_REMEMBERED}) p
      group by p.location, p.address, p.hour) a) h`;

/** Of how many accounts a process knows the last sign-in, some 300 bytes each. */
const REMEMBERED_ACCOUNTS = 10_000;
const HOUR_MS = 60 * 60 * 1000;

/** The last sign-in that was looked at, by account. */
const lastOf = new LRUCache<string, Watched>({ max: REMEMBERED_ACCOUNTS });
const known = new WeakMap<Watched, boolean>();

/** Whether the account signed in from the same address and place within the hour before: nothing is unusual about it then. */
function isRepeated(event: Watched): boolean {
  const before = known.get(event);
  if (before !== undefined) return before;
  const account = event.subject ?? '';
  const repeated = isLike(event, lastOf.get(account));
  lastOf.set(account, event);
  known.set(event, repeated);
  return repeated;
}

function isLike(event: Watched, last: Watched | undefined): boolean {
  if (!last || last.position >= event.position) return false;
  const agoMs = event.occurredAt.getTime() - last.occurredAt.getTime();
  const isSamePlace = last.ipAddress === event.ipAddress && locationOf(last) === locationOf(event);
  return isSamePlace && agoMs >= 0 && agoMs < HOUR_MS;
}

const locationOf = ({ details }: Watched): unknown => details?.['location'] ?? null;

/** What was recalled of an event: the rules look at the same ones, one after another. */
const recalled = new WeakMap<Watched, History & { windowSeconds: number }>();

/** The histories before those of these events that are not {@link isRepeated}, all of them by one look. */
async function recall({ trx, events: all, windowSeconds }: Looking): Promise<[Watched, History][]> {
  const events = all.filter((event) => !isRepeated(event));
  const news = events.filter((event) => recalled.get(event)?.windowSeconds !== windowSeconds);
  const rows = news.length === 0 ? [] : await read(trx, idsOf(news), windowSeconds);
  const found = new Map(rows.map((row) => [row.event, row]));
  for (const event of news) {
    const history = found.get(event.id);
    if (history) recalled.set(event, { ...history, windowSeconds });
  }
  return events.flatMap((event) => {
    const history = recalled.get(event);
    return history ? [[event, history] as [Watched, History]] : [];
  });
}

const idsOf = (events: readonly Watched[]) => events.map(({ id }) => id);

const read = async (trx: Knex, ids: string[], windowSeconds: number): Promise<History[]> =>
  (await trx.raw<{ rows: History[] }>(HISTORIES, [ids, windowSeconds])).rows;

/** Days over which a history must reach before its hours say anything. */
const LEAST_DAYS = 7;
const DAY_MS = 24 * 60 * 60 * 1000;
/** Hours to either side that count as the same. */
const USUAL_HOURS = 2;

/** Sign-ins at an hour at which the account is never awake. */
export async function findUnusualHours(looking: Looking): Promise<Suspicion[]> {
  const found: Suspicion[] = [];
  for (const [event, { signIns, oldest, hours }] of await recall(looking)) {
    const isLong = event.occurredAt.getTime() - (oldest ?? event.occurredAt).getTime() >= LEAST_DAYS * DAY_MS;
    if (signIns < looking.atLeast || !isLong) continue;
    const hour = event.occurredAt.getUTCHours();
    if (hours?.some((usual) => hoursBetween(usual, hour) <= USUAL_HOURS) === true) continue;
    const { subject, details } = event;
    found.push({
      about: subject ?? '',
      subject,
      event: event.id,
      details: { hour, session: details?.['session'] },
    });
  }
  return found;
}

/** Around the clock: from 23 to 1 it is two. */
function hoursBetween(one: number, other: number): number {
  const apart = Math.abs(one - other);
  return Math.min(apart, 24 - apart);
}

/** Sign-ins from where the account was never used before. */
export async function findNewPlaces(looking: Looking): Promise<Suspicion[]> {
  const found: Suspicion[] = [];
  for (const [event, history] of await recall(looking)) {
    const place = newPlace(history, looking.atLeast);
    if (place) found.push(describe(event, place));
  }
  return found;
}

/** Tells places apart without naming them: what a suspicion is about outlives the erasure of an account. */
const digest = (place: string) => createHash('sha256').update(place).digest('base64url');

interface Place {
  kind: PlaceKind;
  name: string;
}

/** By location, where it is known of enough earlier sign-ins as well to say that it is new; else by network. */
function newPlace(history: History, atLeast: number): Place | undefined {
  for (const kind of ['location', 'network'] as const) {
    const name = history[kind];
    if (name === null) continue;
    if (history.isUsual[kind] === true) return undefined;
    if (history.known[kind] >= atLeast) return { kind, name };
  }
  return undefined;
}

function describe({ id, subject, occurredAt, ipAddress, details }: Watched, place: Place): Suspicion {
  const mailed = place.kind === 'location' ? place.name : ipAddress;
  return {
    about: `${subject ?? ''} ${digest(place.name)}`,
    severity: place.kind === 'location' ? 'MEDIUM' : 'LOW',
    subject,
    event: id,
    details: { [place.kind]: place.name, session: details?.['session'] },
    tell: { kind: 'new place', at: occurredAt, place: mailed },
  };
}
