import type { Knex } from 'knex';

/**
 * Spending a refresh token touches no index any more, and stays on its page, which keeps room for it. That one token of a session is
 * active is what the lock of the session's row sees to; boxes to be emptied are found by the successors in them. The version before
 * finds neither by an index: its tidying reads the table, once a minute, and what else it does is as it was.
 * @see docs/decisions/0038-what-a-refresh-brings.md
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    drop index refresh_tokens_one_active;
    drop index refresh_tokens_with_box;
    alter table refresh_tokens set (fillfactor = 50);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table refresh_tokens reset (fillfactor);
    create index refresh_tokens_with_box on refresh_tokens (rotated_at) where successor_box is not null;
    create unique index refresh_tokens_one_active on refresh_tokens (session_id) where state = 'active';
  `);
}
