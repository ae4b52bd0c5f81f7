import type { Knex } from 'knex';
import { connectPostgres } from './postgres.js';

/** The role that the service works under. It owns nothing, and may not change what is on record. */
export const APP_ROLE = 'authgraph_app';

/** Tables that only grow; the triggers on them are the owner's, so the role cannot switch them off. */
const GROWING = ['audit_events', 'audit_seals', 'audit_retentions'];
/** Tables that only migrations and functions of the owner write. */
const READ_ONLY = ['audit_shifts', 'knex_migrations', 'knex_migrations_lock'];
/** What it calls, where not everybody may; some do for it what it may not do itself, on conditions of their own. */
const FUNCTIONS = [
  'resume_audit()',
  'purge_audit(bigint)',
  'audit_position()',
  'network_of(text, integer, integer)',
  'spend_refresh_tokens(double precision, json)',
  'rotate_refresh_tokens(double precision, json)',
];

// Databases of one cluster share their roles, and may be migrated at once.
const MAKE_ROLE = `
  do $$ begin
    if not exists (select from pg_roles where rolname = '${APP_ROLE}') then
      create role ${APP_ROLE} nologin;
    end if;
  exception when duplicate_object or unique_violation or insufficient_privilege then null;
  end $$`;

// Who makes a role may not always become it: since PostgreSQL 16 that is a right of its own.
const JOIN_ROLE = `
  do $$
  declare
    become text := case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end;
  begin
    if not pg_has_role(current_user, '${APP_ROLE}', become) then
      execute format('grant ${APP_ROLE} to %I', current_user);
    end if;
  exception when others then null;
  end $$`;

const GRANT = `
  do $$
  declare
    place text := quote_ident(current_schema());
    one record;
  begin
    if not has_schema_privilege('${APP_ROLE}', current_schema(), 'USAGE') then
      execute format('grant usage on schema %s to ${APP_ROLE}', place);
    end if;
    for one in select tablename, format('%s.%I', place, tablename) as name from pg_tables where schemaname = current_schema() loop
      if one.tablename in ('${[...GROWING, ...READ_ONLY].join("', '")}') then
        if has_table_privilege('${APP_ROLE}', one.name, 'UPDATE, DELETE, TRUNCATE, TRIGGER') then
          execute format('revoke all on %s from public, ${APP_ROLE}', one.name);
        end if;
        if not has_table_privilege('${APP_ROLE}', one.name, 'SELECT') then
          execute format('grant select on %s to ${APP_ROLE}', one.name);
        end if;
        if one.tablename in ('${GROWING.join("', '")}') and not has_table_privilege('${APP_ROLE}', one.name, 'INSERT') then
          execute format('grant insert on %s to ${APP_ROLE}', one.name);
        end if;
      elsif not (has_table_privilege('${APP_ROLE}', one.name, 'SELECT') and has_table_privilege('${APP_ROLE}', one.name, 'INSERT')
        and has_table_privilege('${APP_ROLE}', one.name, 'UPDATE') and has_table_privilege('${APP_ROLE}', one.name, 'DELETE')) then
        execute format('grant select, insert, update, delete on %s to ${APP_ROLE}', one.name);
      end if;
    end loop;
    for one in select format('%s.%I', place, sequencename) as name from pg_sequences where schemaname = current_schema() loop
      if not has_sequence_privilege('${APP_ROLE}', one.name, 'UPDATE') then
        execute format('grant usage, select, update on sequence %s to ${APP_ROLE}', one.name);
      end if;
    end loop;
    for one in select unnest(array['${FUNCTIONS.join("', '")}']) as name loop
      if to_regprocedure(one.name) is not null and not has_function_privilege('${APP_ROLE}', one.name, 'EXECUTE') then
        execute format('grant execute on function %s to ${APP_ROLE}', one.name);
      end if;
    end loop;
  end $$`;

/** Makes {@link APP_ROLE} where that is allowed, and gives it its rights on every table there is. For the owner. */
export async function grantRights(trx: Knex): Promise<void> {
  await trx.raw(MAKE_ROLE);
  const { rows } = await trx.raw<{ rows: unknown[] }>('select from pg_roles where rolname = ?', [APP_ROLE]);
  if (rows.length === 0) return;
  await trx.raw(JOIN_ROLE);
  await trx.raw(GRANT);
}

/** How the service works with the database. */
export interface Working {
  url: string;
  /** What every connection becomes at once; undefined where it is that already, or may not become it. */
  role: string | undefined;
  /** Whether connections can change what is on record after all. */
  isStrong: boolean;
}

const LOOK = `
  select current_user = :role as "isRole",
    coalesce((select pg_has_role(current_user, oid, case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end)
      from pg_roles where rolname = :role), false) as "mayBecome",
    has_table_privilege('audit_events', 'UPDATE, DELETE, TRUNCATE') as "isStrong"`;

/** Whether the user behind this URL can only use the schema that is there: somebody else migrates. */
export async function ownsNothing(url: string): Promise<boolean> {
  const db = connectPostgres(url, 1);
  try {
    const { rows } = await db.raw<{ rows: { weak: boolean | null }[] }>(
      "select not has_table_privilege(to_regclass('knex_migrations_lock'), 'UPDATE') as weak",
    );
    return rows[0]?.weak === true;
  } finally {
    await db.destroy();
  }
}

/** Finds out under which role the service can work behind this URL. */
export async function chooseRole(url: string): Promise<Working> {
  const db = connectPostgres(url, 1);
  try {
    const { rows } = await db.raw<{ rows: { isRole: boolean; mayBecome: boolean; isStrong: boolean }[] }>(
      LOOK,
      {
        role: APP_ROLE,
      },
    );
    const { isRole = false, mayBecome = false, isStrong = true } = rows[0] ?? {};
    return mayBecome && !isRole
      ? { url, role: APP_ROLE, isStrong: false }
      : { url, role: undefined, isStrong };
  } finally {
    await db.destroy();
  }
}

/**
 * Lets the role sign in by itself, so that no session of the service can go back to being the owner. Only for a PostgreSQL
 * that nobody but this user reaches: there is no password.
 * @returns the URL to sign in with
 */
export async function openLogin(ownerUrl: string): Promise<string> {
  const db = connectPostgres(ownerUrl, 1);
  try {
    const { rows } = await db.raw<{ rows: unknown[] }>(
      'select from pg_roles where rolname = ? and not rolcanlogin',
      [APP_ROLE],
    );
    if (rows.length > 0) await db.raw('alter role authgraph_app login');
  } finally {
    await db.destroy();
  }
  const url = new URL(ownerUrl);
  url.username = APP_ROLE;
  return url.href;
}
