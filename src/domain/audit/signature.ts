import type { AuditEventModel } from '../../db/models/audit-event.js';
import { authenticate, isAuthentic, type SealingKeys } from '../sealing.js';

const PURPOSE = 'audit event';

/** What of an event the process that records it vouches for; the time is the database's, and is vouched for by the seal. */
export type Vouched = Pick<
  AuditEventModel,
  'id' | 'type' | 'outcome' | 'actor' | 'subject' | 'ipAddress' | 'userAgent' | 'requestId' | 'details'
>;

/** The content of an event as one text, the same whether it is about to be stored or was read again. */
export function contentOf(event: Vouched): string {
  const { id, type, outcome, actor, subject, ipAddress, userAgent, requestId, details } = event;
  const columns = [id, type, outcome, actor, subject, ipAddress, userAgent, requestId];
  return JSON.stringify([...columns, ordered(details)]);
}

/** What shows that a process which has the keys recorded this event. */
export const signEvent = (keys: SealingKeys, event: Vouched): string =>
  authenticate(keys, PURPOSE, contentOf(event));

/** Whether {@link signEvent} made this signature for the event of this content, which {@link contentOf} tells. */
export const isGenuine = (keys: SealingKeys, content: string, mac: string): boolean =>
  isAuthentic(keys, PURPOSE, content, mac);

/** PostgreSQL keeps an object's names in an order of its own. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== 'object' || value === null) return value;
  const names = Object.keys(value).sort();
  return names.map((name) => [name, ordered((value as Record<string, unknown>)[name])]);
}
