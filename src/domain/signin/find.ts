import type { Knex } from 'knex';
import { atOnce, type Statement } from '../../db/at-once.js';
import { fromRowJson } from '../../db/models/row-json.js';
import { UserModel } from '../../db/models/user.js';
import { lookupKey } from '../accounts.js';

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
  const rows = isStorable(key)
    ? await atOnce<{ account: Record<string, unknown>; isChallenged: boolean }>(db, statement, [key])
    : [];
  const [row] = rows;
  return { user: row && fromRowJson(UserModel, row.account), isChallenged: row?.isChallenged === true };
}

const isStorable = (key: string) => !key.includes('\0') && key.isWellFormed();
