import type { Looking, Suspicion } from './rule.js';

interface TokenRow {
  token: string;
  service: string;
  expiresAt: Date;
}

const EXPIRING = `
  select t.id as token, t.service_id as service, t.expires_at as "expiresAt"
  from service_tokens t join services s on s.id = t.service_id and s.deleted_at is null
  where t.revoked_at is null and t.expires_at > now() and t.expires_at <= now() + ? * interval '1 second'
    and not exists (select from service_tokens n where n.line_id = t.line_id and n.id <> t.id
      and n.revoked_at is null and (n.expires_at is null or n.expires_at > t.expires_at))
    and not exists (select from security_alerts a where a.suspicion = 'service_token_expiring ' || t.id::text)
  order by t.expires_at limit 100`;

/** Tokens of services that will soon be refused, and whom nothing stands in for yet. */
export async function findExpiringTokens({ trx, windowSeconds }: Looking): Promise<Suspicion[]> {
  const { rows } = await trx.raw<{ rows: TokenRow[] }>(EXPIRING, [windowSeconds]);
  return rows.map(({ token, service, expiresAt }) => ({
    about: token,
    subject: service,
    details: { token, service, expiresAt },
  }));
}
