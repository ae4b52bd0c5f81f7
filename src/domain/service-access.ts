import type { Knex } from 'knex';
import type { Loaders } from '../db/loaders.js';
import { queryBusinessRoles, type BusinessRoleRow } from '../db/models/business-role.js';
import { ServiceModel } from '../db/models/service.js';
import { ServiceAccessModel } from '../db/models/service-access.js';
import type { Unit } from '../db/transaction.js';
import { AuthError, badInput, type FieldError } from '../errors.js';
import {
  isOpen,
  readAuthority,
  requireHolds,
  requireOutranks,
  type Authority,
  type ServiceAccess,
  type UserActor,
} from './access.js';
import { manage, raiseVersion, requireExisting, type AccountDeps, type StoredAccount } from './accounts.js';
import { record } from './audit.js';
import type { Client } from './client.js';
import { isId } from './ids.js';
import { readForward, type Order, type Page, type PageRequest } from './pages.js';

/** That an account may use a service, as it is asked for. */
export interface ServiceAccessInput {
  serviceId: string;
  businessRoleId?: string | null;
  status?: 'ACTIVE' | 'SUSPENDED' | null;
  expiresAt?: Date | null;
}

/** What an account is at one service, as it is stored. */
type Mapping = Pick<ServiceAccessModel, 'serviceId' | 'businessRoleId' | 'status' | 'expiresAt'>;

const MOST_SERVICES = 100;

/**
 * Replaces an account's accesses to services. Whatever is given, changed or taken away by it must be within what the
 * actor holds; accesses that stay as they are do not count.
 * @throws {AuthError} NOT_FOUND for an unknown account, service or business role, CONFLICT for a deleted account,
 *   FORBIDDEN for an account of equal or higher rank and for permissions beyond one's own, BAD_USER_INPUT
 */
export async function setServices(
  deps: AccountDeps,
  actor: UserActor,
  id: string,
  services: readonly ServiceAccessInput[],
  client: Client,
): Promise<StoredAccount> {
  const wanted = readMappings(services);
  const work = async (unit: Unit, target: StoredAccount, own: Authority): Promise<StoredAccount> => {
    requireExisting(target, 'userId');
    requireOutranks(own, (await readAuthority(unit.trx, target.id)).rank);
    await requireServices(unit, wanted);
    const before = await readMappingsOf(unit, target.id);
    const changed = differences(before, wanted);
    const roles = await readRoles(unit, [...before, ...wanted]);
    requireSound(wanted, changed, roles, deps.clock.now());
    requireHolds(
      own,
      changed.flatMap(({ businessRoleId }) => roles.get(businessRoleId ?? '')?.permissions ?? []),
    );
    if (changed.length === 0) return target;
    await replace(unit, target.id, wanted);
    await record(unit.trx, client, {
      type: 'services.set',
      actor: actor.id,
      subject: target.id,
      details: { before, after: wanted },
    });
    return raiseVersion(deps, unit, target.id, {});
  };
  return manage(deps, actor, id, work, { checksRank: false });
}

/** The account's accesses to services that are not deleted, by the name of the service. */
export async function listServiceAccess(
  loaders: Loaders,
  userId: string,
  now: number,
): Promise<ServiceAccess[]> {
  const accesses = await loaders.of('accessesOfUser').load(userId);
  const described = accesses.map(async (access): Promise<ServiceAccess | undefined> => {
    const { businessRoleId, status, expiresAt } = access;
    const [service, role] = await Promise.all([
      loaders.of('service').load(access.serviceId),
      businessRoleId === null ? null : loaders.of('businessRole').load(businessRoleId),
    ]);
    return service && { service, role: role ?? null, status, expiresAt, valid: isOpen(service, access, now) };
  });
  const shown = (await Promise.all(described)).filter((access) => access !== undefined);
  return shown.sort((a, b) => (a.service.name < b.service.name ? -1 : 1));
}

const newestFirst: Order<StoredAccount> = {
  name: 'ID',
  column: 'id',
  type: 'text',
  value: (account) => account.id,
  descending: true,
};

/** Accounts with access to a service, newest account first, without deleted ones. @throws {AuthError} BAD_USER_INPUT */
export async function listAccountsOfService(
  loaders: Loaders,
  serviceId: string,
  request: Pick<PageRequest, 'first' | 'after'>,
): Promise<Page<StoredAccount>> {
  return readForward(
    newestFirst,
    request,
    (limit, place) => loaders.of('accountsOfService').load({ serviceId, limit, before: place?.[1] ?? null }),
    () => loaders.of('accountCountOfService').load(serviceId),
  );
}

function readMappings(services: readonly ServiceAccessInput[]): Mapping[] {
  if (services.length > MOST_SERVICES)
    throw badInput([{ name: 'services', message: `Must have at most ${MOST_SERVICES} entries.` }]);
  const mappings = services.map(({ serviceId, businessRoleId, status, expiresAt }) => ({
    serviceId: serviceId.toLowerCase(),
    businessRoleId: businessRoleId?.toLowerCase() ?? null,
    status: status ?? ('ACTIVE' as const),
    expiresAt: expiresAt ?? null,
  }));
  const named = new Set<string>();
  const repeated = mappings.flatMap(({ serviceId }, at) =>
    named.size === named.add(serviceId).size ? [fault(at, 'serviceId', 'Names a service again.')] : [],
  );
  if (repeated.length > 0) throw badInput(repeated);
  return mappings;
}

const fault = (at: number, field: string, message: string): FieldError => ({
  name: `services.${at}.${field}`,
  message,
});

async function requireServices(unit: Unit, wanted: readonly Mapping[]): Promise<void> {
  const ids = wanted.map(({ serviceId }) => serviceId);
  if (!ids.every(isId)) throw new AuthError('NOT_FOUND');
  const found = await liveServices(unit.trx).findByIds(ids);
  if (found.length < ids.length) throw new AuthError('NOT_FOUND');
}

const liveServices = (db: Knex) => ServiceModel.query(db).whereNull('deletedAt');

/** Those to deleted services are nothing any more. */
async function readMappingsOf(unit: Unit, userId: string): Promise<Mapping[]> {
  return ServiceAccessModel.query(unit.trx)
    .select('serviceId', 'businessRoleId', 'status', 'expiresAt')
    .where({ userId })
    .whereIn('serviceId', liveServices(unit.trx).select('id'))
    .orderBy('serviceId');
}

/** Every mapping that is not in both lists, as it was and as it shall be. */
function differences(before: readonly Mapping[], after: readonly Mapping[]): Mapping[] {
  const text = ({ serviceId, businessRoleId, status, expiresAt }: Mapping) =>
    JSON.stringify([serviceId, businessRoleId, status, expiresAt]);
  const [old, wanted] = [new Set(before.map(text)), new Set(after.map(text))];
  return [...before.filter((one) => !wanted.has(text(one))), ...after.filter((one) => !old.has(text(one)))];
}

/** @throws {AuthError} NOT_FOUND when one of them is unknown */
async function readRoles(unit: Unit, mappings: readonly Mapping[]): Promise<Map<string, BusinessRoleRow>> {
  const named = mappings.map(({ businessRoleId }) => businessRoleId).filter((id) => id !== null);
  const ids = [...new Set(named)];
  if (!ids.every(isId)) throw new AuthError('NOT_FOUND');
  const roles = await queryBusinessRoles(unit.trx).findByIds(ids);
  if (roles.length < ids.length) throw new AuthError('NOT_FOUND');
  return new Map(roles.map((role) => [role.id, role]));
}

/** What was given before may have expired meanwhile, and may stay; nothing new may begin so. */
function requireSound(
  wanted: readonly Mapping[],
  changed: readonly Mapping[],
  roles: ReadonlyMap<string, BusinessRoleRow>,
  now: number,
): void {
  const faults = wanted.flatMap((mapping, at) => {
    const bound = roles.get(mapping.businessRoleId ?? '')?.serviceId ?? mapping.serviceId;
    const isPast = mapping.expiresAt !== null && mapping.expiresAt.getTime() <= now;
    return [
      ...(bound === mapping.serviceId
        ? []
        : [fault(at, 'businessRoleId', 'Is a business role of another service.')]),
      ...(isPast && changed.includes(mapping) ? [fault(at, 'expiresAt', 'Must be in the future.')] : []),
    ];
  });
  if (faults.length > 0) throw badInput(faults);
}

async function replace(unit: Unit, userId: string, wanted: readonly Mapping[]): Promise<void> {
  const kept = wanted.map(({ serviceId }) => serviceId);
  await ServiceAccessModel.query(unit.trx).where({ userId }).whereNotIn('serviceId', kept).delete();
  if (wanted.length === 0) return;
  await ServiceAccessModel.query(unit.trx)
    .insert(wanted.map((mapping) => ({ userId, ...mapping })))
    .onConflict(['userId', 'serviceId'])
    .merge(['businessRoleId', 'status', 'expiresAt'])
    .returning([]);
}
