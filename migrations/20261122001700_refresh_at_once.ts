import type { Knex } from 'knex';

/**
 * What a refresh does where nothing stands in its way, in one call: PostgreSQL plans the steps once for each connection and answers
 * once. Whoever changes it gives it another name, as the version before goes on calling this one.
 * @see docs/decisions/0028-refresh-at-once.md
 */
export async function up(knex: Knex): Promise<void> {
  const { rows } = await knex.raw<{ rows: { schema: string }[] }>(
    'select quote_ident(current_schema()) as schema',
  );
  const schema = rows[0]?.schema ?? 'public';
  // One plan for all values, made while tables are small and kept while they grow: it may read no whole table.
  await knex.raw(`
    create function spend_refresh_token(
      token uuid, of_session uuid, successor uuid, successor_hash bytea, box bytea, idle_seconds float8,
      event uuid, type text, outcome text, actor text, subject text, seen_from text, user_agent text, request_id text,
      details jsonb, mac text,
      out session json, out account json, out roles json
    ) language plpgsql set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
    begin
      select row_to_json(u), (
          select coalesce(json_agg((
            select json_build_object('name', r.name, 'rank', r.rank, 'permissions', array(
              select p.permission from ${schema}.role_permissions p where p.role_id = r.id order by p.permission))
            from ${schema}.roles r where r.id = o.role_id)), '[]')
          from ${schema}.user_roles o where o.user_id = s.user_id)
        into account, roles
        from ${schema}.sessions s join ${schema}.users u on u.id = s.user_id
        where s.id = of_session and s.ended_at is null and s.expires_at > now() and s.idle_expires_at > now()
          and u.deleted_at is null and u.suspended_at is null
        for no key update of s skip locked;
      if not found then return; end if;

      update ${schema}.refresh_tokens t
        set state = 'rotated', rotated_at = clock_timestamp(), successor_id = successor, successor_box = box
        where t.id = token and t.session_id = of_session and t.state = 'active';
      if not found then return; end if;

      insert into ${schema}.refresh_tokens (id, session_id, secret_hash) values (successor, of_session, successor_hash);
      insert into ${schema}.audit_events
          (id, type, outcome, actor, subject, ip_address, user_agent, request_id, details, mac)
        values (event, type, outcome, actor, subject, seen_from, user_agent, request_id, details, mac);
      update ${schema}.sessions s
        set last_seen_at = now(), idle_expires_at = now() + idle_seconds * interval '1 second',
          ip_address = coalesce(seen_from, s.ip_address)
        where s.id = of_session returning row_to_json(s) into session;
    end $$;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop function spend_refresh_token');
}
