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
  /** Until when its window lasts at least, by `performance.now()`. */
  lastsUntilMs: number;
  /** Whether most of the points are taken. */
  isScarce: boolean;
}

/** Points of one window that go back to it, and to no later one. */
export interface Returned {
  stored: string;
  endsAt: Date;
  points: number;
}

/** How often the first wait is doubled, at most. */
const MOST_DOUBLINGS = 2;

/** Names and addresses of people are not kept where counting needs none of them. */
const storedKey = ({ name, key }: Draw): string =>
  `${name}:${createHash('sha256').update(key).digest('base64url')}`;

/**
 * Takes points, and gives others back to the windows that they were taken from; no key twice. Its places are `$1` to `$4`:
 * keys, points (1 to take one, or how many go back, below 0), how long a window lasts, and which one points go back to.
 */
// In the order of keys, as everybody locks them; the clock is the database's, which all processes share.
export const COUNTING = `
  insert into limit_counters as c (key, points, ends_at)
  select key, greatest(points, 0), coalesce(ends_at, now() + lasts * interval '1 second')
  from unnest($1::text[], $2::integer[], $3::float8[], $4::timestamptz[]) as asked (key, points, lasts, ends_at)
  order by key
  on conflict (key) do update set
    points = case
      when excluded.points > 0 and c.ends_at <= now() then 1
      when excluded.points > 0 then c.points + 1
      when c.ends_at = excluded.ends_at then greatest(c.points + $2[array_position($1, c.key)], 0)
      else c.points end,
    ends_at = case when excluded.points > 0 and c.ends_at <= now() then excluded.ends_at else c.ends_at end
  returning key, points, ends_at as "endsAt",
    (extract(epoch from ends_at - clock_timestamp()) * 1000)::float8 as "leftMs"`;

const COUNT: Statement = { name: 'count_points', text: COUNTING };

/** What {@link COUNTING} answers, in no order. */
export interface CountedRow {
  key: string;
  points: number;
  endsAt: Date | string;
  leftMs: number;
}

/** What is to be done to the counters: by a statement of its own, or by another that does it along with what else it does. */
export type Count = (values: readonly unknown[]) => Promise<CountedRow[]>;

/** By one statement that commits by itself. */
export const countAlone =
  (db: Knex): Count =>
  (values) =>
    atOnce<CountedRow>(db, COUNT, values);

/** In the order of the places of {@link COUNTING}. */
const valuesOf = (draws: readonly (Draw & { stored: string })[], back: readonly Returned[]): unknown[] => [
  [...draws, ...back].map(({ stored }) => stored),
  [...draws.map(() => 1), ...back.map(({ points }) => -points)],
  [...draws.map(({ seconds }) => seconds), ...back.map(() => 0)],
  [...draws.map(() => null), ...back.map(({ endsAt }) => endsAt)],
];

/** Takes a point of each, and gives back what is to go back; what was too much is taken nevertheless. */
export async function take(
  count: Count,
  draws: readonly Draw[],
  back: readonly Returned[],
): Promise<Drawn[]> {
  const askedAt = performance.now();
  const named = draws.map((draw) => ({ ...draw, stored: storedKey(draw) }));
  const rows = await count(valuesOf(named, back));
  return named.map((draw) => {
    const row = rows.find(({ key }) => key === draw.stored);
    if (!row) throw new Error('A counter is not there.');
    const { points, leftMs } = row;
    return {
      ...draw,
      endsAt: new Date(row.endsAt),
      waitMs: points > draw.points ? Math.max(1, leftMs) : 0,
      lastsUntilMs: askedAt + leftMs,
      isScarce: points > draw.points / 2,
    };
  });
}

/** Gives points back, those of each window together. */
export async function giveBack(db: Knex, back: readonly Returned[]): Promise<void> {
  if (back.length > 0) await countAlone(db)(valuesOf([], back));
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
