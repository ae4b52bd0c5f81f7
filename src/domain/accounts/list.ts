import type { Knex } from 'knex';
import type { QueryBuilder } from 'objection';
import { UserModel } from '../../db/models/user.js';
import { badInput } from '../../errors.js';
import { isId, NO_ID } from '../ids.js';
import { readPage, type Order, type Page, type PageRequest } from '../pages.js';
import type { SubjectStatus } from '../revocations.js';
import { lookupKey } from './profile.js';

/** Which accounts a list holds; every condition given must be met. */
export interface AccountFilter {
  search?: string | null;
  email?: string | null;
  username?: string | null;
  roleId?: string | null;
  role?: string | null;
  status?: SubjectStatus | null;
  createdAfter?: Date | null;
  createdBefore?: Date | null;
}

export interface AccountOrder {
  field: 'CREATED_AT' | 'UPDATED_AT' | 'USERNAME' | 'EMAIL';
  direction: 'ASC' | 'DESC';
}

const columns: Record<AccountOrder['field'], Omit<Order<UserModel>, 'descending' | 'name'>> = {
  CREATED_AT: { column: 'createdAt', type: 'timestamptz(3)', value: (user) => user.createdAt.toISOString() },
  UPDATED_AT: { column: 'updatedAt', type: 'timestamptz(3)', value: (user) => user.updatedAt.toISOString() },
  USERNAME: { column: 'usernameKey', type: 'text', value: (user) => user.usernameKey },
  EMAIL: { column: 'emailKey', type: 'text', value: (user) => user.emailKey },
};

const LONGEST_SEARCH = 100;

/** One page of accounts, newest first unless said. @throws {AuthError} BAD_USER_INPUT */
export async function listAccounts(
  db: Knex,
  request: PageRequest,
  filter: AccountFilter,
  order: AccountOrder = { field: 'CREATED_AT', direction: 'DESC' },
): Promise<Page<UserModel>> {
  const query = UserModel.query(db);
  narrow(query, filter);
  return readPage(
    query,
    { ...columns[order.field], name: order.field, descending: order.direction === 'DESC' },
    request,
  );
}

type Accounts = QueryBuilder<UserModel, UserModel[]>;

function narrow(
  query: Accounts,
  { search, email, username, roleId, role, status, createdAfter, createdBefore }: AccountFilter,
): void {
  if (typeof search === 'string') narrowBySearch(query, search);
  if (typeof email === 'string') void query.where({ emailKey: sane(lookupKey(email)) });
  if (typeof username === 'string') void query.where({ usernameKey: sane(lookupKey(username)) });
  if (typeof roleId === 'string') narrowByRole(query, 'id', isId(roleId) ? roleId : NO_ID);
  if (typeof role === 'string') narrowByRole(query, 'nameKey', sane(role).toLowerCase());
  if (status) narrowByStatus(query, status);
  if (createdAfter) void query.where('createdAt', '>=', createdAfter);
  if (createdBefore) void query.where('createdAt', '<', createdBefore);
}

function narrowBySearch(query: Accounts, search: string): void {
  if (search.length > LONGEST_SEARCH)
    throw badInput([{ name: 'search', message: `Must have at most ${LONGEST_SEARCH} characters.` }]);
  const pattern = `%${sane(lookupKey(search)).replace(/[\\%_]/g, '\\$&')}%`;
  void query.where((any) => {
    void any.where('usernameKey', 'like', pattern).orWhere('emailKey', 'like', pattern);
    void any.orWhereRaw("lower(normalize(concat_ws(' ', first_name, middle_name, last_name), nfkc)) like ?", [
      pattern,
    ]);
  });
}

function narrowByRole(query: Accounts, column: 'id' | 'nameKey', value: string): void {
  const holders = query.knex()('userRoles').join('roles', 'roles.id', 'userRoles.roleId');
  void query.whereExists(holders.where(`roles.${column}`, value).whereRaw('user_roles.user_id = users.id'));
}

function narrowByStatus(query: Accounts, status: SubjectStatus): void {
  if (status === 'DELETED') return void query.whereNotNull('deletedAt');
  void query.whereNull('deletedAt');
  if (status === 'SUSPENDED') void query.whereNotNull('suspendedAt');
  else void query.whereNull('suspendedAt');
}

/** PostgreSQL holds no NUL and no half characters, so nothing can match them. */
const sane = (text: string) => text.toWellFormed().replaceAll('\0', '\uFFFD');
