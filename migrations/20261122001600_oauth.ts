import type { Knex } from 'knex';

/** How services stand, as verifiers elsewhere are told; and from where their tokens are used. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table services add column authz_version integer not null default 1;

    create table service_token_sightings (
      token_id uuid not null references service_tokens on delete cascade,
      -- At large: an IPv4 /16 or an IPv6 /32.
      network text not null,
      first_seen_at timestamptz(3) not null default now(),
      last_seen_at timestamptz(3) not null default now(),
      requests bigint not null default 0,
      primary key (token_id, network)
    ) with (fillfactor = 80);
    create index service_token_sightings_by_time on service_token_sightings (first_seen_at);
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop table service_token_sightings;
    alter table services drop column authz_version;
  `);
}
