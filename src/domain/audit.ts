import type { Knex } from 'knex';
import { atOnce, type Statement } from '../db/at-once.js';
import { newId } from './ids.js';
import { AuditEventModel } from '../db/models/audit-event.js';
import { signEvent } from './audit/signature.js';
import type { Client } from './client.js';
import type { SealingKeys } from './sealing.js';

export { listEvents, streamEvents, type EventFilter, type StoredEvent } from './audit/list.js';
export { contentOf, isGenuine, type Vouched } from './audit/signature.js';

/** Every type of event, with the details that may stand beside it. Nothing else is ever recorded. */
export const eventTypes = {
  'account.created': ['by', 'roles'],
  'account.updated': ['changed'],
  'account.deleted': [],
  'account.restored': [],
  'account.suspended': ['reason'],
  'account.reinstated': [],
  'account.invited': [],
  'account.exported': [],
  'account.erased': [],
  'email.verified': [],
  'email.change_asked': [],
  'email.changed': ['by'],
  'email.change_undone': ['changed'],
  'sign_in.succeeded': ['session', 'amr', 'location'],
  'sign_in.failed': ['reason'],
  'password.changed': ['keptSession'],
  'password.refused': ['reason'],
  'password.reset_asked': [],
  'password.reset': ['by'],
  'mfa.enrolled': [],
  'mfa.confirmed': [],
  'mfa.challenged': [],
  'mfa.failed': ['act'],
  'mfa.disabled': [],
  'mfa.reset': [],
  'passkey.registered': ['passkey'],
  'passkey.used': ['passkey', 'act'],
  'passkey.refused': ['reason', 'act'],
  'passkey.renamed': ['passkey'],
  'passkey.removed': ['passkey'],
  'recovery_code.used': [],
  'recovery_codes.regenerated': [],
  'session.stepped_up': ['session', 'amr'],
  'refresh.rotated': ['session'],
  'refresh.reused': ['session'],
  'session.ended': ['session', 'reason'],
  'role.created': ['role', 'after'],
  'role.updated': ['role', 'before', 'after'],
  'role.deleted': ['role', 'before'],
  'default_role.set': ['before', 'after'],
  'permission.created': ['permission'],
  'permission.updated': ['permission'],
  'permission.deleted': ['permission', 'roles', 'businessRoles'],
  'roles.set': ['before', 'after', 'ranks', 'gained'],
  'alert.acknowledged': ['rule'],
  'service.created': ['service'],
  'service.updated': ['service', 'before', 'after'],
  'service.deleted': ['service', 'before', 'tokens'],
  'business_role.created': ['role', 'service', 'after'],
  'business_role.updated': ['role', 'service', 'before', 'after'],
  'business_role.deleted': ['role', 'service', 'before'],
  'services.set': ['before', 'after'],
  'service_token.issued': ['service', 'scopes', 'expiresAt'],
  'service_token.rotated': ['service', 'successor', 'endsAt'],
  'service_token.revoked': ['service'],
  'service_jwt.revoked': ['service', 'audience'],
  'signing_key.published': ['kid'],
  'signing_key.activated': ['kid'],
  'signing_key.revoked': ['kid'],
  // Gathered: alike ones within a second are one event; one without a field or reason counts what came beyond the bound.
  'access.denied': ['field', 'code', 'count'],
  'token.refused': ['reason', 'service', 'count'],
  'service_token.exchanged': ['service', 'audience', 'count'],
  'token.exchanged': ['service', 'audience', 'count'],
  'service_token.seen': ['network'],
  'audit.purged': ['through', 'events'],
  'database.restored': ['sessions', 'keys', 'serviceTokens'],
} as const;

export type EventType = keyof typeof eventTypes;
type Detail<T extends EventType> = (typeof eventTypes)[T][number];

export interface AuditEntry<T extends EventType = EventType> {
  type: T;
  outcome?: 'SUCCESS' | 'FAILURE' | 'DENIED';
  /** Id of whoever did it; absent for the service itself. */
  actor?: string;
  /** Id of the account or thing it was done to. */
  subject?: string;
  /** Ids, names and codes only: no secret, no personal data. */
  details?: Partial<Record<Detail<T>, unknown>>;
}

/** Writes one event with the connection or transaction given, so that the record and the deed stand or fall together. */
export async function record<T extends EventType>(
  db: Knex,
  client: Client | undefined,
  entry: AuditEntry<T>,
): Promise<void> {
  const { id, type, outcome, actor, subject, ...rest } = eventOf(db, client, entry);
  const { ipAddress, userAgent, requestId, details, mac } = rest;
  const values = [id, type, outcome, actor, subject, ipAddress, userAgent, requestId, details, mac];
  await atOnce(db, RECORD, values);
}

const RECORD: Statement = {
  name: 'record_event',
  text: `
    insert into audit_events (id, type, outcome, actor, subject, ip_address, user_agent, request_id, details, mac)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
};

/** An event as a signed row, for a statement that writes it together with what it tells of. */
export const eventOf = <T extends EventType>(db: Knex, client: Client | undefined, entry: AuditEntry<T>) =>
  rowOf(db, newId(), client, entry);

/** Writes several events at once, whose ids were made before; those that are there already stay as they are. */
export async function recordAll(
  db: Knex,
  events: readonly { id: string; client: Client | undefined; entry: AuditEntry }[],
): Promise<void> {
  if (events.length === 0) return;
  await AuditEventModel.query(db)
    .insert(events.map(({ id, client, entry }) => rowOf(db, id, client, entry)))
    .onConflict('id')
    .ignore()
    .returning([]);
}

const KEYS = 'auditKeys';

/** Has everything that is recorded through this pool, its transactions included, signed under these keys. */
export function signWith(db: Knex, keys: SealingKeys): void {
  db.userParams[KEYS] = keys;
}

function rowOf(db: Knex, id: string, client: Client | undefined, entry: AuditEntry) {
  const keys = db.userParams[KEYS] as SealingKeys | undefined;
  if (!keys) throw new Error('Nothing can be recorded through this pool: it has no keys to sign with.');
  const event = {
    id,
    type: entry.type,
    outcome: entry.outcome ?? 'SUCCESS',
    actor: entry.actor ?? null,
    subject: entry.subject ?? null,
    ipAddress: client?.ipAddress ?? null,
    userAgent: client?.userAgent ?? null,
    requestId: client?.requestId ?? null,
    details: asStored(entry.details),
    mac: '',
  };
  event.mac = signEvent(keys, event);
  return event;
}

/** As it will be read again: without what is undefined, moments as text. */
function asStored(details: object | undefined): Record<string, unknown> | null {
  return details === undefined ? null : (JSON.parse(JSON.stringify(details)) as Record<string, unknown>);
}
