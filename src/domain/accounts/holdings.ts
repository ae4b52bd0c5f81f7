import type { Knex } from 'knex';
import { AlertModel } from '../../db/models/alert.js';
import { AuditEventModel } from '../../db/models/audit-event.js';
import { SessionModel } from '../../db/models/session.js';
import type { UserModel } from '../../db/models/user.js';
import { statusOf } from './standing.js';

/** What is held about one account, fit for JSON: no hash, secret or token, and of other people nothing but their ids. */
export type Holdings = Record<string, unknown>;

/** The newest of each kind, so that any account's holdings fit into memory and into an answer. */
const MOST_EVENTS = 5000;
const MOST_SESSIONS = 1000;

/** Reads it all, in one transaction. */
export async function readHoldings(trx: Knex, user: UserModel): Promise<Holdings> {
  const sessions = await sessionsOf(trx, user.id);
  const events = await eventsOf(trx, user.id);
  return {
    account: profileOf(user),
    roles: await rolesOf(trx, user.id),
    services: await accessesOf(trx, user.id),
    factors: await factorsOf(trx, user.id),
    sessions: sessions.slice(0, MOST_SESSIONS),
    networks: await networksOf(trx, user.id),
    links: await linksOf(trx, user.id),
    addressChanges: await addressChangesOf(trx, user.id),
    alerts: await alertsOf(trx, user.id),
    events: events.slice(0, MOST_EVENTS),
    // True where there is more, older, than stands here.
    incomplete: { sessions: sessions.length > MOST_SESSIONS, events: events.length > MOST_EVENTS },
  };
}

function profileOf(user: UserModel): Holdings {
  const { id, email, username, firstName, middleName, lastName, phone, telegram, country, birthDate } = user;
  const { emailVerifiedAt, passwordChangedAt, lastSignInAt, suspendedAt, suspensionReason } = user;
  const { createdAt, updatedAt, deletedAt, erasedAt } = user;
  return {
    ...{ id, email, username, firstName, middleName, lastName, phone, telegram, country, birthDate },
    status: statusOf(user),
    ...{ emailVerifiedAt, passwordChangedAt, lastSignInAt, suspendedAt, suspensionReason },
    ...{ createdAt, updatedAt, deletedAt, erasedAt },
  };
}

const rolesOf = (trx: Knex, userId: string) =>
  trx('userRoles')
    .join('roles', 'roles.id', 'userRoles.roleId')
    .where({ userId })
    .orderBy('roles.name')
    .select<Holdings[]>('roles.id', 'roles.name', 'userRoles.grantedAt');

const accessesOf = (trx: Knex, userId: string) =>
  trx('serviceAccess as access')
    .join('services', 'services.id', 'access.serviceId')
    .leftJoin('businessRoles', 'businessRoles.id', 'access.businessRoleId')
    .where({ userId })
    .orderBy('services.name')
    .select<Holdings[]>(
      'access.serviceId',
      'services.name as service',
      'businessRoles.name as businessRole',
      'access.status',
      'access.expiresAt',
      'access.createdAt',
    );

async function factorsOf(trx: Knex, userId: string): Promise<Holdings> {
  const totp = await trx('totpFactors')
    .where({ userId })
    .first<Holdings | undefined>('createdAt', 'confirmedAt');
  const recoveryCodes = await trx('recoveryCodes')
    .where({ userId })
    .select<Holdings[]>('createdAt', 'usedAt');
  const passkeys = await trx('passkeys')
    .where({ userId })
    .orderBy('id')
    .select<Holdings[]>('name', 'createdAt', 'lastUsedAt');
  return { totp: totp ?? null, recoveryCodes, passkeys };
}

const sessionsOf = (trx: Knex, userId: string) =>
  SessionModel.query(trx)
    .where({ userId })
    .orderBy([
      { column: 'createdAt', order: 'desc' },
      { column: 'id', order: 'desc' },
    ])
    .limit(MOST_SESSIONS + 1)
    .select('id', 'createdAt', 'lastSeenAt', 'idleExpiresAt', 'expiresAt', 'endedAt', 'endReason')
    .select('ipAddress', 'location', 'userAgent', 'amr', 'aal');

/** Where its sessions were used from. */
const networksOf = (trx: Knex, userId: string) =>
  trx('sessionSightings')
    .join('sessions', 'sessions.id', 'sessionSightings.sessionId')
    .where({ userId })
    .orderBy('sessionSightings.lastSeenAt', 'desc')
    .limit(MOST_SESSIONS)
    .select<Holdings[]>(
      'sessionId',
      'network',
      'sessionSightings.firstSeenAt',
      'sessionSightings.lastSeenAt',
    );

/** What a suspicion was drawn from may be of others. */
const alertsOf = (trx: Knex, subject: string) =>
  AlertModel.query(trx)
    .where({ subject })
    .orderBy('raisedAt', 'desc')
    .limit(MOST_SESSIONS)
    .select('id', 'type', 'severity', 'status', 'raisedAt');

const linksOf = (trx: Knex, userId: string) =>
  trx('oneTimeTokens')
    .where({ userId })
    .orderBy('createdAt')
    .select<Holdings[]>('purpose', 'createdAt', 'expiresAt', 'usedAt');

const addressChangesOf = (trx: Knex, userId: string) =>
  trx('emailChanges')
    .where({ userId })
    .orderBy('askedAt')
    .select<Holdings[]>(
      'oldEmail',
      'newEmail',
      'sessionId',
      'askedAt',
      'changedAt',
      'undoneAt',
      'undoExpiresAt',
    );

/** What the account did and what was done to it, newest first: each half by its own index. */
async function eventsOf(trx: Knex, id: string): Promise<Holdings[]> {
  const newest = (column: 'actor' | 'subject') =>
    AuditEventModel.query(trx)
      .where({ [column]: id })
      .orderBy('occurredAt', 'desc')
      .limit(MOST_EVENTS + 1);
  const found = [...(await newest('subject')), ...(await newest('actor'))];
  return [...new Map(found.map((event) => [event.id, event])).values()]
    .sort((a, b) => b.occurredAt.getTime() - a.occurredAt.getTime() || (a.id < b.id ? 1 : -1))
    .slice(0, MOST_EVENTS + 1)
    .map((event) => withoutOthers(event, id));
}

/** Where somebody else acted from is theirs, and so is what was done to them. */
function withoutOthers(event: AuditEventModel, id: string): Holdings {
  const { occurredAt, type, outcome, actor, subject, ipAddress, userAgent, details } = event;
  const isByOther = actor !== null && actor !== id;
  const isAboutOther = subject !== null && subject !== id;
  return {
    ...{ occurredAt, type, outcome, actor, subject },
    ...(isByOther ? {} : { ipAddress, userAgent }),
    ...(isAboutOther ? {} : { details }),
  };
}
