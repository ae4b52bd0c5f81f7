import type { Knex } from 'knex';

/** Second factors, the codes that stand in for a lost one, and sign-ins that wait for one. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table totp_factors (
      user_id uuid primary key references users on delete cascade,
      secret_sealed text not null,
      created_at timestamptz(3) not null default now(),
      -- Until then it is only proposed, and asks for nothing.
      confirmed_at timestamptz(3),
      -- The latest time step (RFC 6238) whose code was taken; codes up to it are spent.
      last_step bigint not null default 0
    );

    create table recovery_codes (
      id uuid primary key,
      user_id uuid not null references users on delete cascade,
      code_hash bytea not null,
      created_at timestamptz(3) not null default now(),
      used_at timestamptz(3)
    );
    create unique index recovery_codes_of_user on recovery_codes (user_id, code_hash);

    create table mfa_challenges (
      id uuid primary key,
      user_id uuid not null references users on delete cascade,
      secret_hash bytea not null constraint mfa_challenges_secret unique,
      -- Which password was proved: another one since ends the challenge.
      password_changed_at timestamptz(3),
      failures integer not null default 0,
      created_at timestamptz(3) not null default now(),
      expires_at timestamptz(3) not null,
      used_at timestamptz(3)
    );
    create index mfa_challenges_of_user on mfa_challenges (user_id);
    create index mfa_challenges_by_expiry on mfa_challenges (expires_at);

    -- When the one behind the session last proved all that its aal stands for.
    alter table sessions add column proved_at timestamptz(3) not null default now();
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table sessions drop column proved_at;
    drop table mfa_challenges, recovery_codes, totp_factors;
  `);
}
