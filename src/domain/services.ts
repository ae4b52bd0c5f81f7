import type { Knex } from 'knex';
import { z } from 'zod';
import { ServiceModel } from '../db/models/service.js';
import { ServiceTokenModel } from '../db/models/service-token.js';
import type { Unit } from '../db/transaction.js';
import { AuthError, conflict } from '../errors.js';
import { administer, type UserActor } from './access.js';
import { administration } from './administration.js';
import { record } from './audit.js';
import type { Client } from './client.js';
import { isId, newId } from './ids.js';
import { description, readFields } from './input.js';
import { readPage, type Order, type Page, type PageRequest } from './pages.js';
import { revoke, type Feed } from './revocations.js';

export type { ServiceModel as StoredService } from '../db/models/service.js';

export interface ServiceDeps {
  db: Knex;
  feed: Feed;
}

export interface ServiceInput {
  name?: string | null;
  description?: string | null;
  status?: 'ACTIVE' | 'DISABLED' | null;
}

const NAME = 'Must be 2 to 64 lower-case letters and digits in words joined by -, a letter first.';
/** How services are named. */
export const serviceName = z
  .string('Must not be empty.')
  .trim()
  .regex(/^(?=.{2,64}$)[a-z][a-z0-9]*(-[a-z0-9]+)*$/, NAME);
const changes = z
  .object({
    name: serviceName,
    description,
    status: z.enum(['ACTIVE', 'DISABLED'], 'Must not be empty.'),
  })
  .partial();

const byName: Order<ServiceModel> = {
  name: 'name',
  column: 'name',
  type: 'text',
  value: (service) => service.name,
  descending: false,
};

/** Services that are not deleted, by name. @throws {AuthError} BAD_USER_INPUT */
export async function listServices(db: Knex, request: PageRequest): Promise<Page<ServiceModel>> {
  return readPage(ServiceModel.query(db).whereNull('deletedAt'), byName, request);
}

/** Registers a service. @throws {AuthError} BAD_USER_INPUT, FORBIDDEN, CONFLICT for a name that is taken */
export async function createService(
  deps: ServiceDeps,
  actor: UserActor,
  input: ServiceInput,
  client: Client,
): Promise<ServiceModel> {
  const { name = '', description = null } = readFields(changes, input, ['name']);
  return change(deps, actor, async (unit) => {
    const id = newId();
    await tellTaken(ServiceModel.query(unit.trx).insert({ id, name, description }).returning([]));
    await record(unit.trx, client, {
      type: 'service.created',
      actor: actor.id,
      subject: id,
      details: { service: name },
    });
    return { id };
  });
}

/**
 * Changes a service; one that is disabled lets nobody in from the next verification on.
 * @throws {AuthError} NOT_FOUND, BAD_USER_INPUT, FORBIDDEN, CONFLICT for a name that is taken
 */
export async function updateService(
  deps: ServiceDeps,
  actor: UserActor,
  id: string,
  input: ServiceInput,
  client: Client,
): Promise<ServiceModel> {
  const columns = readFields(changes, input, []);
  return change(deps, actor, async (unit) => {
    const service = await getService(unit, id);
    const { name, status } = service;
    const patch = { ...columns, updatedAt: now(unit) } as Partial<ServiceModel>;
    await tellTaken(ServiceModel.query(unit.trx).findById(service.id).patch(patch));
    if (columns.status && columns.status !== status) await tellStanding(deps, unit, service, columns.status);
    const details = {
      service: name,
      before: { name, status },
      after: { name: columns.name ?? name, status: columns.status ?? status },
    };
    await record(unit.trx, client, {
      type: 'service.updated',
      actor: actor.id,
      subject: service.id,
      details,
    });
    return service;
  });
}

/**
 * Soft delete: its tokens end, nobody has access to it any more, its business roles are gone with it, and its name is free.
 * @throws {AuthError} NOT_FOUND, FORBIDDEN
 */
export async function deleteService(
  deps: ServiceDeps,
  actor: UserActor,
  id: string,
  client: Client,
): Promise<void> {
  await change(deps, actor, async (unit) => {
    const service = await getService(unit, id);
    await ServiceModel.query(unit.trx)
      .findById(service.id)
      .patch({ deletedAt: now(unit), updatedAt: now(unit) });
    const tokens = await ServiceTokenModel.query(unit.trx)
      .where({ serviceId: service.id })
      .whereNull('revokedAt')
      .patch({ revokedAt: now(unit) });
    await tellStanding(deps, unit, service, 'DELETED');
    const { name, status } = service;
    await record(unit.trx, client, {
      type: 'service.deleted',
      actor: actor.id,
      subject: service.id,
      details: { service: name, before: { name, status }, tokens },
    });
    return service;
  });
}

const STANDING = { ACTIVE: 'ACTIVE', DISABLED: 'SUSPENDED', DELETED: 'DELETED' } as const;

/** Verifiers elsewhere hear of it as they hear of accounts: what was signed for the service is good no longer, or again. */
async function tellStanding(
  { feed }: ServiceDeps,
  unit: Unit,
  { id, authzVersion }: ServiceModel,
  status: keyof typeof STANDING,
): Promise<void> {
  const version = authzVersion + 1;
  await ServiceModel.query(unit.trx).findById(id).patch({ authzVersion: version });
  revoke(feed, unit, { kind: 'subject', key: id, status: STANDING[status], version });
}

/** The service with this id, locked until the transaction ends. @throws {AuthError} NOT_FOUND for a deleted one as well */
export async function getService(unit: Unit, id: string): Promise<ServiceModel> {
  const service = isId(id)
    ? await ServiceModel.query(unit.trx).findById(id).whereNull('deletedAt').forUpdate()
    : undefined;
  if (!service) throw new AuthError('NOT_FOUND');
  return service;
}

/** One change to the services: permission, then the work, then word to every process that they are others now. */
async function change(
  deps: ServiceDeps,
  actor: UserActor,
  work: (unit: Unit) => Promise<{ id: string }>,
): Promise<ServiceModel> {
  return administration(deps.db, async (unit) => {
    await administer(unit.trx, actor, 'services:manage');
    const { id } = await work(unit);
    revoke(deps.feed, unit, { kind: 'roles', key: id, status: 'SERVICES' });
    return ServiceModel.query(unit.trx).findById(id).throwIfNotFound();
  });
}

const now = (unit: Unit) => unit.trx.raw('now()') as unknown as Date;

async function tellTaken<T>(write: PromiseLike<T>): Promise<T> {
  try {
    return await write;
  } catch (error) {
    throw (error as { constraint?: string }).constraint === 'services_name_taken'
      ? conflict('name', 'Service name already exists')
      : error;
  }
}
