import type { Knex } from 'knex';
import { queryBusinessRoles, type BusinessRoleRow } from '../db/models/business-role.js';
import { ServiceModel } from '../db/models/service.js';
import { ServiceTokenModel } from '../db/models/service-token.js';
import type { Feed } from './revocations.js';

/** A role of the platform with what it carries. */
export interface CataloguedRole {
  name: string;
  rank: number;
  permissions: string[];
}

/** A business role with what it carries. */
export type CataloguedBusinessRole = BusinessRoleRow;

/**
 * What changes seldom and is asked at every verification, in memory: roles, services with their tokens, and business roles. Read again
 * whenever the feed says that one of them has changed, before the news counts as heard.
 */
export interface Catalogue {
  role(name: string): CataloguedRole | undefined;
  /** Name of the role that new accounts get, and that is left when all others are taken away. */
  readonly defaultRole: string;
  /** Name of the role from whose rank on accounts must have a second factor; undefined where none must. */
  readonly mfaRole: string | undefined;
  /** The rank of {@link mfaRole}; what nobody reaches where there is none. */
  readonly mfaRank: number;
  /** Undefined for an unknown or deleted one. */
  service(id: string): ServiceModel | undefined;
  serviceNamed(name: string): ServiceModel | undefined;
  businessRole(id: string): CataloguedBusinessRole | undefined;
  /** Undefined for one that is unknown, revoked or long expired; whoever uses it looks at the time. */
  serviceToken(id: string): ServiceTokenModel | undefined;
  /** Counts how often it was read; what was worked out under an earlier number is out of date. */
  readonly edition: number;
}

/** Roles and what they carry, as SQL that may go on with a join or a condition and must end in `group by r.id`. */
export const ROLES_WITH_PERMISSIONS = `
  select r.name, r.rank, r.is_default as "isDefault", coalesce(array_agg(p.permission order by p.permission) filter (where p.permission is not null), '{}') as permissions
  from roles r left join role_permissions p on p.role_id = r.id`;

/** Roles that the configuration names. */
interface NamedRoles {
  defaultRole: string | undefined;
  mfaRole: string | undefined;
}

/** Loads the catalogue and keeps it up to date. A default role that is configured outweighs the one that is marked as such. */
export async function openCatalogue(
  { db, feed }: { db: Knex; feed: Feed },
  { defaultRole: configuredDefault, mfaRole }: NamedRoles,
): Promise<Catalogue> {
  let held = await read(db);
  let edition = 1;
  feed.on('roles', async () => {
    held = await read(db);
    edition++;
  });
  return {
    role: (name) => held.roles.get(name),
    get defaultRole() {
      return configuredDefault ?? held.defaultRole;
    },
    mfaRole,
    get mfaRank() {
      // Were the role gone, the rule would be everybody's rather than nobody's.
      return mfaRole === undefined ? Infinity : (held.roles.get(mfaRole)?.rank ?? 0);
    },
    service: (id) => held.services.get(id),
    serviceNamed: (name) => held.servicesByName.get(name),
    businessRole: (id) => held.businessRoles.get(id),
    serviceToken: (id) => held.serviceTokens.get(id),
    get edition() {
      return edition;
    },
  };
}

async function read(db: Knex) {
  const [{ rows: roles }, services, businessRoles, serviceTokens] = await Promise.all([
    db.raw<{ rows: (CataloguedRole & { isDefault: boolean })[] }>(`${ROLES_WITH_PERMISSIONS} group by r.id`),
    ServiceModel.query(db).whereNull('deletedAt'),
    queryBusinessRoles(db),
    queryServiceTokens(db),
  ]);
  return {
    defaultRole: roles.find(({ isDefault }) => isDefault)?.name ?? 'USER',
    roles: new Map(roles.map((role) => [role.name, role])),
    services: new Map(services.map((service) => [service.id, service])),
    servicesByName: new Map(services.map((service) => [service.name, service])),
    businessRoles: new Map(businessRoles.map((role) => [role.id, role])),
    serviceTokens: new Map(serviceTokens.map((token) => [token.id, token])),
  };
}

/** Live ones; a day more, as the clocks of this process and of PostgreSQL may differ. */
const queryServiceTokens = (db: Knex) =>
  ServiceTokenModel.query(db)
    .whereNull('revokedAt')
    .whereRaw("(expires_at is null or expires_at > now() - interval '1 day')");
