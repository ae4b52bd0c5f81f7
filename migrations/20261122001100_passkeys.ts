import type { Knex } from 'knex';

/** Passkeys, and the challenges that a passkey answers. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table passkeys (
      id uuid primary key,
      user_id uuid not null references users on delete cascade,
      -- At most 1023 bytes (WebAuthn §4, Credential ID).
      credential_id bytea not null constraint passkeys_credential unique check (octet_length(credential_id) between 1 and 1023),
      -- A COSE_Key (RFC 9052 §7).
      public_key bytea not null,
      -- Zero for ever where the authenticator counts nothing.
      counter bigint not null,
      transports text[] not null,
      -- The model of the authenticator, where it says so; nobody has vouched for it.
      aaguid uuid not null,
      device_type text not null check (device_type in ('singleDevice', 'multiDevice')),
      backed_up boolean not null,
      name text not null,
      created_at timestamptz(3) not null default now(),
      last_used_at timestamptz(3)
    );
    create index passkeys_of_user on passkeys (user_id);

    create table webauthn_challenges (
      id uuid primary key,
      challenge_hash bytea not null constraint webauthn_challenges_challenge unique,
      purpose text not null check (purpose in ('register', 'sign-in', 'second-factor', 'step-up')),
      -- Whose passkey may answer; null for nobody's, unless it is discoverable.
      user_id uuid references users on delete cascade,
      -- Whoever's passkey answers.
      discoverable boolean not null default false,
      -- The session or the waiting sign-in that it belongs to.
      bound_to uuid,
      created_at timestamptz(3) not null default now(),
      expires_at timestamptz(3) not null,
      used_at timestamptz(3)
    );
    create index webauthn_challenges_of_user on webauthn_challenges (user_id);
    create index webauthn_challenges_of_bound on webauthn_challenges (bound_to);
    create index webauthn_challenges_by_expiry on webauthn_challenges (expires_at);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table webauthn_challenges, passkeys');
}
