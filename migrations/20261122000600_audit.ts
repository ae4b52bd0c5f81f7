import type { Knex } from 'knex';

/**
 * The audit record, sealed: events carry a signature and a position, seals are made over ranges of positions, and only
 * whole sealed blocks that are old enough can go. Beside it what is counted and seen too often to be an event.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table verification_counts (
      day date not null,
      -- The zero UUID for verifications that asked about no service.
      service_id uuid not null,
      account_id uuid not null,
      accepted bigint not null default 0,
      primary key (day, service_id, account_id)
    ) with (fillfactor = 80);

    create table session_sightings (
      session_id uuid not null,
      network text not null,
      first_seen_at timestamptz(3) not null default now(),
      last_seen_at timestamptz(3) not null default now(),
      primary key (session_id, network)
    ) with (fillfactor = 80);
    create index session_sightings_by_time on session_sightings (last_seen_at);

    -- What is added to a transaction's number to make a position; the latest row counts. A database that was restored into
    -- another cluster starts with lower numbers, and positions must not.
    create table audit_shifts (
      seq bigint generated always as identity primary key,
      shift bigint not null,
      since timestamptz(3) not null default now()
    );

    alter table audit_events add column position bigint, add column mac text;
    alter table audit_events disable trigger audit_events_stay;
    update audit_events e set position = numbered.position
      from (select id, row_number() over (order by occurred_at, id) as position from audit_events) numbered
      where e.id = numbered.id;
    alter table audit_events enable trigger audit_events_stay;
    insert into audit_shifts (shift) select coalesce(max(position), 0) from audit_events;

    create table audit_seals (
      seq bigint primary key,
      from_position bigint not null,
      to_position bigint not null check (to_position > from_position),
      events integer not null,
      -- Holds events from before they were signed.
      unsigned boolean not null,
      previous text not null,
      digest text not null unique,
      mac text not null,
      sealed_at timestamptz(3) not null
    );
    -- Outlives seals that are cut off: set after each commit, by no transaction taken back.
    create sequence audit_last_seal minvalue 0 start 0;

    create table audit_retentions (
      through_seq bigint primary key,
      digest text not null,
      to_position bigint not null,
      events bigint not null,
      purged_at timestamptz(3) not null,
      mac text not null
    );

    create index audit_events_by_position on audit_events (position, id);
    create index audit_events_of_subject on audit_events (subject, occurred_at, id);
    create index audit_events_of_actor on audit_events (actor, occurred_at, id) where actor is not null;
    create index audit_events_of_type on audit_events (type, occurred_at, id);
    create index audit_events_gone_wrong on audit_events (outcome, occurred_at, id) where outcome <> 'SUCCESS';
    create index audit_events_of_request on audit_events (request_id) where request_id is not null;
    drop index audit_events_by_subject;
  `);
  await makeFunctions(knex);
}

/** Functions name their tables in full, so that nobody can put others in their place. */
async function makeFunctions(knex: Knex): Promise<void> {
  const { rows } = await knex.raw<{ rows: { schema: string }[] }>(
    'select quote_ident(current_schema()) as schema',
  );
  const schema = rows[0]?.schema ?? 'public';
  await knex.raw(`
    create function audit_position() returns bigint language plpgsql stable as $$
    begin
      return pg_current_xact_id()::text::bigint + (select shift from ${schema}.audit_shifts order by seq desc limit 1);
    end $$;
    alter table audit_events alter column position set default audit_position(), alter column position set not null;

    create function resume_audit() returns boolean language plpgsql security definer
      set search_path = pg_catalog, pg_temp as $$
    declare
      sealed bigint := coalesce((select to_position from ${schema}.audit_seals order by seq desc limit 1), 0);
      highest bigint := coalesce((select max(position) from ${schema}.audit_events), 0);
    begin
      if ${schema}.audit_position() >= sealed then return false; end if;
      insert into ${schema}.audit_shifts (shift)
        values (greatest(sealed, highest + 1) - pg_current_xact_id()::text::bigint);
      return true;
    end $$;

    create or replace function refuse_audit_change() returns trigger language plpgsql as $$
    declare
      bound bigint := nullif(current_setting('authgraph.purge_below', true), '');
    begin
      if tg_op = 'DELETE' and bound is not null and
        coalesce(to_jsonb(old)->>'position', to_jsonb(old)->>'to_position')::bigint < bound then return old; end if;
      raise exception 'audit events are never changed or removed';
    end $$;
    create trigger audit_seals_stay before update or delete on audit_seals
      for each row execute function refuse_audit_change();
    create trigger audit_seals_are_not_emptied before truncate on audit_seals
      for each statement execute function refuse_audit_change();
    create trigger audit_retentions_stay before update or delete on audit_retentions
      for each row execute function refuse_audit_change();
    create trigger audit_retentions_are_not_emptied before truncate on audit_retentions
      for each statement execute function refuse_audit_change();

    create function purge_audit(through bigint) returns bigint language plpgsql security definer
      set search_path = pg_catalog, pg_temp as $$
    declare
      bound bigint;
      removed bigint;
    begin
      select s.to_position into bound from ${schema}.audit_seals s
        join ${schema}.audit_retentions r on r.through_seq = s.seq and r.digest = s.digest and r.to_position = s.to_position
        where s.seq = through;
      if bound is null then raise exception 'only what a retention record names can be purged'; end if;
      if exists (select from ${schema}.audit_events where position < bound and occurred_at > now() - interval '30 days')
        or exists (select from ${schema}.audit_seals where seq <= through and sealed_at > now() - interval '30 days')
      then raise exception 'audit events are kept for 30 days at least'; end if;
      perform set_config('authgraph.purge_below', bound::text, true);
      delete from ${schema}.audit_events where position < bound;
      get diagnostics removed = row_count;
      delete from ${schema}.audit_seals where seq < through;
      perform set_config('authgraph.purge_below', '', true);
      return removed;
    end $$;
    revoke execute on function resume_audit(), purge_audit(bigint) from public;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop function purge_audit, resume_audit;
    drop table audit_retentions, audit_seals, session_sightings, verification_counts;
    drop sequence audit_last_seal;
    alter table audit_events drop column position, drop column mac;
    drop function audit_position;
    drop table audit_shifts;
    drop index audit_events_of_subject, audit_events_of_actor, audit_events_of_type, audit_events_gone_wrong,
      audit_events_of_request;
    create index audit_events_by_subject on audit_events (subject, occurred_at);
    create or replace function refuse_audit_change() returns trigger language plpgsql as $$
    begin
      raise exception 'audit events are never changed or removed';
    end $$;
  `);
}
