import type { Knex } from 'knex';
import { z } from 'zod';
import type { ServiceModel } from '../../db/models/service.js';
import { ServiceTokenModel } from '../../db/models/service-token.js';
import { PermissionModel } from '../../db/models/permission.js';
import { transaction, type Unit } from '../../db/transaction.js';
import { AuthError, badInput, conflict } from '../../errors.js';
import { administer, requireHolds, type Authority, type UserActor } from '../access.js';
import { administration } from '../administration.js';
import { record } from '../audit.js';
import type { Client } from '../client.js';
import type { Clock } from '../clock.js';
import { isId, newId } from '../ids.js';
import { readFields } from '../input.js';
import { revoke, type Feed } from '../revocations.js';
import { getService } from '../services.js';
import { hashSecret, newSecret, prefixOf, writeServiceToken } from './form.js';
import { isLive } from './memory.js';
import { isServiceScope, permissionsFor, serviceScopes } from './scopes.js';

export interface IssueDeps {
  db: Knex;
  feed: Feed;
  clock: Clock;
}

export interface ServiceTokenInput {
  label?: string | null;
  scopes?: readonly string[] | null;
  expiresAt?: Date | null;
}

/** A token's text, which is never shown again, and what is kept of it. */
export interface IssuedServiceToken {
  token: string;
  serviceToken: ServiceTokenModel;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const LIFE_MS = 90 * DAY_MS;
const LONGEST_LIFE_MS = 3653 * DAY_MS;
const MOST_LIVE = 20;
const MOST_LIVE_IN_LINE = 2;
/** So many, as long as permissions may be, fit into a JWT. */
const MOST_SCOPES = 50;
/** How permissions are written, and so scopes. */
const SCOPE = /^[A-Za-z][A-Za-z0-9_:-]{0,99}$/;
const OVERLAP_SECONDS = 86_400;
const LONGEST_OVERLAP_SECONDS = 30 * 86_400;

const fields = z
  .object({
    label: z
      .string()
      .trim()
      .max(100, 'Must have at most 100 characters.')
      .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'Must not hold control characters.')
      .transform((text) => (text === '' ? null : text))
      .nullable(),
    scopes: z
      .array(z.string())
      .refine((names) => names.every((name) => SCOPE.test(name)), 'Must be scopes or permissions.')
      .max(MOST_SCOPES, `Must have at most ${MOST_SCOPES} entries.`)
      .transform((names) => [...new Set(names)].sort())
      .nullable(),
    expiresAt: z.date().nullable(),
  })
  .partial();

/**
 * Issues a token to a service, for 90 days unless said otherwise.
 * @throws {AuthError} BAD_USER_INPUT, NOT_FOUND, FORBIDDEN for scopes beyond one's own permissions, CONFLICT for a
 *   disabled service and for the 21st live token
 */
export async function issueServiceToken(
  deps: IssueDeps,
  actor: UserActor,
  serviceId: string,
  input: ServiceTokenInput,
  client: Client,
): Promise<IssuedServiceToken> {
  const { label = null, scopes, expiresAt } = readFields(fields, input, []);
  const plan = { label, scopes: scopes ?? [], lineId: newId(), expiresAt: readExpiry(deps.clock, expiresAt) };
  const { issued } = await manage(deps, actor, async (unit, own) => {
    const service = await getActive(unit, serviceId, 'serviceId');
    await requireScopes(unit, plan.scopes);
    requireHolds(own, permissionsFor(plan.scopes));
    const issued = await add(deps, unit, service, plan);
    const { id } = issued.serviceToken;
    const details = { service: service.id, scopes: plan.scopes, expiresAt: plan.expiresAt };
    await record(unit.trx, client, { type: 'service_token.issued', actor: actor.id, subject: id, details });
    return { id, issued, status: 'ISSUED' };
  });
  return issued;
}

/**
 * Issues the successor of a live token, with its label and scopes, for 90 days; the old one lives on for the overlap.
 * @throws {AuthError} BAD_USER_INPUT, NOT_FOUND, FORBIDDEN for scopes beyond one's own permissions, CONFLICT for a disabled
 *   service, for a token that has ended, for a third live one in its line and for the 21st of the service
 */
export async function rotateServiceToken(
  deps: IssueDeps,
  actor: UserActor,
  id: string,
  overlapSeconds: number | null | undefined,
  client: Client,
): Promise<IssuedServiceToken> {
  const overlapMs = readOverlap(overlapSeconds) * 1000;
  const { issued } = await manage(deps, actor, async (unit, own) => {
    const old = await getToken(unit, id);
    const service = await getActive(unit, old.serviceId, 'id');
    if (!isLive(old, deps.clock.now()))
      throw conflict('id', 'This token has ended; issue a new one instead.');
    const { label, scopes, lineId } = old;
    requireHolds(own, permissionsFor(scopes));
    const endsAt = new Date(Math.min(old.expiresAt?.getTime() ?? Infinity, deps.clock.now() + overlapMs));
    await ServiceTokenModel.query(unit.trx).findById(old.id).patch({ expiresAt: endsAt });
    const issued = await add(deps, unit, service, {
      label,
      scopes,
      lineId,
      expiresAt: readExpiry(deps.clock),
    });
    const details = { service: service.id, successor: issued.serviceToken.id, endsAt };
    await record(unit.trx, client, {
      type: 'service_token.rotated',
      actor: actor.id,
      subject: old.id,
      details,
    });
    return { id: old.id, issued, status: endsAt.getTime() <= deps.clock.now() ? 'ENDED' : 'ROTATED' };
  });
  return issued;
}

/** Ends a token now; one that has been revoked before stays so. @throws {AuthError} NOT_FOUND, FORBIDDEN */
export async function revokeServiceToken(
  deps: IssueDeps,
  actor: UserActor,
  id: string,
  client: Client,
): Promise<void> {
  await manage(deps, actor, async (unit) => {
    const token = await getToken(unit, id);
    await end(unit, token, actor.id, client);
    return { id: token.id, status: 'ENDED' };
  });
}

/** Ends a token that was shown to this service, or is its own: holding it is proof enough (RFC 7009 §2.1). */
export async function endShownServiceToken(
  { db, feed }: IssueDeps,
  token: ServiceTokenModel,
  serviceId: string,
  client: Client,
): Promise<void> {
  await transaction(db, async (unit) => {
    await end(unit, token, serviceId, client);
    revoke(feed, unit, { kind: 'roles', key: token.id, status: 'ENDED' });
  });
}

async function end(
  { trx }: Unit,
  { id, serviceId }: ServiceTokenModel,
  actor: string,
  client: Client,
): Promise<void> {
  const isEnded = await ServiceTokenModel.query(trx)
    .findById(id)
    .whereNull('revokedAt')
    .patch({ revokedAt: trx.raw('now()') });
  const details = { service: serviceId };
  if (isEnded > 0) await record(trx, client, { type: 'service_token.revoked', actor, subject: id, details });
}

/** One change to the tokens: permission, then the work, then word to every process that they are others now. */
async function manage<T extends { id: string; status: 'ISSUED' | 'ROTATED' | 'ENDED' }>(
  deps: IssueDeps,
  actor: UserActor,
  work: (unit: Unit, own: Authority) => Promise<T>,
): Promise<T> {
  return administration(deps.db, async (unit) => {
    const own = await administer(unit.trx, actor, 'services:manage');
    const done = await work(unit, own);
    revoke(deps.feed, unit, { kind: 'roles', key: done.id, status: done.status });
    return done;
  });
}

async function add(
  { clock }: IssueDeps,
  unit: Unit,
  service: ServiceModel,
  plan: Pick<ServiceTokenModel, 'label' | 'scopes' | 'lineId' | 'expiresAt'>,
): Promise<IssuedServiceToken> {
  await requireRoom(unit, service.id, plan.lineId, clock.now());
  const id = newId();
  const secret = newSecret();
  const kept = { prefix: prefixOf(id), secretHash: hashSecret(secret) };
  await ServiceTokenModel.query(unit.trx)
    .insert({ id, serviceId: service.id, ...plan, ...kept })
    .returning([]);
  const serviceToken = await ServiceTokenModel.query(unit.trx).findById(id).throwIfNotFound();
  return { token: writeServiceToken({ id, secret }), serviceToken };
}

/** Counted under the lock of the service's row, which whoever adds a token holds. @throws {AuthError} CONFLICT */
async function requireRoom(unit: Unit, serviceId: string, lineId: string, now: number): Promise<void> {
  const tokens = await ServiceTokenModel.query(unit.trx).where({ serviceId }).whereNull('revokedAt');
  const live = tokens.filter((token) => isLive(token, now));
  if (live.filter((token) => token.lineId === lineId).length >= MOST_LIVE_IN_LINE)
    throw conflict('id', 'Two tokens of this line are live already; revoke one of them first.');
  if (live.length >= MOST_LIVE)
    throw conflict('serviceId', `A service holds at most ${MOST_LIVE} live tokens; revoke one first.`);
}

/** Scopes of ours, or permissions of applications for the JWTs that other services are shown. @throws {AuthError} BAD_USER_INPUT */
async function requireScopes({ trx }: Unit, scopes: readonly string[]): Promise<void> {
  const others = scopes.filter((scope) => !isServiceScope(scope));
  if (others.length === 0) return;
  const known = await PermissionModel.query(trx).findByIds(others).where({ builtIn: false });
  if (known.length === others.length) return;
  const message = `Must be among ${Object.keys(serviceScopes).join(', ')} and the permissions of applications.`;
  throw badInput([{ name: 'scopes', message }]);
}

/** The service with its row locked. @throws {AuthError} NOT_FOUND, CONFLICT naming `field` */
async function getActive(unit: Unit, id: string, field: string): Promise<ServiceModel> {
  const service = await getService(unit, id);
  if (service.status === 'DISABLED') throw conflict(field, 'The service is disabled.');
  return service;
}

async function getToken(unit: Unit, id: string): Promise<ServiceTokenModel> {
  const token = isId(id) ? await ServiceTokenModel.query(unit.trx).findById(id) : undefined;
  if (!token) throw new AuthError('NOT_FOUND');
  return token;
}

function readExpiry(clock: Clock, wanted?: Date | null): Date {
  const now = clock.now();
  if (!wanted) return new Date(now + LIFE_MS);
  if (wanted.getTime() > now && wanted.getTime() <= now + LONGEST_LIFE_MS) return wanted;
  throw badInput([{ name: 'expiresAt', message: 'Must lie ahead, by at most ten years.' }]);
}

function readOverlap(seconds: number | null | undefined): number {
  const overlap = seconds ?? OVERLAP_SECONDS;
  if (overlap >= 0 && overlap <= LONGEST_OVERLAP_SECONDS) return overlap;
  throw badInput([{ name: 'overlapSeconds', message: 'Must be from 0 to 2592000, which is 30 days.' }]);
}
