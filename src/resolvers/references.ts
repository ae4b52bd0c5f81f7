import type { Context } from '../context.js';
import { badInput } from '../errors.js';
import type { BusinessRole } from '../schema/business-role.js';
import type { Role } from '../schema/role.js';
import type { Service } from '../schema/service.js';
import type { Session } from '../schema/session.js';
import type { User } from '../schema/user.js';
import { shapeBusinessRole, shapeRole, shapeService, shapeSession, shapeUser, tombstone } from './shapes.js';

interface Reference {
  id?: unknown;
  name?: unknown;
}

/**
 * The second front door: what a gateway gets for a key that another subgraph named. Each kind is read in one query a
 * request; what may be seen of it is up to the same rows of the table as everywhere. They are asynchronous, so that one
 * failure does not empty the whole batch.
 */
export const references = {
  User: async ({ id }: Reference, { loaders }: Context): Promise<User> => {
    const user = await loaders.of('user').load(key('id', id));
    return user && !user.deletedAt ? shapeUser(user) : tombstone(key('id', id));
  },

  /** Only one's own, or any for holders of roles:read; for the gateway alone any, as far as the table opens it. */
  Role: async ({ id }: Reference, { loaders, actor }: Context): Promise<Role | null> => {
    const role = await loaders.of('role').load(key('id', id));
    const maySee = (name: string) =>
      actor.kind === 'gateway' ||
      (actor.kind === 'user' && (actor.roles.includes(name) || actor.permissions.has('roles:read')));
    return role && maySee(role.name) ? shapeRole(role) : null;
  },

  /** Only one's own, or anybody's for holders of sessions:manage. */
  Session: async ({ id }: Reference, { loaders, actor }: Context): Promise<Session | null> => {
    const session = await loaders.of('session').load(key('id', id));
    const maySee =
      actor.kind === 'user' && (session?.userId === actor.id || actor.permissions.has('sessions:manage'));
    return session && maySee ? shapeSession(session, actor) : null;
  },

  Service: async ({ id, name }: Reference, { loaders }: Context): Promise<Service | null> => {
    const service = await (id === undefined
      ? loaders.of('serviceByName').load(key('name', name))
      : loaders.of('service').load(key('id', id)));
    return service ? shapeService(service) : null;
  },

  /**
   * For the gateway alone and holders of roles:read any; else only those that the account has itself, or that can be
   * given at the service.
   */
  BusinessRole: async ({ id }: Reference, { loaders, actor }: Context): Promise<BusinessRole | null> => {
    const role = await loaders.of('businessRole').load(key('id', id));
    const isOwn = async (userId: string) =>
      (await loaders.of('accessesOfUser').load(userId)).some((access) => access.businessRoleId === role?.id);
    const maySee =
      actor.kind === 'gateway' ||
      (actor.kind === 'service' && (role?.serviceId ?? actor.id) === actor.id) ||
      (actor.kind === 'user' && (actor.permissions.has('roles:read') || (await isOwn(actor.id))));
    return role && maySee ? shapeBusinessRole(role) : null;
  },
};

function key(name: string, value: unknown): string {
  if (typeof value === 'string' && value.length <= 200 && !value.includes('\0')) return value;
  throw badInput([{ name: `representations.${name}`, message: 'Must be a key.' }]);
}
