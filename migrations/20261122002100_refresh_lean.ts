import type { Knex } from 'knex';

/**
 * Refreshes of one moment, for less: `rotate_refresh_tokens` brings of account and session what their tokens say, and the rows only where they are
 * asked for. `spend_refresh_tokens` stays for the version before. Whoever changes it gives it another name.
 * @see docs/decisions/0038-what-a-refresh-brings.md
 */
export async function up(knex: Knex): Promise<void> {
  const schema = await schemaOf(knex);
  // Of the plan all that was said of `spend_refresh_tokens` holds.
  await knex.raw(`
    create function rotate_refresh_tokens(idle_seconds float8, wanted json)
      returns table (nth integer, username text, email text, version integer, roles json,
        amr text[], aal smallint, ends_at timestamptz, idle_ends_at timestamptz, account json, session json)
      language plpgsql set plan_cache_mode = force_generic_plan
      set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off
      set enable_material = off as $$
    declare
      active constant text := 'active';
      not_yet constant timestamptz := null;
    begin
      return query
      with wanted_token as (
        select * from json_to_recordset(wanted) as w(
          nth integer, token uuid, session uuid, successor uuid, hash bytea, box bytea, rows boolean,
          id uuid, type text, actor text, "ipAddress" text, "userAgent" text, "requestId" text, mac text)
        where w.type = 'refresh.rotated'
      ), held as (
        select w.*, h.* from wanted_token w cross join lateral (
          select u.username, u.email, u.authz_version, case when w.rows then row_to_json(u) end as account, (
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
          select h.id, h.type, 'SUCCESS', h.actor, h.actor, h."ipAddress", h."userAgent", h."requestId",
              jsonb_build_object('session', h.session), h.mac
          from spent h
      )
      update ${schema}.sessions s
        set last_seen_at = now(), idle_expires_at = now() + idle_seconds * interval '1 second',
          ip_address = coalesce(h."ipAddress", s.ip_address)
        from spent h where s.id = h.session
        returning h.nth, h.username, h.email, h.authz_version, h.roles, s.amr, s.aal, s.expires_at::timestamptz,
          s.idle_expires_at::timestamptz, h.account, case when h.rows then row_to_json(s) end;
    end $$;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop function rotate_refresh_tokens');
}

async function schemaOf(knex: Knex): Promise<string> {
  const { rows } = await knex.raw<{ rows: { schema: string }[] }>(
    'select quote_ident(current_schema()) as schema',
  );
  return rows[0]?.schema ?? 'public';
}
