import type { Knex } from 'knex';

/** Signing keys, the feed of revocations, the audit record, and the services that may be asked about. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table signing_keys (
      kid text primary key,
      algorithm text not null,
      public_jwk jsonb not null,
      private_sealed text,
      state text not null check (state in ('published', 'active', 'retiring', 'removed', 'compromised')),
      published_at timestamptz not null default now(),
      activates_at timestamptz not null,
      retired_at timestamptz,
      removed_at timestamptz
    );
    create unique index signing_keys_one_active on signing_keys (state) where state = 'active';
    create unique index signing_keys_one_published on signing_keys (state) where state = 'published';

    create table revocations (
      seq bigint generated always as identity primary key,
      kind text not null check (kind in ('session', 'subject', 'roles', 'keys')),
      key text not null,
      status text,
      version integer,
      created_at timestamptz not null default now(),
      expires_at timestamptz not null
    );
    create index revocations_by_expiry on revocations (expires_at);

    create table audit_events (
      id uuid primary key,
      occurred_at timestamptz(3) not null default now(),
      type text not null,
      outcome text not null check (outcome in ('SUCCESS', 'FAILURE', 'DENIED')),
      actor text,
      subject text,
      ip_address text,
      user_agent text,
      request_id text,
      details jsonb
    );
    create index audit_events_by_subject on audit_events (subject, occurred_at);
    create index audit_events_by_time on audit_events (occurred_at, id);

    create function refuse_audit_change() returns trigger language plpgsql as $$
    begin
      raise exception 'audit events are never changed or removed';
    end $$;
    create trigger audit_events_stay before update or delete on audit_events
      for each row execute function refuse_audit_change();
    create trigger audit_events_are_not_emptied before truncate on audit_events
      for each statement execute function refuse_audit_change();

    create table services (
      id uuid primary key,
      name text not null constraint services_name_taken unique,
      description text,
      status text not null default 'ACTIVE' check (status in ('ACTIVE', 'DISABLED')),
      created_at timestamptz(3) not null default now(),
      updated_at timestamptz(3) not null default now(),
      deleted_at timestamptz(3)
    );
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop table services, audit_events, revocations, signing_keys;
    drop function refuse_audit_change;
  `);
}
