import type { Knex } from 'knex';

/** Accounts that wait for their first password, accounts whose personal data is erased, and what finds accounts quickly. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table users alter column password_hash drop not null;
    alter table users alter column password_changed_at drop not null;
    alter table users add column erased_at timestamptz(3);
    -- All that a search looks at, for the version before as well, which does not write it.
    alter table users add column search_key text generated always as (
      username_key || chr(10) || email_key || chr(10)
      || lower(normalize(first_name || coalesce(' ' || middle_name, '') || coalesce(' ' || last_name, ''), nfkc))
    ) stored;

    -- Few rows among many: a list of them would otherwise walk past everybody else.
    create index users_deleted on users (created_at, id) where deleted_at is not null;
    create index users_suspended on users (created_at, id) where suspended_at is not null and deleted_at is null;
    -- Ended sessions and spent links too, for the export and the erasure of one account.
    create index sessions_of_user on sessions (user_id, created_at, id);
    create index one_time_tokens_of_user on one_time_tokens (user_id);
  `);
  await knex.raw(SEARCH_INDEX);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop index if exists users_search;
    drop index one_time_tokens_of_user, sessions_of_user, users_suspended, users_deleted;
    alter table users drop column search_key, drop column erased_at;
    -- The version before knows accounts with a password alone: one that nothing matches.
    update users set password_hash = 'none' where password_hash is null;
    update users set password_changed_at = created_at where password_changed_at is null;
    alter table users alter column password_changed_at set not null;
    alter table users alter column password_hash set not null;
  `);
}

/** Where pg_trgm may not be had, the search works without the index, and takes as long as it takes to read every account. */
const SEARCH_INDEX = `
  do $$
  begin
    create extension if not exists pg_trgm;
    create index users_search on users using gin (search_key gin_trgm_ops);
  exception
    when insufficient_privilege or undefined_file or undefined_object or feature_not_supported then
      raise notice 'pg_trgm is not to be had: accounts are searched without an index';
  end $$;
`;
