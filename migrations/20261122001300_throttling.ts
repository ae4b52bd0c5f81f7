import type { Knex } from 'knex';

/**
 * Counters of what must not be done too often, shared by all processes, and the device that a session was opened from.
 * The counters are unlogged: losing them with a crash of the database costs one budget, writing them safely would cost every
 * check of a password.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create unlogged table limit_counters (
      -- The limit's name, and a digest of whose it is.
      key text primary key,
      points integer not null,
      -- When the window, or the wait, is over.
      ends_at timestamptz(3) not null,
      failed integer not null default 0,
      failed_until timestamptz(3)
    ) with (fillfactor = 50);
    create index limit_counters_over on limit_counters (greatest(ends_at, failed_until));
    alter table sessions add column device_id uuid;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('alter table sessions drop column device_id; drop table limit_counters');
}
