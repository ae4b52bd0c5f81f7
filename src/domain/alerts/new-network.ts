import type { Looking, Suspicion } from './rule.js';

interface Sighting {
  token: string;
  service: string;
  network: string;
  known: string[];
}

/** Tokens of one line replace one another, and are used from the same places; what was seen is written a little later. */
const NEW_NETWORKS = `
  select s.token_id as token, t.service_id as service, s.network, k.networks as known
  from service_token_sightings s join service_tokens t on t.id = s.token_id
  cross join lateral (
    select array_agg(distinct o.network order by o.network) as networks
    from service_token_sightings o join service_tokens l on l.id = o.token_id
    where l.line_id = t.line_id and o.network <> s.network and o.first_seen_at < s.first_seen_at
      and o.last_seen_at > now() - ? * interval '1 second') k
  where s.first_seen_at > ?::timestamptz - interval '5 seconds' and cardinality(k.networks) >= ?
    and not exists (
      select from service_token_sightings o join service_tokens l on l.id = o.token_id
      where l.line_id = t.line_id and o.network = s.network and o.first_seen_at < s.first_seen_at)
  order by s.first_seen_at limit 100`;

/** Service tokens that were used from a network where neither they nor those before them in their line were used. */
export async function findNewNetworks({
  trx,
  lookedAt,
  windowSeconds,
  atLeast,
}: Looking): Promise<Suspicion[]> {
  const { rows } = await trx.raw<{ rows: Sighting[] }>(NEW_NETWORKS, [windowSeconds, lookedAt, atLeast]);
  return rows.map(({ token, service, network, known }) => ({
    about: `${token} ${network}`,
    subject: service,
    details: { token, service, network, known: known.slice(0, 10) },
  }));
}
