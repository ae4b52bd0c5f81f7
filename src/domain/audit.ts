import type { Knex } from 'knex';
import { newId } from './ids.js';
import { AuditEventModel } from '../db/models/audit-event.js';
import type { Client } from './client.js';

/** Every type of event, with the details that may stand beside it. Nothing else is ever recorded. */
export const eventTypes = {
  'account.created': ['by'],
  'account.updated': ['changed'],
  'account.deleted': [],
  'account.restored': [],
  'account.suspended': ['reason'],
  'account.reinstated': [],
  'email.verified': [],
  'sign_in.succeeded': ['session', 'amr'],
  'sign_in.failed': ['reason'],
  'password.changed': ['keptSession'],
  'password.refused': ['reason'],
  'refresh.rotated': ['session'],
  'refresh.reused': ['session'],
  'session.ended': ['session', 'reason'],
  'role.created': ['role', 'after'],
  'role.updated': ['role', 'before', 'after'],
  'role.deleted': ['role', 'before'],
  'roles.set': ['before', 'after'],
  'signing_key.published': ['kid'],
  'signing_key.activated': ['kid'],
  'signing_key.revoked': ['kid'],
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
  await AuditEventModel.query(db)
    .insert({
      id: newId(),
      type: entry.type,
      outcome: entry.outcome ?? 'SUCCESS',
      actor: entry.actor ?? null,
      subject: entry.subject ?? null,
      ipAddress: client?.ipAddress ?? null,
      userAgent: client?.userAgent ?? null,
      requestId: client?.requestId ?? null,
      details: (entry.details as Record<string, unknown> | undefined) ?? null,
    })
    .returning([]);
}
