import type { Knex } from 'knex';

/**
 * Changes of addresses that were asked for or made, with what undoes them; and mail that waits under seal. The version before
 * writes and reads `outbox`, in clear, and never looks into `mail_outbox`: both are delivered until nothing writes to the former.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table email_changes (
      -- That of the secret which confirms it, in one_time_tokens, where it has to be confirmed.
      id uuid primary key,
      user_id uuid not null references users on delete cascade,
      old_email text not null,
      old_email_key text not null,
      old_verified_at timestamptz(3),
      new_email text not null,
      new_email_key text not null,
      -- The session that asked, which goes on when the change is confirmed.
      session_id uuid,
      -- How the account was proved when it was asked for: what is otherwise by the time of an undo was set since.
      password_changed_at timestamptz(3),
      totp_confirmed_at timestamptz(3),
      codes_made_at timestamptz(3),
      passkeys uuid[] not null default '{}',
      -- Not now(): whoever waited for the account comes later, however early the transaction began.
      asked_at timestamptz not null default clock_timestamp(),
      changed_at timestamptz(3),
      undone_at timestamptz(3),
      undo_expires_at timestamptz(3) not null
    );
    create index email_changes_of_user on email_changes (user_id, asked_at);
    create index email_changes_by_expiry on email_changes (undo_expires_at);
    create index email_changes_reserving on email_changes (old_email_key) where changed_at is not null and undone_at is null;

    create table email_change_undos (
      secret_hash bytea primary key,
      change_id uuid not null references email_changes on delete cascade,
      created_at timestamptz(3) not null default now()
    );
    create index email_change_undos_of_change on email_change_undos (change_id);

    create table mail_outbox (
      id uuid primary key,
      account_id uuid references users on delete cascade,
      recipient text not null,
      subject text not null,
      -- The words, under a key that the database does not hold: a link in them is good for whoever has it.
      body_sealed text not null,
      created_at timestamptz(3) not null default now(),
      next_try_at timestamptz(3) not null default now(),
      tries integer not null default 0
    );
    create index mail_outbox_due on mail_outbox (next_try_at);
    create index mail_outbox_lane on mail_outbox (recipient, id);
    create index mail_outbox_of_account on mail_outbox (account_id);
  `);
  await knex.raw(RESERVATION);
}

/**
 * After the row, so that it is asked once the unique index has let the address pass, and by statements of its own, which see what
 * was committed meanwhile: nobody slips in between the change that frees an address and the one that takes it.
 */
const RESERVATION = `
  create function refuse_reserved_email() returns trigger language plpgsql as $$
  begin
    if exists (
      select 1 from email_changes
      where old_email_key = new.email_key and changed_at is not null and undone_at is null
        and undo_expires_at > now() and user_id <> new.id
    ) then
      raise exception 'this address may yet be taken back' using errcode = 'unique_violation', constraint = 'users_email_taken';
    end if;
    return null;
  end $$;
  create trigger users_email_reserved after insert or update of email_key on users
    for each row execute function refuse_reserved_email();
`;

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop trigger users_email_reserved on users;
    drop function refuse_reserved_email;
    drop table mail_outbox, email_change_undos, email_changes;
  `);
}
