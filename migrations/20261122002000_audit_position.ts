import type { Knex } from 'knex';

/**
 * An event's place without a look into a table for each: what is added to a transaction's number stands in the function itself, which
 * PostgreSQL then puts into the statement. `audit_shifts` still says what it is to be, and whoever changes that makes the function anew.
 * @see docs/decisions/0035-what-an-event-costs.md
 */
export async function up(knex: Knex): Promise<void> {
  const schema = await schemaOf(knex);
  await knex.raw(`
    create function make_audit_position() returns void language plpgsql
      set search_path = pg_catalog, pg_temp as $$
    begin
      execute format(
        'create or replace function ${schema}.audit_position() returns bigint language sql stable
           return pg_current_xact_id()::text::bigint + %L::bigint',
        (select shift from ${schema}.audit_shifts order by seq desc limit 1));
    end $$;
    revoke execute on function make_audit_position() from public;
    select make_audit_position();

    create or replace function resume_audit() returns boolean language plpgsql security definer
      set search_path = pg_catalog, pg_temp as $$
    declare
      number bigint := pg_current_xact_id()::text::bigint;
      place bigint;
      sealed bigint;
      highest bigint;
    begin
      -- Replicas that start at once.
      perform pg_advisory_xact_lock(7203110012);
      place := number + (select shift from ${schema}.audit_shifts order by seq desc limit 1);
      sealed := coalesce((select to_position from ${schema}.audit_seals order by seq desc limit 1), 0);
      if place >= sealed then
        -- Of rows that were restored without the schema that they were in.
        if ${schema}.audit_position() <> place then perform ${schema}.make_audit_position(); end if;
        return false;
      end if;
      highest := coalesce((select max(position) from ${schema}.audit_events), 0);
      insert into ${schema}.audit_shifts (shift) values (greatest(sealed, highest + 1) - number);
      perform ${schema}.make_audit_position();
      return true;
    end $$;
  `);
}

export async function down(knex: Knex): Promise<void> {
  const schema = await schemaOf(knex);
  await knex.raw(`
    create or replace function audit_position() returns bigint language plpgsql stable as $$
    begin
      return pg_current_xact_id()::text::bigint + (select shift from ${schema}.audit_shifts order by seq desc limit 1);
    end $$;
    drop function make_audit_position();
    create or replace function resume_audit() returns boolean language plpgsql security definer
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
  `);
}

async function schemaOf(knex: Knex): Promise<string> {
  const { rows } = await knex.raw<{ rows: { schema: string }[] }>(
    'select quote_ident(current_schema()) as schema',
  );
  return rows[0]?.schema ?? 'public';
}
