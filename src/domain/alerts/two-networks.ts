import type { Knex } from 'knex';
import { isId } from '../ids.js';
import type { Looking, Suspicion } from './rule.js';

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
  select distinct s.session_id as session from session_sightings s
  where s.last_seen_at > ?::timestamptz - interval '5 seconds' and exists (
    select from session_sightings o where o.session_id = s.session_id and o.network <> s.network)
  limit 1000`;

const USES = `
  select s.id as session, s.user_id as account, u.network, min(u.first) as first, max(u.last) as last
  from sessions s cross join lateral (
    select network_of(g.network, 16, 32) as network, g.first_seen_at as first, g.last_seen_at as last
    from session_sightings g where g.session_id = s.id
    union all
    select network_of(e.ip_address, 16, 32), e.occurred_at, e.occurred_at from audit_events e
    where e.subject = s.user_id::text and e.type in ('sign_in.succeeded', 'refresh.rotated')
      and e.details->>'session' = s.id::text and e.ip_address is not null
      and e.occurred_at > now() - interval '1 day'
  ) u
  where s.id = any(?::uuid[])
  group by s.id, s.user_id, u.network order by s.id, min(u.first)`;

/** Sessions that were used from two networks at nearly the same time. */
export async function findTwoNetworks({
  trx,
  events,
  lookedAt,
  windowSeconds,
}: Looking): Promise<Suspicion[]> {
  const refreshed = events.map(({ details }) => String(details?.['session'])).filter(isId);
  const { rows } = await trx.raw<{ rows: { session: string }[] }>(SEEN_ELSEWHERE, [lookedAt]);
  const sessions = [...new Set([...refreshed, ...rows.map(({ session }) => session)])];
  if (sessions.length === 0) return [];
  const uses = await readUses(trx, sessions);
  return [...uses.values()].flatMap((ofOne) => judge(ofOne, windowSeconds * 1000) ?? []);
}

async function readUses(trx: Knex, sessions: string[]): Promise<Map<string, Use[]>> {
  const { rows } = await trx.raw<{ rows: Use[] }>(USES, [sessions]);
  const uses = new Map<string, Use[]>();
  for (const use of rows) uses.set(use.session, [...(uses.get(use.session) ?? []), use]);
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
