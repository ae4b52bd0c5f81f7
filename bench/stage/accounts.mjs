// Accounts as a deployment has them, made in SQL: most active, some suspended or deleted, one in fifty of the staff.
import pg from 'pg';

const BATCH = 50_000;
const MADE = `
  with made as (
    insert into users (id, email, email_key, username, username_key, password_hash, first_name, last_name, created_at, updated_at, suspended_at, deleted_at)
    select gen_random_uuid(), 'person' || n || '@example.test', 'person' || n || '@example.test', 'person' || n, 'person' || n, 'none',
           (array['Ana','Boris','Chen','Dalia','Emeka','Fatima','Goran','Hana'])[1 + n % 8], 'Family' || n % 5000,
           now() - n * interval '30 seconds', now() - n * interval '20 seconds',
           case when n % 97 = 0 then now() end, case when n % 101 = 0 then now() end
    from generate_series($1::int, $2::int) n returning id, username_key
  )
  insert into user_roles (user_id, role_id)
  select m.id, r.id from made m join roles r on r.name = case when right(m.username_key, 2) in ('07', '57') then 'STAFF' else 'USER' end`;

/** Makes so many, which nobody can sign in to; `progress` is told how many there are. */
export async function fillAccounts(databaseUrl, count, progress) {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    for (let from = 0; from < count; from += BATCH) {
      const to = Math.min(from + BATCH, count);
      await client.query(MADE, [from, to - 1]);
      progress(to);
    }
    await client.query('vacuum analyze');
  } finally {
    await client.end();
  }
}
