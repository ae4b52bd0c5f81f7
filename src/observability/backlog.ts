import type { Knex } from 'knex';
import type { Families } from './families.js';

interface Row {
  name: 'mail' | 'webhook' | 'alerts' | 'unsealed';
  label: string;
  count: number;
  seconds: number;
}

const WAITING = `
  select 'mail' as name, '' as label, count(*) as count,
    coalesce(extract(epoch from now() - min(created_at)), 0)::float8 as seconds from mail_outbox
  union all
  select 'webhook', '', count(*), coalesce(extract(epoch from now() - min(created_at)), 0)::float8 from webhook_deliveries
  union all
  select 'alerts', severity, count(*), 0 from security_alerts where status = 'OPEN' group by severity
  union all
  select 'unsealed', '', 0, extract(epoch from now() - first.occurred_at)::float8 from (
    select occurred_at from audit_events
      where position >= coalesce((select to_position from audit_seals order by seq desc limit 1), -9007199254740991)
      order by position, id limit 1) first`;

/** PostgreSQL is asked at most once in so long, however often somebody reads; in milliseconds. */
const EVERY_MS = 10_000;
const PATIENCE_MS = 1000;

/** Takes down what waits in the database. Where it does not answer, nothing is said, rather than what was so before. */
export function readBacklog(families: Families, db: Knex): () => Promise<void> {
  let readAt = Number.NEGATIVE_INFINITY;
  return async () => {
    if (performance.now() - readAt < EVERY_MS) return;
    readAt = performance.now();
    const rows = await db
      .raw<{ rows: Row[] }>(WAITING)
      .timeout(PATIENCE_MS)
      .then(
        (result) => result.rows,
        () => undefined,
      );
    write(families, rows);
  };
}

const SEVERITIES = ['LOW', 'MEDIUM', 'HIGH'];

function write(families: Families, rows: readonly Row[] | undefined): void {
  const {
    authgraph_backlog_waiting: waiting,
    authgraph_backlog_oldest_seconds: oldest,
    authgraph_security_alerts_open: alerts,
    authgraph_audit_unsealed_seconds: unsealed,
  } = families;
  for (const family of [waiting, oldest, alerts, unsealed]) family.clear();
  if (!rows) return;
  for (const severity of SEVERITIES) alerts.set(0, severity);
  unsealed.set(0);
  for (const { name, label, count, seconds } of rows) {
    if (name === 'alerts') alerts.set(count, label);
    else if (name === 'unsealed') unsealed.set(seconds);
    else {
      waiting.set(count, name);
      oldest.set(seconds, name);
    }
  }
}
