import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import { atOnce, type Statement } from '../../db/at-once.js';

/** What is asked of the counters that all processes share. */
export interface Draw {
  /** The limit's name. */
  name: string;
  /** Whose it is. */
  key: string;
  points: number;
  seconds: number;
}

/** What came of it: taken, or more than there was. */
export interface Drawn extends Draw {
  stored: string;
  endsAt: Date;
  /** For how many milliseconds there is nothing left; 0 where the point is ours. */
  waitMs: number;
}

/** How often the first wait is doubled, at most. */
const MOST_DOUBLINGS = 2;

/** Names and addresses of people are not kept where counting needs none of them. */
const storedKey = ({ name, key }: Draw): string =>
  `${name}:${createHash('sha256').update(key).digest('base64url')}`;

// In the order of keys, as everybody locks them; the clock is the database's, which all processes share.
const TAKE: Statement = {
  name: 'take_points',
  text: `
  insert into limit_counters as c (key, points, ends_at)
  select key, 1, now() + lasts * interval '1 second'
  from unnest($1::text[], $2::float8[]) as asked (key, lasts) order by key
  on conflict (key) do update set
    points = case when c.ends_at <= now() then 1 else c.points + 1 end,
    ends_at = case when c.ends_at <= now() then excluded.ends_at else c.ends_at end
  returning key, points, ends_at as "endsAt",
    (extract(epoch from ends_at - clock_timestamp()) * 1000)::float8 as "leftMs"`,
};

interface Row {
  key: string;
  points: number;
  endsAt: Date;
  leftMs: number;
}

/** Takes a point of each, in one statement that commits by itself; what was too much is taken nevertheless. */
export async function take(db: Knex, draws: readonly Draw[]): Promise<Drawn[]> {
  const keys = draws.map(storedKey);
  const rows = await atOnce<Row>(db, TAKE, [keys, draws.map(({ seconds }) => seconds)]);
  return draws.map((draw, at) => {
    const row = rows.find(({ key }) => key === keys[at]);
    if (!row) throw new Error('A counter is not there.');
    const waitMs = row.points > draw.points ? Math.max(1, row.leftMs) : 0;
    return { ...draw, stored: row.key, endsAt: row.endsAt, waitMs };
  });
}

const GIVE_BACK: Statement = {
  name: 'give_points_back',
  text: `
  with mine as (
    select c.key from limit_counters c
    join unnest($1::text[], $2::timestamptz[]) as given (key, ends_at) on given.key = c.key and given.ends_at = c.ends_at
    order by c.key for update of c)
  update limit_counters c set points = greatest(c.points - 1, 0) from mine where c.key = mine.key`,
};

/** Gives the points back to the windows that they were taken from, and to no later ones. */
export async function giveBack(db: Knex, drawn: readonly Drawn[]): Promise<void> {
  if (drawn.length > 0)
    await atOnce(db, GIVE_BACK, [drawn.map(({ stored }) => stored), drawn.map(({ endsAt }) => endsAt)]);
}

const FAILED = '(case when failed_until > now() then failed else 0 end + 1)';
const IS_USED_UP = `${FAILED} % :points = 0`;
const FAIL = `
  update limit_counters set
    failed = ${FAILED},
    failed_until = case when failed_until > now() then failed_until else now() + interval '1 day' end,
    points = case when ${IS_USED_UP} then greatest(points, :points) else points end,
    ends_at = case when ${IS_USED_UP} then greatest(ends_at,
      now() + :seconds * power(2, least(${FAILED} / :points - 1, ${MOST_DOUBLINGS})) * interval '1 second') else ends_at end
  where key = :key
  returning points, case when failed % :points = 0
    then (extract(epoch from ends_at - clock_timestamp()) * 1000)::float8 else 0 end as "waitMs"`;

/**
 * Notes that what was taken was spent on a failure. Each time that as many failures have come together as the budget has
 * points, within a day of the first of them, it is closed: for its own time, then for twice, then for four times that.
 * @returns for how many milliseconds; 0 where it is not closed
 */
export async function fail(db: Knex, { stored: key, points, seconds }: Drawn): Promise<number> {
  const { rows } = await db.raw<{ rows: { waitMs: number }[] }>(FAIL, { key, points, seconds });
  return rows[0]?.waitMs ?? 0;
}

/** Forgets counters that say nothing any more. */
export async function purge(db: Knex): Promise<void> {
  await db.raw('delete from limit_counters where greatest(ends_at, failed_until) < now()');
}
