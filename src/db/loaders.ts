import DataLoader from 'dataloader';
import type { Knex } from 'knex';
import { PermissionModel } from './models/permission.js';
import { RoleModel } from './models/role.js';
import { ServiceModel } from './models/service.js';
import { SessionModel } from './models/session.js';
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
  rolesOfUser: (db: Knex) =>
    grouped<RoleModel>((ids) =>
      RoleModel.query(db)
        .join('userRoles', 'userRoles.roleId', 'roles.id')
        .whereIn('userRoles.userId', ids)
        .select('roles.*', 'userRoles.userId as owner')
        .orderBy([{ column: 'rank', order: 'desc' }, 'name']),
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
};

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
