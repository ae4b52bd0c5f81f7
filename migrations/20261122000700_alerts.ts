import type { Knex } from 'knex';

/** Suspicions raised from the audit record, how far it was looked through, what waits to be told of them, and where sessions were opened. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(String.raw`
    create table security_alerts (
      id uuid primary key,
      type text not null,
      severity text not null check (severity in ('LOW', 'MEDIUM', 'HIGH')),
      status text not null default 'OPEN' check (status in ('OPEN', 'ACKNOWLEDGED')),
      subject text,
      raised_at timestamptz(3) not null default now(),
      details jsonb,
      -- What is suspected of whom; and that once more with what gave rise to it: one occasion raises one alert,
      -- however many look.
      suspicion text not null,
      dedupe_key text not null constraint security_alerts_once unique,
      acknowledged_at timestamptz(3),
      acknowledged_by uuid
    );
    create index security_alerts_by_time on security_alerts (raised_at, id);
    create index security_alerts_by_suspicion on security_alerts (suspicion, raised_at);
    create index security_alerts_by_status on security_alerts (status, raised_at, id);

    -- The next audit event to look at comes after this one, in the order of positions.
    create table alert_cursor (
      single boolean primary key default true check (single),
      position bigint not null,
      event_id uuid not null,
      looked_at timestamptz(3) not null default now()
    );
    insert into alert_cursor (position, event_id) values (audit_position(), '00000000-0000-0000-0000-000000000000');

    create table webhook_deliveries (
      id uuid primary key,
      alert_id uuid not null references security_alerts on delete cascade,
      -- Deliveries about one account leave in their order.
      account_id text,
      body text not null,
      created_at timestamptz(3) not null default now(),
      next_try_at timestamptz(3) not null default now(),
      tries integer not null default 0
    );
    create index webhook_deliveries_due on webhook_deliveries (next_try_at);
    create index webhook_deliveries_of_account on webhook_deliveries (account_id, id);

    alter table sessions add column location text;

    -- The network of that size that an address lies in; what is no plain address stays as it is. (A question mark here
    -- would be taken for a binding.)
    create function network_of(address text, bits_v4 integer, bits_v6 integer) returns text
    language sql immutable parallel safe as $$
      select case
        when address ~ '^((25[0-5]|2[0-4]\d|1\d\d|\d{1,2})\.){3}(25[0-5]|2[0-4]\d|1\d\d|\d{1,2})$'
          then network(set_masklen(address::inet, bits_v4))::text
        when address ~ '^[0-9a-f]{0,4}(:[0-9a-f]{0,4}){2,8}(/\d{1,3}){0,1}$'
          then network(set_masklen(address::inet, bits_v6))::text
        else address
      end
    $$;
    create index audit_failures_by_network on audit_events (network_of(ip_address, 32, 64), occurred_at)
      where type in ('sign_in.failed', 'password.refused', 'mfa.failed');
    create index audit_sign_ins on audit_events (subject, occurred_at) where type = 'sign_in.succeeded';
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop index audit_sign_ins, audit_failures_by_network;
    drop function network_of(text, integer, integer);
    alter table sessions drop column location;
    drop table webhook_deliveries, alert_cursor, security_alerts;
  `);
}
