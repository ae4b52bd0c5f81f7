import type { Knex } from 'knex';

/**
 * What a refresh does when nothing stands in its way, in one call: PostgreSQL plans the steps once for each connection, and answers
 * once. Whoever changes it gives it another name, as the previous version goes on calling this one.
 */
export async function up(knex: Knex): Promise<void> {
  const { rows } = await knex.raw<{ rows: { schema: string }[] }>(
    'select quote_ident(current_schema()) as schema',
  );
  const schema = rows[0]?.schema ?? 'public';
  // Plans are made while tables are small and stay while they grow: none of them may read a whole table.
  await knex.raw(`
    create function spend_refresh_token(
      token uuid, of_session uuid, successor uuid, successor_hash bytea, box bytea, idle_seconds float8, event json,
      out session json, out account json, out roles json
    ) language plpgsql set enable_seqscan = off as $$
    declare
      held ${schema}.sessions;
      holder ${schema}.users;
      told record;
    begin
      select * into held from ${schema}.sessions s
        where s.id = of_session and s.ended_at is null and s.expires_at > now() and s.idle_expires_at > now()
        for no key update skip locked;
      if not found then return; end if;

      select * into holder from ${schema}.users u
        where u.id = held.user_id and u.deleted_at is null and u.suspended_at is null;
      if not found then return; end if;

      update ${schema}.refresh_tokens t
        set state = 'rotated', rotated_at = clock_timestamp(), successor_id = successor, successor_box = box
        where t.id = token and t.session_id = of_session and t.state = 'active';
      if not found then return; end if;

      insert into ${schema}.refresh_tokens (id, session_id, secret_hash) values (successor, of_session, successor_hash);

      select * into told from json_to_record(event) as e(
        id uuid, type text, outcome text, actor text, subject text, "ipAddress" text, "userAgent" text, "requestId" text,
        details jsonb, mac text);
      insert into ${schema}.audit_events
          (id, type, outcome, actor, subject, ip_address, user_agent, request_id, details, mac)
        values (told.id, told.type, told.outcome, told.actor, told.subject, told."ipAddress", told."userAgent",
          told."requestId", told.details, told.mac);

      update ${schema}.sessions s
        set last_seen_at = now(), idle_expires_at = now() + idle_seconds * interval '1 second',
          ip_address = coalesce(told."ipAddress", s.ip_address)
        where s.id = of_session returning s.* into held;

      session := row_to_json(held);
      account := row_to_json(holder);
      roles := (
        select coalesce(json_agg(json_build_object('name', r.name, 'rank', r.rank, 'permissions', array(
            select p.permission from ${schema}.role_permissions p where p.role_id = r.id order by p.permission))), '[]')
        from ${schema}.user_roles o join ${schema}.roles r on r.id = o.role_id where o.user_id = holder.id);
    end $$;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop function spend_refresh_token');
}
