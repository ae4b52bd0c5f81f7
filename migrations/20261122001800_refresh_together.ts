import type { Knex } from 'knex';

/**
 * Refreshes of one moment in one call: `spend_refresh_token` for many, which the version before goes on calling. Whoever changes it
 * gives it another name.
 * @see docs/decisions/0032-refreshes-of-one-moment.md
 */
export async function up(knex: Knex): Promise<void> {
  const { rows } = await knex.raw<{ rows: { schema: string }[] }>(
    'select quote_ident(current_schema()) as schema',
  );
  const schema = rows[0]?.schema ?? 'public';
  // One plan for all values, made while tables are small and kept while they grow: row by row, by primary key, and no other way. What
  // stands in a variable is not known to the plan, and no partial index seems to do for it; of events of one type it expects few.
  await knex.raw(`
    create function spend_refresh_tokens(idle_seconds float8, wanted json)
      returns table (nth integer, session json, account json, roles json)
      language plpgsql set plan_cache_mode = force_generic_plan
      set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_material = off as $$
    declare
      active constant text := 'active';
      not_yet constant timestamptz := null;
    begin
      return query
      with wanted_token as (
        select * from json_to_recordset(wanted) as w(
          nth integer, token uuid, session uuid, successor uuid, hash bytea, box bytea,
          id uuid, type text, outcome text, actor text, subject text, "ipAddress" text, "userAgent" text, "requestId" text,
          details jsonb, mac text)
        where w.type = 'refresh.rotated'
      ), held as (
        select w.*, h.account, h.roles from wanted_token w cross join lateral (
          select row_to_json(u) as account, (
              select coalesce(json_agg((
                select json_build_object('name', r.name, 'rank', r.rank, 'permissions', array(
                  select p.permission from ${schema}.role_permissions p where p.role_id = r.id order by p.permission))
                from ${schema}.roles r where r.id = o.role_id)), '[]')
              from ${schema}.user_roles o where o.user_id = s.user_id) as roles
            from ${schema}.sessions s join ${schema}.users u on u.id = s.user_id
            where s.id = w.session and s.ended_at is not distinct from not_yet
              and s.expires_at > now() and s.idle_expires_at > now() and u.deleted_at is null and u.suspended_at is null
            for no key update of s skip locked) h
      ), spent as (
        update ${schema}.refresh_tokens t
          set state = 'rotated', rotated_at = clock_timestamp(), successor_id = h.successor, successor_box = h.box
          from held h where t.id = h.token and t.state = active
          returning h.*
      ), succeeded as (
        insert into ${schema}.refresh_tokens (id, session_id, secret_hash)
          select h.successor, h.session, h.hash from spent h
      ), recorded as (
        insert into ${schema}.audit_events
            (id, type, outcome, actor, subject, ip_address, user_agent, request_id, details, mac)
          select h.id, h.type, h.outcome, h.actor, h.subject, h."ipAddress", h."userAgent", h."requestId", h.details, h.mac
          from spent h
      )
      update ${schema}.sessions s
        set last_seen_at = now(), idle_expires_at = now() + idle_seconds * interval '1 second',
          ip_address = coalesce(h."ipAddress", s.ip_address)
        from spent h where s.id = h.session
        returning h.nth, row_to_json(s), h.account, h.roles;
    end $$;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop function spend_refresh_tokens');
}
