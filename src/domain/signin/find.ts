import type { Knex } from 'knex';
import { atOnce, type Statement } from '../../db/at-once.js';
import { fromRowJson } from '../../db/models/row-json.js';
import { UserModel } from '../../db/models/user.js';
import { lookupKey } from '../accounts.js';
import { COUNTING, type Count, type CountedRow } from '../limits.js';

/** The account that a login names, if any, and whether it asks for a second factor: both as of one moment. */
export interface Found {
  user: UserModel | undefined;
  isChallenged: boolean;
}

const by = (column: 'email_key' | 'username_key'): Statement => ({
  name: `find_by_${column}`,
  text: `
    select row_to_json(u) as account, f.user_id is not null as "isChallenged"
    from users u left join totp_factors f on f.user_id = u.id and f.confirmed_at is not null
    where u.${column} = $1`,
});
const BY_EMAIL = by('email_key');
const BY_USERNAME = by('username_key');

/** {@link Found} by an email address or a username, which can never be the same text: usernames hold no "@". */
export async function find(db: Knex, login: string): Promise<Found> {
  const key = lookupKey(login);
  const statement = key.includes('@') ? BY_EMAIL : BY_USERNAME;
  const rows = isStorable(key) ? await atOnce<Row>(db, statement, [key]) : [];
  return foundIn(rows[0]);
}

/** A search that is under way; what it finds is there once it was asked for. */
export interface Search {
  /** Takes points, and finds the account, by one statement. */
  count: Count;
  found: () => Promise<Found>;
}

// Nothing of it has to last, and nobody waits for the disk or a standby: reading tidies up, which together with the counters
// would make a commit of it that does.
const BY_EMAIL_COUNTED: Statement = {
  name: 'find_by_email_key_counted',
  text: `
    with counted as (${COUNTING})
    select (select json_agg(c) from counted c) as counted, row_to_json(u) as account,
      f.user_id is not null as "isChallenged"
    from (select $5::text as key) as login left join users u on u.email_key = login.key
      left join totp_factors f on f.user_id = u.id and f.confirmed_at is not null
    where set_config('synchronous_commit', 'off', true) is not null`,
};

/** {@link Found} by an email address, by the statement that takes the points of the account's budget: which one that is, the address tells. */
export function searchByAddress(db: Knex, login: string): Search | undefined {
  const key = lookupKey(login);
  if (!key.includes('@') || !isStorable(key)) return undefined;
  let found: Found | undefined;
  let away: unknown;
  return {
    async count(values) {
      try {
        const [row] = await atOnce<Row & Counted>(db, BY_EMAIL_COUNTED, [...values, key]);
        found = foundIn(row);
        return row?.counted ?? [];
      } catch (error) {
        if (!isAnswer(error)) away = error;
        throw error;
      }
    },
    async found() {
      // Whoever has waited for PostgreSQL in vain does not wait again.
      if (away !== undefined) throw away as Error;
      // Where points could not be taken, nothing was found either.
      return (found ??= await find(db, login));
    },
  };
}

/** Whether PostgreSQL has said itself what is wrong. */
const isAnswer = (error: unknown): boolean =>
  typeof (error as { severity?: unknown } | undefined)?.severity === 'string';

interface Row {
  account: Record<string, unknown> | null;
  isChallenged: boolean;
}

interface Counted {
  counted: CountedRow[] | null;
}

const foundIn = (row: Row | undefined): Found => ({
  user: row?.account ? fromRowJson(UserModel, row.account) : undefined,
  isChallenged: row?.isChallenged === true,
});

const isStorable = (key: string) => !key.includes('\0') && key.isWellFormed();
