import type { Knex } from 'knex';

/** Mail that waits to leave, and the single-use secrets that its links carry. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table outbox (
      id uuid primary key,
      account_id uuid references users on delete cascade,
      recipient text not null,
      subject text not null,
      body_text text not null,
      body_html text not null,
      created_at timestamptz(3) not null default now(),
      next_try_at timestamptz(3) not null default now(),
      tries integer not null default 0
    );
    create index outbox_due on outbox (next_try_at);

    create table one_time_tokens (
      id uuid primary key,
      purpose text not null,
      user_id uuid not null references users on delete cascade,
      secret_hash bytea not null constraint one_time_tokens_secret unique,
      created_at timestamptz(3) not null default now(),
      expires_at timestamptz(3) not null,
      used_at timestamptz(3)
    );
    create index one_time_tokens_open on one_time_tokens (user_id, purpose) where used_at is null;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table one_time_tokens, outbox');
}
