import type { Knex } from 'knex';
import { LRUCache } from 'lru-cache';
import { ServiceAccessModel } from '../db/models/service-access.js';
import type { ServiceModel } from '../db/models/service.js';
import { SessionModel } from '../db/models/session.js';
import { UserModel } from '../db/models/user.js';
import { AuthError, conflict } from '../errors.js';
import {
  ROLES_WITH_PERMISSIONS,
  type Catalogue,
  type CataloguedBusinessRole,
  type CataloguedRole,
} from './catalogue.js';
import type { Feed } from './revocations.js';
import type { Authority, SessionAuthority } from './access/authority.js';
import { narrow, refusalOf } from './access/withheld.js';
import type { AccessClaims } from './tokens.js';

export type { Authority, SessionAuthority } from './access/authority.js';
export { FRESH_SECONDS, requireAssurance, type Assurance } from './access/assurance.js';
export { narrowTo, refusalOf } from './access/withheld.js';

/** Who makes a request, as proved by a credential. */
export type Actor =
  | {
      readonly kind: 'anonymous';
      /** Why the bearer that came along was not believed. */ readonly rejection?: string;
    }
  | { readonly kind: 'gateway' }
  | ({
      readonly kind: 'user';
      readonly id: string;
      readonly sessionId: string;
      readonly aal: number;
    } & SessionAuthority)
  | {
      readonly kind: 'service';
      readonly id: string;
      readonly name: string;
      readonly tokenId: string;
      /** What its token was issued for, besides verifying for itself. */
      readonly scopes: ReadonlySet<string>;
    };

export type ServiceActor = Extract<Actor, { kind: 'service' }>;
export type UserActor = Extract<Actor, { kind: 'user' }>;

/** The rank that is exempt from the rule of ranks: owners manage owners. */
export const OWNER_ROLE = 'OWNER';

/** What accounts may do, as far as this process has worked it out; each entry holds for one version of its account. */
export interface Remembered {
  readonly authorities: LRUCache<string, { version: number; edition: number; authority: Authority }>;
  readonly accesses: LRUCache<string, { version: number; accesses: ReadonlyMap<string, ServiceAccessModel> }>;
  /** Sessions that have reached aal 2, with the version of their account as of which they were looked at. */
  readonly proved: LRUCache<string, number>;
}

export interface AccessDeps {
  db: Knex;
  feed: Feed;
  catalogue: Catalogue;
  remembered: Remembered;
}

/** How many accounts a process remembers. */
const REMEMBERED_ACCOUNTS = 20_000;

export const rememberAccess = (): Remembered => ({
  authorities: new LRUCache({ max: REMEMBERED_ACCOUNTS }),
  accesses: new LRUCache({ max: REMEMBERED_ACCOUNTS }),
  proved: new LRUCache({ max: REMEMBERED_ACCOUNTS }),
});

/**
 * What the bearer of this token may do now. From memory where the token is as new as the account's latest change;
 * else read again, once for each version of the account. An account that must have a second factor may do nothing in a
 * session that has not proved one.
 * @see docs/decisions/0016-second-factors-by-role.md
 */
export function authorityOf(
  deps: AccessDeps,
  claims: AccessClaims,
): SessionAuthority | Promise<SessionAuthority> {
  const version = versionOf(deps, claims);
  const authority = authorityOfAccount(deps, claims, version);
  return authority instanceof Promise
    ? authority.then((found) => narrow(deps, claims, version, found))
    : narrow(deps, claims, version, authority);
}

function authorityOfAccount(
  deps: AccessDeps,
  claims: AccessClaims,
  version: number,
): Authority | Promise<Authority> {
  const { edition } = deps.catalogue;
  const known = deps.remembered.authorities.get(claims.sub);
  if (known?.version === version && known.edition === edition) return known.authority;
  const named = claims.ver === version ? claims.roles?.map((name) => deps.catalogue.role(name)) : undefined;
  // A token that names none may be of a session from which they were withheld; every account has one.
  if (!named?.length || !named.every((role) => role !== undefined))
    return readAgain(deps, claims.sub, version);
  const authority = unite(named);
  deps.remembered.authorities.set(claims.sub, { version, edition, authority });
  return authority;
}

/** The version that this account has reached, as far as this process has heard. */
const versionOf = ({ feed }: AccessDeps, { sub, ver }: Pick<AccessClaims, 'sub' | 'ver'>): number =>
  Math.max(ver, feed.subject(sub)?.version ?? 0);

async function readAgain(deps: AccessDeps, userId: string, version: number): Promise<Authority> {
  const { edition } = deps.catalogue;
  const authority = await readAuthority(deps.db, userId);
  deps.remembered.authorities.set(userId, { version, edition, authority });
  return authority;
}

/** What an account is at one service. */
export interface ServiceAccess {
  readonly service: ServiceModel;
  readonly role: CataloguedBusinessRole | null;
  readonly status: 'ACTIVE' | 'SUSPENDED';
  readonly expiresAt: Date | null;
  /** Service active, access active, not expired. */
  readonly valid: boolean;
}

/**
 * What the bearer of this token is at that service now; undefined where it has no access or there is no such service.
 * From memory; an account's accesses are read once for each version of it.
 */
export function serviceAccessOf(
  deps: AccessDeps,
  claims: Pick<AccessClaims, 'sub' | 'ver'>,
  serviceId: string,
  now: number,
): ServiceAccess | undefined | Promise<ServiceAccess | undefined> {
  const service = deps.catalogue.service(serviceId);
  if (!service) return undefined;
  const version = versionOf(deps, claims);
  const known = deps.remembered.accesses.get(claims.sub);
  if (known?.version === version) return describeAccess(deps, service, known.accesses.get(serviceId), now);
  return readAccesses(deps, claims.sub, version).then((accesses) =>
    describeAccess(deps, service, accesses.get(serviceId), now),
  );
}

/** A stored access in the light of its service, its role and the time, in milliseconds since 1970. */
export function describeAccess(
  { catalogue }: Pick<AccessDeps, 'catalogue'>,
  service: ServiceModel,
  access: ServiceAccessModel | undefined,
  now: number,
): ServiceAccess | undefined {
  if (!access) return undefined;
  const { businessRoleId, status, expiresAt } = access;
  return {
    service,
    role: businessRoleId === null ? null : (catalogue.businessRole(businessRoleId) ?? null),
    status,
    expiresAt,
    valid: isOpen(service, access, now),
  };
}

/** Service active, access active, not expired; `now` in milliseconds since 1970. */
export function isOpen(
  service: Pick<ServiceModel, 'status'>,
  { status, expiresAt }: Pick<ServiceAccessModel, 'status' | 'expiresAt'>,
  now: number,
): boolean {
  const isLive = status === 'ACTIVE' && (expiresAt === null || expiresAt.getTime() > now);
  return isLive && service.status === 'ACTIVE';
}

async function readAccesses(
  deps: AccessDeps,
  userId: string,
  version: number,
): Promise<ReadonlyMap<string, ServiceAccessModel>> {
  const rows = await ServiceAccessModel.query(deps.db).where({ userId });
  const accesses = new Map(rows.map((row) => [row.serviceId, row]));
  deps.remembered.accesses.set(userId, { version, accesses });
  return accesses;
}

/** The authority of an account as the database has it, within the transaction given. */
export async function readAuthority(db: Knex, userId: string): Promise<Authority> {
  const { rows } = await db.raw<{ rows: CataloguedRole[] }>(
    `${ROLES_WITH_PERMISSIONS} join user_roles u on u.role_id = r.id where u.user_id = ? group by r.id`,
    [userId],
  );
  return unite(rows);
}

/** What these roles allow together. */
export function unite(roles: readonly CataloguedRole[]): Authority {
  const ordered = [...roles].sort((a, b) => b.rank - a.rank || (a.name < b.name ? -1 : 1));
  return {
    roles: ordered.map((role) => role.name),
    permissions: new Set(ordered.flatMap((role) => role.permissions)),
    rank: ordered[0]?.rank ?? 0,
  };
}

// One change of accounts' or roles' standing at a time: what it was decided on cannot shift before it commits.
const ADMINISTRATION_LOCK = 7_203_110_004;

/**
 * Opens an act of administration inside its transaction: serialises it and reads anew what the actor may do.
 * @throws {AuthError} UNAUTHENTICATED when the actor's session has ended, FORBIDDEN when the permission is lacking,
 *   INSUFFICIENT_AAL when it is withheld
 */
export async function administer(trx: Knex, actor: UserActor, permission: string): Promise<Authority> {
  if (actor.withheld !== undefined) throw refusalOf(actor.withheld);
  await lockAdministration(trx);
  await requireStanding(trx, actor);
  const authority = await readAuthority(trx, actor.id);
  if (!authority.permissions.has(permission)) throw new AuthError('FORBIDDEN');
  return authority;
}

/**
 * Who acts may have been signed out, suspended or deleted since the token was looked at: by an earlier field of the same
 * document, or on another replica. Asked inside every transaction that acts for an account.
 * @throws {AuthError} UNAUTHENTICATED
 */
export async function requireStanding(trx: Knex, { id, sessionId }: UserActor): Promise<void> {
  const session = await SessionModel.query(trx)
    .findById(sessionId)
    .whereNull('endedAt')
    .whereExists(UserModel.query(trx).findById(id).whereNull('deletedAt').whereNull('suspendedAt'));
  if (session?.userId !== id) throw new AuthError('UNAUTHENTICATED');
}

/** Held until the transaction ends. */
export async function lockAdministration(trx: Knex): Promise<void> {
  await trx.raw('select pg_advisory_xact_lock(?)', [ADMINISTRATION_LOCK]);
}

/** Whether someone with this authority may manage what has that rank: only what ranks lower, save for owners. */
export function canOutrank(authority: Authority, rank: number): boolean {
  return authority.roles.includes(OWNER_ROLE) || authority.rank > rank;
}

/** @throws {AuthError} FORBIDDEN unless {@link canOutrank} */
export function requireOutranks(authority: Authority, rank: number): void {
  if (!canOutrank(authority, rank))
    throw new AuthError('FORBIDDEN', { message: 'You may only manage what ranks lower than you.' });
}

/** Nobody gives or takes what they do not hold. @throws {AuthError} FORBIDDEN */
export function requireHolds(authority: Authority, permissions: Iterable<string>): void {
  if (authority.roles.includes(OWNER_ROLE)) return;
  for (const permission of permissions) {
    if (!authority.permissions.has(permission))
      throw new AuthError('FORBIDDEN', { message: `You must hold ${permission} yourself to do this.` });
  }
}

/**
 * Before an account loses its standing: it must not be the last active owner. In a transaction that has
 * {@link lockAdministration}, so that two owners cannot demote each other at once.
 * @param argument what the caller gave that would have it so, if anything
 * @throws {AuthError} CONFLICT
 */
export async function requireNotLastOwner(trx: Knex, userId: string, argument?: string): Promise<void> {
  const { rows } = await trx.raw<{ rows: { id: string }[] }>(
    `select u.id from users u join user_roles ur on ur.user_id = u.id join roles r on r.id = ur.role_id
     where r.name = ? and u.deleted_at is null and u.suspended_at is null limit 2`,
    [OWNER_ROLE],
  );
  if (rows.length !== 1 || rows[0]?.id !== userId) return;
  const message = 'This is the last active owner, who must stay one.';
  throw argument === undefined ? new AuthError('CONFLICT', { message }) : conflict(argument, message);
}
