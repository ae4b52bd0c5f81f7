import DataLoader from 'dataloader';
import type { Knex } from 'knex';
import { queryBusinessRoles, type BusinessRoleRow } from './models/business-role.js';
import { PasskeyModel } from './models/passkey.js';
import { PermissionModel } from './models/permission.js';
import { RoleModel } from './models/role.js';
import { ServiceAccessModel } from './models/service-access.js';
import { ServiceModel } from './models/service.js';
import { ServiceTokenModel } from './models/service-token.js';
import { SessionModel } from './models/session.js';
import { TotpFactorModel } from './models/totp-factor.js';
import { UserModel } from './models/user.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const make = {
  user: (db: Knex) => byKey<UserModel>((ids) => UserModel.query(db).findByIds(ids)),
  role: (db: Knex) => byKey<RoleModel>((ids) => RoleModel.query(db).findByIds(ids)),
  session: (db: Knex) => byKey<SessionModel>((ids) => SessionModel.query(db).findByIds(ids)),
  service: (db: Knex) =>
    byKey<ServiceModel>((ids) => ServiceModel.query(db).findByIds(ids).whereNull('deletedAt')),
  serviceByName: (db: Knex) =>
    new DataLoader<string, ServiceModel | undefined>(async (names) => {
      const found = await ServiceModel.query(db).whereIn('name', names).whereNull('deletedAt');
      return names.map((name) => found.find((service) => service.name === name));
    }),
  tokensOfService: (db: Knex) =>
    grouped<ServiceTokenModel>((ids) =>
      ServiceTokenModel.query(db)
        .whereIn('serviceId', ids)
        .select('serviceTokens.*', 'serviceId as owner')
        .orderBy('id', 'desc'),
    ),
  rolesOfUser: (db: Knex) =>
    grouped<RoleModel>((ids) =>
      RoleModel.query(db)
        .join('userRoles', 'userRoles.roleId', 'roles.id')
        .whereIn('userRoles.userId', ids)
        .select('roles.*', 'userRoles.userId as owner')
        .orderBy([{ column: 'rank', order: 'desc' }, 'name']),
    ),
  mfaEnabled: (db: Knex) =>
    new DataLoader<string, boolean>(async (ids) => {
      const rows = await TotpFactorModel.query(db).findByIds(possible(ids)).whereNotNull('confirmedAt');
      const enabled = new Set(rows.map(({ userId }) => userId));
      return ids.map((id) => enabled.has(id.toLowerCase()));
    }),
  passkeysOfUser: (db: Knex) =>
    grouped<PasskeyModel>((ids) =>
      PasskeyModel.query(db).whereIn('userId', ids).select('*', 'userId as owner').orderBy('id'),
    ),
  permissionsOfRole: (db: Knex) =>
    grouped<PermissionModel>((ids) =>
      PermissionModel.query(db)
        .join('rolePermissions', 'rolePermissions.permission', 'permissions.name')
        .whereIn('rolePermissions.roleId', ids)
        .select('permissions.*', 'rolePermissions.roleId as owner')
        .orderBy('name'),
    ),
  userCountOfRole: (db: Knex) =>
    new DataLoader<string, number>(async (ids) => {
      const counts = db('userRoles').whereIn('roleId', ids).groupBy('roleId').select('roleId');
      const rows = await counts.count<{ roleId: string; count: number }[]>('* as count');
      return ids.map((id) => rows.find((row) => row.roleId === id)?.count ?? 0);
    }),
  businessRole: (db: Knex) => byKey<BusinessRoleRow>((ids) => queryBusinessRoles(db).findByIds(ids)),
  accessesOfUser: (db: Knex) =>
    grouped<ServiceAccessModel>((ids) =>
      ServiceAccessModel.query(db).select('*', 'userId as owner').whereIn('userId', ids),
    ),
  accountsOfService: (db: Knex) =>
    new DataLoader<PageOfAccounts, UserModel[], string>(async (pages) => readAccounts(db, pages), {
      cacheKeyFn: ({ serviceId, limit, before }) => `${serviceId} ${limit} ${before ?? ''}`,
    }),
  accountCountOfService: (db: Knex) =>
    new DataLoader<string, number>(async (ids) => {
      const counts = db('serviceAccess').join('users', 'users.id', 'serviceAccess.userId');
      const rows = await counts
        .whereIn('serviceId', ids)
        .whereNull('users.deletedAt')
        .groupBy('serviceId')
        .select('serviceId')
        .count<{ serviceId: string; count: number }[]>('* as count');
      return ids.map((id) => rows.find((row) => row.serviceId === id)?.count ?? 0);
    }),
  sessionsOfUser: (db: Knex) =>
    new DataLoader<PageOfSessions, SessionModel[], string>(async (pages) => readSessions(db, pages), {
      cacheKeyFn: ({ userId, limit, place }) => `${userId} ${limit} ${place?.join(' ') ?? ''}`,
    }),
  sessionCountOfUser: (db: Knex) =>
    new DataLoader<string, number>(async (ids) => {
      const live = db('sessions').whereIn('userId', ids).whereNull('endedAt').whereRaw(NOT_OVER);
      const rows = await live
        .groupBy('userId')
        .select('userId')
        .count<{ userId: string; count: number }[]>('* as count');
      return ids.map((id) => rows.find((row) => row.userId === id)?.count ?? 0);
    }),
};

const NOT_OVER = 'least(idle_expires_at, expires_at) > now()';

/** One page of the live sessions of one account: at most `limit` of them, newest first, beyond that place. */
interface PageOfSessions {
  userId: string;
  limit: number;
  /** When the last one before was opened, and its id. */
  place: readonly [createdAt: string, id: string] | null;
}

/** {@link readAccounts}, of the sessions of accounts. */
async function readSessions(db: Knex, pages: readonly PageOfSessions[]): Promise<SessionModel[][]> {
  const wanted = db.raw(
    `unnest(?::uuid[], ?::int[], ?::timestamptz[], ?::uuid[]) with ordinality as wanted (user_id, size, before, id, page)
     cross join lateral (
       select s.* from sessions s
       where s.user_id = wanted.user_id and (s.created_at, s.id) < (wanted.before, wanted.id)
         and s.ended_at is null and ${NOT_OVER}
       order by s.created_at desc, s.id desc limit wanted.size
     ) as sessions`,
    [
      pages.map(({ userId }) => userId),
      pages.map(({ limit }) => limit),
      pages.map(({ place }) => place?.[0] ?? 'infinity'),
      pages.map(({ place }) => place?.[1] ?? LAST_ID),
    ],
  );
  const rows = await SessionModel.query(db)
    .from(wanted)
    .select('sessions.*', 'wanted.page')
    .orderBy([
      { column: 'sessions.createdAt', order: 'desc' },
      { column: 'sessions.id', order: 'desc' },
    ]);
  const read: SessionModel[][] = pages.map(() => []);
  for (const row of rows as (SessionModel & { page: number })[]) read[row.page - 1]?.push(row);
  return read;
}

/** One page of the accounts of one service: at most `limit` of them, newest first, with ids below `before`. */
interface PageOfAccounts {
  serviceId: string;
  limit: number;
  before: string | null;
}

const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Reads no more of any service's accounts than its page holds, all pages in one query. */
async function readAccounts(db: Knex, pages: readonly PageOfAccounts[]): Promise<UserModel[][]> {
  const wanted = db.raw(
    `unnest(?::uuid[], ?::int[], ?::uuid[]) with ordinality as wanted (service_id, size, before, page)
     cross join lateral (
       select u.* from service_access a join users u on u.id = a.user_id
       where a.service_id = wanted.service_id and a.user_id < wanted.before and u.deleted_at is null
       order by a.user_id desc limit wanted.size
     ) as users`,
    [
      pages.map(({ serviceId }) => serviceId),
      pages.map(({ limit }) => limit),
      pages.map(({ before }) => before ?? LAST_ID),
    ],
  );
  const rows = await UserModel.query(db)
    .from(wanted)
    .select('users.*', 'wanted.page')
    .orderBy('users.id', 'desc');
  const read: UserModel[][] = pages.map(() => []);
  for (const row of rows as (UserModel & { page: number })[]) read[row.page - 1]?.push(row);
  return read;
}

type Made = { [Name in keyof typeof make]: ReturnType<(typeof make)[Name]> };

/**
 * What one request reads by key: one query for each kind of thing, however many are asked for. Loaders remember, so they
 * must not outlive the request; each is made when it is first used, since most requests use none.
 */
export class Loaders {
  readonly #made: Partial<Made> = {};
  constructor(private readonly db: Knex) {}

  of<Name extends keyof Made>(name: Name): Made[Name] {
    return (this.#made[name] ??= make[name](this.db) as Made[Name]);
  }
}

/** Without what cannot be an id, and so is nobody's; PostgreSQL would refuse the whole list for it. */
const possible = (ids: readonly string[]) => ids.filter((id) => UUID.test(id)).map((id) => id.toLowerCase());

/** By id; what cannot be an id is unknown, without asking. */
function byKey<T extends { id: string }>(
  find: (ids: string[]) => PromiseLike<T[]>,
): DataLoader<string, T | undefined> {
  return new DataLoader(async (ids) => {
    const wanted = possible(ids);
    const found = new Map((wanted.length > 0 ? await find(wanted) : []).map((row) => [row.id, row]));
    return ids.map((id) => found.get(id.toLowerCase()));
  });
}

function grouped<T extends object>(
  find: (ids: readonly string[]) => PromiseLike<T[]>,
): DataLoader<string, T[]> {
  return new DataLoader(async (ids) => {
    const wanted = possible(ids);
    const rows = (wanted.length > 0 ? await find(wanted) : []) as (T & { owner: string })[];
    const byOwner = new Map<string, T[]>(wanted.map((id) => [id, []]));
    for (const row of rows) byOwner.get(row.owner)?.push(row);
    return ids.map((id) => byOwner.get(id.toLowerCase()) ?? []);
  });
}
