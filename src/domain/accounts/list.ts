import type { Knex } from 'knex';
import type { QueryBuilder } from 'objection';
import { RoleModel } from '../../db/models/role.js';
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
  /** Accounts with any access to the service; with a business role, those who have it there. */
  serviceId?: string | null;
  businessRoleId?: string | null;
  status?: SubjectStatus | null;
  createdAfter?: Date | null;
  createdBefore?: Date | null;
  updatedAfter?: Date | null;
  updatedBefore?: Date | null;
  lastSignInAfter?: Date | null;
  lastSignInBefore?: Date | null;
  deletedAfter?: Date | null;
  deletedBefore?: Date | null;
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
  if (typeof filter.roleId === 'string') narrowByRole(query, filter.roleId);
  if (typeof filter.role === 'string') narrowByRole(query, await idOfRole(db, filter.role));
  return readPage(
    query,
    { ...columns[order.field], name: order.field, descending: order.direction === 'DESC' },
    request,
  );
}

type Accounts = QueryBuilder<UserModel, UserModel[]>;

function narrow(
  query: Accounts,
  { search, email, username, status, serviceId, businessRoleId, ...bounds }: AccountFilter,
): void {
  if (typeof search === 'string') narrowBySearch(query, search);
  if (typeof email === 'string') void query.where({ emailKey: sane(lookupKey(email)) });
  if (typeof username === 'string') void query.where({ usernameKey: sane(lookupKey(username)) });
  narrowByAccess(query, { serviceId, businessRoleId });
  if (status) narrowByStatus(query, status);
  for (const [column, from, to] of BOUNDS) {
    if (bounds[from]) void query.where(column, '>=', bounds[from]);
    if (bounds[to]) void query.where(column, '<', bounds[to]);
  }
}

const BOUNDS = [
  ['createdAt', 'createdAfter', 'createdBefore'],
  ['updatedAt', 'updatedAfter', 'updatedBefore'],
  ['lastSignInAt', 'lastSignInAfter', 'lastSignInBefore'],
  ['deletedAt', 'deletedAfter', 'deletedBefore'],
] as const;

function narrowBySearch(query: Accounts, search: string): void {
  if (search.length > LONGEST_SEARCH)
    throw badInput([{ name: 'search', message: `Must have at most ${LONGEST_SEARCH} characters.` }]);
  // A line break parts what is searched, and stands in none of it.
  const wanted = sane(lookupKey(search)).replaceAll('\n', NOT_A_CHARACTER);
  void query.where('searchKey', 'like', `%${wanted.replace(/[\\%_]/g, '\\$&')}%`);
}

/** Asked for by id, so that PostgreSQL knows how many holders to expect. */
async function idOfRole(db: Knex, name: string): Promise<string> {
  return (await RoleModel.query(db).findOne({ nameKey: sane(name).toLowerCase() }))?.id ?? NO_ID;
}

function narrowByRole(query: Accounts, id: string): void {
  const roleId = isId(id) ? id : NO_ID;
  void query.whereExists(
    query.knex()('userRoles').where({ roleId }).whereRaw('user_roles.user_id = users.id'),
  );
}

function narrowByAccess(
  query: Accounts,
  access: Record<'serviceId' | 'businessRoleId', string | null | undefined>,
): void {
  const wanted = Object.entries(access).filter(
    (given): given is [string, string] => typeof given[1] === 'string',
  );
  if (wanted.length === 0) return;
  const accesses = query.knex()('serviceAccess').whereRaw('service_access.user_id = users.id');
  for (const [column, id] of wanted) void accesses.where(column, isId(id) ? id : NO_ID);
  void query.whereExists(accesses);
}

function narrowByStatus(query: Accounts, status: SubjectStatus): void {
  if (status === 'DELETED') return void query.whereNotNull('deletedAt');
  void query.whereNull('deletedAt');
  if (status === 'SUSPENDED') void query.whereNotNull('suspendedAt');
  else void query.whereNull('suspendedAt');
}

const NOT_A_CHARACTER = '\uFFFD';

/** PostgreSQL holds no NUL and no half characters, so nothing can match them. */
const sane = (text: string) => text.toWellFormed().replaceAll('\0', NOT_A_CHARACTER);
