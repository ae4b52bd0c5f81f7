import type { Knex } from 'knex';
import type { QueryBuilder } from 'objection';
import { Base } from './base.js';
import { ServiceModel } from './service.js';

/** What an account is inside an application, with the permissions that this brings there. */
export class BusinessRoleModel extends Base {
  static override tableName = 'businessRoles';
  id: string;
  /** Null for a general one, which may be given at any service. */
  serviceId: string | null;
  name: string;
  nameKey: string;
  description: string | null;
  createdAt: Date;
  updatedAt: Date;
}

/** A business role with the names of what it permits. */
export type BusinessRoleRow = BusinessRoleModel & { permissions: string[] };

/** Business roles with what they permit, save those of deleted services, which are gone with them. */
export function queryBusinessRoles(db: Knex): QueryBuilder<BusinessRoleRow, BusinessRoleRow[]> {
  const carried = db('businessRolePermissions')
    .whereRaw('business_role_id = business_roles.id')
    .select(db.raw("coalesce(array_agg(permission order by permission), '{}')"));
  const service = ServiceModel.query(db)
    .whereNull('deletedAt')
    .whereColumn('services.id', 'businessRoles.serviceId');
  const roles = BusinessRoleModel.query(db)
    .select('businessRoles.*', carried.as('permissions'))
    .where((any) => void any.whereNull('businessRoles.serviceId').orWhereExists(service));
  return roles as unknown as QueryBuilder<BusinessRoleRow, BusinessRoleRow[]>;
}
