import type { Knex } from 'knex';
import { LRUCache } from 'lru-cache';
import { SessionModel } from '../db/models/session.js';
import { UserModel } from '../db/models/user.js';
import { AuthError } from '../errors.js';
import type { Feed } from './revocations.js';
import type { AccessClaims } from './tokens.js';

/** What an account may do: the union over its roles. */
export interface Authority {
  /** Names, highest rank first. */
  readonly roles: readonly string[];
  readonly permissions: ReadonlySet<string>;
  /** Of the highest role; 0 without any. */
  readonly rank: number;
}

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
    } & Authority);

export type UserActor = Extract<Actor, { kind: 'user' }>;

/** The rank that is exempt from the rule of ranks: owners manage owners. */
export const OWNER_ROLE = 'OWNER';

interface CataloguedRole {
  name: string;
  rank: number;
  permissions: string[];
}

/** All roles, in memory, and the authority of accounts whose token is older than their latest change. */
export interface Roles {
  named(name: string): CataloguedRole | undefined;
  /** Counts how often the roles were read; what was worked out under an earlier number is out of date. */
  readonly edition: number;
  readonly remembered: LRUCache<string, Remembered>;
}

interface Remembered {
  version: number;
  edition: number;
  authority: Authority;
}

export interface AccessDeps {
  db: Knex;
  feed: Feed;
  roles: Roles;
}

const ROLES_WITH_PERMISSIONS = `
  select r.name, r.rank, coalesce(array_agg(p.permission order by p.permission) filter (where p.permission is not null), '{}') as permissions
  from roles r left join role_permissions p on p.role_id = r.id`;

/** Loads the roles and reads them again whenever the feed says that one has changed. */
export async function openRoles({ db, feed }: Omit<AccessDeps, 'roles'>): Promise<Roles> {
  const remembered: Roles['remembered'] = new LRUCache({ max: 20_000 });
  let byName = new Map<string, CataloguedRole>();
  let edition = 0;
  const load = async () => {
    const { rows } = await db.raw<{ rows: CataloguedRole[] }>(`${ROLES_WITH_PERMISSIONS} group by r.id`);
    byName = new Map(rows.map((role) => [role.name, role]));
    edition++;
  };
  feed.on('roles', load);
  await load();
  return {
    named: (name) => byName.get(name),
    get edition() {
      return edition;
    },
    remembered,
  };
}

/**
 * What the bearer of this token may do now. From memory where the token is as new as the account's latest change;
 * else read again, once for each version of the account.
 */
export function authorityOf(deps: AccessDeps, claims: AccessClaims): Authority | Promise<Authority> {
  const version = Math.max(claims.ver, deps.feed.subject(claims.sub)?.version ?? 0);
  const known = deps.roles.remembered.get(claims.sub);
  if (known?.version === version && known.edition === deps.roles.edition) return known.authority;
  const named = claims.ver === version ? claims.roles?.map((name) => deps.roles.named(name)) : undefined;
  if (!named?.every((role) => role !== undefined)) return readAgain(deps, claims.sub, version);
  const authority = unite(named);
  deps.roles.remembered.set(claims.sub, { version, edition: deps.roles.edition, authority });
  return authority;
}

async function readAgain(deps: AccessDeps, userId: string, version: number): Promise<Authority> {
  const { edition } = deps.roles;
  const authority = await readAuthority(deps.db, userId);
  deps.roles.remembered.set(userId, { version, edition, authority });
  return authority;
}

/** The authority of an account as the database has it, within the transaction given. */
export async function readAuthority(db: Knex, userId: string): Promise<Authority> {
  const { rows } = await db.raw<{ rows: CataloguedRole[] }>(
    `${ROLES_WITH_PERMISSIONS} join user_roles u on u.role_id = r.id where u.user_id = ? group by r.id`,
    [userId],
  );
  return unite(rows);
}

function unite(roles: CataloguedRole[]): Authority {
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
 * @throws {AuthError} UNAUTHENTICATED when the actor's session has ended, FORBIDDEN when the permission is lacking
 */
export async function administer(trx: Knex, actor: UserActor, permission: string): Promise<Authority> {
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

/** Nobody hands out more than they hold. @throws {AuthError} FORBIDDEN */
export function requireHolds(authority: Authority, permissions: Iterable<string>): void {
  if (authority.roles.includes(OWNER_ROLE)) return;
  for (const permission of permissions) {
    if (!authority.permissions.has(permission))
      throw new AuthError('FORBIDDEN', { message: `You cannot give ${permission}, as you do not hold it.` });
  }
}

/**
 * Before an account loses its standing: it must not be the last active owner. In a transaction that has
 * {@link lockAdministration}, so that two owners cannot demote each other at once.
 * @throws {AuthError} CONFLICT
 */
export async function requireNotLastOwner(trx: Knex, userId: string): Promise<void> {
  const { rows } = await trx.raw<{ rows: { id: string }[] }>(
    `select u.id from users u join user_roles ur on ur.user_id = u.id join roles r on r.id = ur.role_id
     where r.name = ? and u.deleted_at is null and u.suspended_at is null limit 2`,
    [OWNER_ROLE],
  );
  if (rows.length === 1 && rows[0]?.id === userId)
    throw new AuthError('CONFLICT', { message: 'This is the last active owner, who must stay one.' });
}
