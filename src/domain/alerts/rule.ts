import type { Knex } from 'knex';
import type { AlertModel } from '../../db/models/alert.js';
import type { AuditEventModel } from '../../db/models/audit-event.js';
import type { EventType } from '../audit.js';
import type { SuspiciousUse } from '../mail.js';

export type Severity = AlertModel['severity'];

/** What rules see of an event. */
export type Watched = Pick<
  AuditEventModel,
  'id' | 'position' | 'type' | 'actor' | 'subject' | 'ipAddress' | 'occurredAt' | 'details'
>;

/** What a rule is given to look at. */
export interface Looking {
  trx: Knex;
  /** Those events that wake the rule and have not been looked at before, oldest first; some at a time. */
  events: readonly Watched[];
  windowSeconds: number;
  atLeast: number;
  /** When somebody looked last: what began since then is news. */
  lookedAt: Date;
}

/** Something that a rule has found. */
export interface Suspicion {
  /** What is suspected of whom: the rule is quiet about the same for a while. */
  about: string;
  /** Where not the rule's usual one. */
  severity?: Severity;
  /** Id of the account or thing. */
  subject: string | null;
  /** Id of the event that gave rise to it; absent where it is raised once and for all. */
  event?: string;
  details: Record<string, unknown>;
  /** What its owner is told by mail, where the subject is an account. */
  tell?: SuspiciousUse;
}

/** A row of the table of rules. */
export interface Rule {
  severity: Severity;
  /** Types of events that make it look. */
  wakes: readonly EventType[];
  /** Looks each time, woken or not: for what comes with time. */
  alwaysLooks?: true;
  looksFor: string;
  /** So many events are shown to it at a time, where not the usual number. */
  eventsAtOnce?: number;
  /** How far back it looks, or ahead. */
  windowSeconds: number;
  /** So many make a suspicion, or a history to judge by. */
  atLeast: number;
  /** How long it does not raise the same suspicion again. */
  quietSeconds: number;
  find: (looking: Looking) => Promise<Suspicion[]>;
}
