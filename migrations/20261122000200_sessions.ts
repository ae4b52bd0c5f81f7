import type { Knex } from 'knex';

/** Sessions, and the refresh tokens that keep them alive: at most one of a session's tokens is active. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table sessions (
      id uuid primary key,
      user_id uuid not null references users on delete cascade,
      created_at timestamptz(3) not null default now(),
      last_seen_at timestamptz(3) not null default now(),
      idle_expires_at timestamptz(3) not null,
      expires_at timestamptz(3) not null,
      ended_at timestamptz(3),
      end_reason text,
      ip_address text,
      user_agent text,
      amr text[] not null,
      aal smallint not null
    );
    create index sessions_live_of_user on sessions (user_id, created_at, id) where ended_at is null;

    create table refresh_tokens (
      id uuid primary key,
      session_id uuid not null references sessions on delete cascade,
      secret_hash bytea not null,
      state text not null default 'active' check (state in ('active', 'rotated')),
      created_at timestamptz(3) not null default now(),
      rotated_at timestamptz,
      successor_id uuid,
      successor_box bytea,
      replays integer not null default 0
    );
    create unique index refresh_tokens_one_active on refresh_tokens (session_id) where state = 'active';
    create index refresh_tokens_of_session on refresh_tokens (session_id);
    create index refresh_tokens_with_box on refresh_tokens (rotated_at) where successor_box is not null;
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table refresh_tokens, sessions');
}
