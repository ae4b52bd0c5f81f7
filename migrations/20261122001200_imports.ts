import type { Knex } from 'knex';

/** How far the import of a file has come, by the file's digest, and which of its lines were refused: neither holds anything of the file. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table account_imports (
      digest text primary key,
      -- Everything up to this line was looked at.
      lines bigint not null default 0,
      accounts bigint not null default 0,
      started_at timestamptz(3) not null default now(),
      updated_at timestamptz(3) not null default now()
    );
    create table account_import_refusals (
      digest text not null references account_imports on delete cascade,
      line bigint not null,
      reason text not null,
      primary key (digest, line)
    );
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table account_import_refusals, account_imports');
}
